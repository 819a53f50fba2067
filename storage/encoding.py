"""How values become columns: text, times, JSON and our nested records; which columns there are is in `schema`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rules.model import Evidence, Health, Message, Passage, Reason, Traits

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
REPLACEMENT: Final = "\ufffd"

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """Replace what one of the databases refuses: NUL (PostgreSQL) and lone surrogates (both)."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub(REPLACEMENT, text)


def micros(at: datetime) -> int:
    """Return microseconds since 1970 UTC, exactly.

    Raises:
        ValueError: the time has no zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"a stored time needs a zone: {at.isoformat()}")
    return (at - EPOCH) // MICROSECOND


def instant(count: int) -> datetime:
    """Return the UTC time that `micros` was given."""
    return EPOCH + count * MICROSECOND


def folded(number: int) -> int:
    """Return the number as a signed 64-bit one, which both databases can hold."""
    return (number + 2**63) % 2**64 - 2**63


def dump(value: object) -> str:
    """Write canonical JSON: sorted keys, no spaces, nothing that a database or a parser refuses."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def load(text: str) -> Any:
    """Read what `dump` wrote."""
    return json.loads(text)


def _plain(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool | int | float):
        return None if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {clean(str(name)): _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [_plain(one) for one in value]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def health(kept: Mapping[str, Any]) -> Health:
    """Rebuild a health record; what an older program did not write takes its default."""
    return Health(**_known(Health, kept, times=("failing_since", "last_success", "told_at")))


def traits(kept: Mapping[str, Any]) -> Traits:
    """Rebuild what was learnt about a source."""
    return Traits(**_known(Traits, kept))


def evidence(kept: Sequence[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    """Rebuild the reasons of an alert."""
    return tuple(Evidence(**_known(Evidence, one)) for one in kept)


def message(kept: Mapping[str, Any]) -> Message:
    """Rebuild a message with its reasons and passages."""
    known = _known(Message, kept, times=("at", "published", "first_seen"))
    known["reasons"] = tuple(
        Reason(**{**_known(Reason, one), "clauses": tuple(one.get("clauses", ()))}) for one in kept.get("reasons", ())
    )
    known["passages"] = tuple(
        Passage(**{**_known(Passage, one), "marks": tuple((start, end) for start, end in one.get("marks", ()))})
        for one in kept.get("passages", ())
    )
    return Message(**known)


def _known(kind: type[Any], kept: Mapping[str, Any], *, times: Sequence[str] = ()) -> dict[str, Any]:
    """Take the fields this program knows; a newer one may have written more."""
    names = {field.name for field in fields(kind)}
    return {
        name: datetime.fromisoformat(value) if name in times and value is not None else value
        for name, value in kept.items()
        if name in names
    }
