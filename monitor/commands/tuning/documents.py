"""Documents that a command looks at: JSON lines from a file or a pipe, or the history in the store.

A line that is no document is told with its place and the others are read all the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

from monitor.cli import Call
from monitor.clock import SystemClock
from monitor.opening import opened
from rules.model import FACTS, KINDS, Document, Kind, digest
from rules.text import plain

TITLE_LIMIT: Final = 10_000
BODY_LIMIT: Final = 2_000_000
_KINDS: Final[Mapping[str, Kind]] = {
    **{kind: kind for kind in KINDS},
    **{"headline": "news", "press_release": "release", "docket": "docket-entry", "docket_entry": "docket-entry"},
    "rule": "notice",
}
"""What a document's kind may be called, with ours."""
STEP: Final = 200
"""Documents between two looks of a progress bar."""


class BadDocument(ValueError):
    """A line or file that is not a document as `rules try` and its kin read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A document with what it is called, and when it was first seen where that is said."""

    name: str | None
    document: Document
    first_seen: datetime | None = None

    @property
    def at(self) -> datetime | None:
        """When it counts as seen: when it was first seen, or else when it was published."""
        return self.first_seen or self.document.published


def read(raw: bytes, where: str) -> Read:
    """Read one document: an object with `title`, `body`, `kind`, `source`, `published`, `facts` and others.

    Raises:
        BadDocument: it is none; the text names `where` and what is wrong.
    """
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadDocument(f"{where} is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise BadDocument(f"{where} is not a JSON object")
    kind = _text(given, "kind", where) or "news"
    if kind not in _KINDS:
        raise BadDocument(f"{where}: kind {kind!r} is none of {', '.join(KINDS)}")
    name = given.get("id")
    document = Document(
        source=_text(given, "source", where) or "stdin",
        kind=_KINDS[kind],
        title=plain(_text(given, "title", where) or "", TITLE_LIMIT),
        body=plain(_text(given, "body", where) or "", BODY_LIMIT),
        url=_text(given, "url", where),
        published=_time(given, "published", where),
        updated=_time(given, "updated", where),
        lang=_text(given, "lang", where),
        tags=_texts(given.get("tags") or [], "tags", where),
        facts=_facts(given, where),
    )
    return Read(
        name=None if name is None else str(name), document=document, first_seen=_time(given, "first_seen", where)
    )


def _text(given: Mapping[str, Any], key: str, where: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise BadDocument(f"{where}: {key} must be text, not {type(value).__name__}")
    return value


def _texts(value: Any, key: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadDocument(f"{where}: {key} must be a list of texts")
    return tuple(value)


def _facts(given: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    form = _text(given, "form", where)
    facts = given.get("facts") or {}
    if not isinstance(facts, dict):
        raise BadDocument(f'{where}: facts must be an object of field and value, such as {{"court": "dcd"}}')
    found = [("form", form)] if form else []
    for name, value in facts.items():
        if name not in FACTS:
            raise BadDocument(f"{where}: facts: {name!r} is none of {', '.join(FACTS)}")
        values = (value,) if isinstance(value, str) else _texts(value, f"facts: {name}", where)
        found += [(name, one) for one in values if one]
    return tuple(dict.fromkeys(found))


def _time(given: Mapping[str, Any], key: str, where: str) -> datetime | None:
    text = _text(given, key, where)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadDocument(f"{where}: {key} {text!r} is not a time such as 2024-03-05T21:04:11Z") from None


# --- many of them -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Stream:
    """Documents to be looked at, one after the other: (key, document, when it was first seen)."""

    documents: Iterator[tuple[str, Document, datetime | None]]
    count: int | None = None
    """How many there are, where that is known."""
    bad: int = 0
    """Lines that were no document, so far."""


@dataclass(slots=True)
class _Lines:
    """The lines of a file of documents; `blame` is told of those that are none."""

    name: str
    file: BinaryIO
    blame: Callable[[str], None]
    since: datetime | None
    source: str | None
    stream: Stream = field(init=False)

    def __iter__(self) -> Iterator[tuple[str, Document, datetime | None]]:
        for number, line in enumerate(self.file, start=1):
            if not line.strip():
                continue
            try:
                one = read(line, f"{self.name}:{number}")
            except BadDocument as fault:
                self.stream.bad += 1
                self.blame(str(fault))
                continue
            if self._is_wanted(one):
                document = one.document
                yield one.name or digest(document.source, document.title, document.body), document, one.at

    def _is_wanted(self, one: Read) -> bool:
        if self.source is not None and one.document.source != self.source:
            return False
        return self.since is None or one.at is None or one.at >= self.since


@contextmanager
def streamed(call: Call, default: timedelta) -> Iterator[Stream]:
    """Open the documents that `--from`, `--since` and `--source` choose; the store's where no file is named.

    Args:
        call: the call with these words.
        default: how far back the store is read without `--since`; a file is read in full.

    Raises:
        BadDocument: there is no such file.
    """
    words = call.words
    now = SystemClock().now()
    since = now - words.since if words.since else None
    if words.from_ is None:
        since = since or now - default
        with opened(call.config_path, call.environ) as (_, store):
            # Counting reads the whole index: only a person who sees a bar needs it.
            total = store.count_history(since=since, source=words.source) if call.terminal.interactive else None
            history = store.history(since=since, source=words.source)
            yield Stream(((filed.key, filed.document, filed.first_seen) for filed in history), total)
        return
    name = "stdin" if words.from_ == "-" else words.from_
    with _opened(words.from_) as file:
        lines = _Lines(name, file, call.terminal.fail, since, words.source)
        lines.stream = Stream(iter(()))
        lines.stream.documents = iter(lines)
        yield lines.stream


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below; only opening it may fail so
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadDocument(f"{name} cannot be read: {reason}") from None
    with file:
        yield file


def feed(call: Call, stream: Stream, look: Callable[[str, Document, datetime | None], None]) -> None:
    """Show a function every document of a stream, with a progress bar where somebody is looking."""
    with call.terminal.progress("documents", stream.count) as done:
        waiting = 0
        for key, document, at in stream.documents:
            look(key, document, at)
            waiting += 1
            if waiting == STEP:
                done(waiting)
                waiting = 0
        done(waiting)
