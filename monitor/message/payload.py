"""A message as the JSON body of a webhook, in the shape of Standard Webhooks 1.0.0 (PROTOCOLS.md 5.13).

Signing and sending are the notifier's. The fields are a promise to receivers: new ones may come, none is renamed.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from monitor.message.link import link_to
from monitor.message.wording import ELLIPSIS, act
from rules.model import Delivery, Message, Passage, Reason

RECOMMENDED: Final = 20_000
"""Bytes that Standard Webhooks advises not to exceed."""
_STEPS: Final = ((100_000, 1000), (4000, 100), (2000, 50), (1000, 25), (500, 12), (250, 6), (120, 3))
"""(characters of one text, entries of one list), tried in turn; the last is under 64 kB whatever comes in,
since JSON needs at most twelve bytes for a character."""
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
"""Half characters are not UTF-8 and NUL is refused by PostgreSQL's jsonb: receivers choke on them."""


def as_payload(delivery: Delivery) -> dict[str, Any]:
    """Return what a webhook tells about a delivery.

    `type` is alert.created, alert.updated, notice or test; `timestamp` is when it was decided, not this attempt's, so
    that every attempt has the same bytes. `data` holds:

    - `delivery`, `thread`, `channel`, `alerts`: lasting names; `thread` is equal for all that belongs together
    - `severity`: low, normal, high or critical
    - `title`, `act` (what a docket entry says was filed, or null), `body` (the text of a notice), `url` (or null)
    - `document`: null for notices, else `key`, `kind`, `source`, `source_title`, `published`, `first_seen`
    - `rules`: `id`, `title`, `severity`, `when`, `clauses`, `version` of every rule that fired
    - `passages`: `field`, `text`, `marks` ([start, end) pairs, counted in Unicode code points of `text`)
    - `cut`: true when texts or lists were shortened to keep the body near 20 kB; each cut text ends in U+2026
    """
    for length, count in _STEPS:
        payload = _told(delivery, length, count)
        if len(_serialised(payload)) <= RECOMMENDED:
            break
    return payload


def as_body(delivery: Delivery) -> bytes:
    """Return the payload as the bytes to sign and send: ASCII JSON, the same for every attempt."""
    return _serialised(as_payload(delivery))


def _serialised(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def _told(delivery: Delivery, length: int, count: int) -> dict[str, Any]:
    message = delivery.message
    cutter = _Cutter(length, count)
    link = link_to(message.url)
    told: dict[str, Any] = {
        "delivery": delivery.key,
        "channel": delivery.channel,
        "thread": message.thread,
        "alerts": cutter.some(delivery.alerts),
        "severity": message.severity,
        "title": cutter.text(message.title),
        "act": act(message),
        "body": cutter.text(message.body),
        "url": link.href if link else None,
        "document": _document(message, cutter) if message.document else None,
        "rules": [_rule(reason, cutter) for reason in cutter.some(message.reasons)],
        "passages": [_passage(passage, cutter) for passage in cutter.some(message.passages)],
    }
    told["cut"] = cutter.used
    return {"type": message.type, "timestamp": _iso(message.at), "data": told}


def _document(message: Message, cutter: _Cutter) -> dict[str, Any]:
    return {
        "key": message.document,
        "kind": message.kind,
        "source": message.source,
        "source_title": cutter.text(message.source_title or message.source or ""),
        "published": _iso(message.published),
        "first_seen": _iso(message.first_seen),
    }


def _rule(reason: Reason, cutter: _Cutter) -> dict[str, Any]:
    return {
        "id": reason.rule,
        "title": cutter.text(reason.title),
        "severity": reason.severity,
        "when": cutter.text(reason.when),
        "clauses": [cutter.text(clause) for clause in cutter.some(reason.clauses)],
        "version": reason.version,
    }


def _passage(passage: Passage, cutter: _Cutter) -> dict[str, Any]:
    text = cutter.text(passage.text)
    end = len(passage.text) if text == _scrubbed(passage.text) else len(text) - len(ELLIPSIS)
    marks = [[start, min(stop, end)] for start, stop in cutter.some(passage.marks) if start < min(stop, end)]
    return {"field": passage.field, "text": text, "marks": marks}


class _Cutter:
    """Shortens texts and lists to fixed limits and remembers whether it had to."""

    def __init__(self, length: int, count: int) -> None:
        self._length = length
        self._count = count
        self.used = False

    def text(self, text: str) -> str:
        fit = _scrubbed(text)
        if len(fit) <= self._length:
            return fit
        self.used = True
        return fit[: self._length - len(ELLIPSIS)] + ELLIPSIS

    def some(self, entries: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(entries) > self._count:
            self.used = True
        return entries[: self._count]


def _scrubbed(text: str) -> str:
    """Return the text with every unfit character replaced by one other, so that offsets hold."""
    return _UNFIT.sub("\ufffd", text)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
