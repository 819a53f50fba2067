"""What goes over the pipes between the daemon and its parsing children; nobody reads or parses here.

A question is two lengths, JSON and the body; an answer is a length and JSON.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from monitor.sources import Parse, ParsedEntry, ParsedFeed

QUESTION: Final = struct.Struct(">II")
ANSWER: Final = struct.Struct(">I")
ANSWER_LIMIT: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """The child's own answer that a document could not be read."""

    kind: str
    reason: str


def question(parse: Parse, cpu: int) -> bytes:
    """Write one question; `cpu` is the processor time it may take, in seconds."""
    about = json.dumps({"type": parse.content_type[:200], "url": parse.url, "cpu": cpu}).encode()
    return QUESTION.pack(len(about), len(parse.body)) + about + parse.body


def answer(result: ParsedFeed | Unreadable) -> bytes:
    """Write one answer, whole."""
    told = {"feed" if isinstance(result, ParsedFeed) else "unreadable": asdict(result)}
    raw = json.dumps(told, ensure_ascii=False, default=datetime.isoformat).encode("utf-8", "replace")
    if len(raw) > ANSWER_LIMIT:
        return answer(Unreadable(kind="parse-limit", reason="the feed holds more text than is read at once"))
    return ANSWER.pack(len(raw)) + raw


def read_answer(raw: bytes) -> ParsedFeed | Unreadable:
    """Read the JSON of an answer back into values.

    Raises:
        ValueError, KeyError, TypeError: it is not one.
    """
    told: dict[str, Any] = json.loads(raw)
    if "unreadable" in told:
        return Unreadable(**told["unreadable"])
    feed = told["feed"]
    feed["built"] = _moment(feed["built"])
    feed["entries"] = tuple(_entry(row) for row in feed["entries"])
    return ParsedFeed(**feed)


def _entry(row: dict[str, Any]) -> ParsedEntry:
    row["published"], row["updated"] = _moment(row["published"]), _moment(row["updated"])
    row["authors"], row["tags"] = tuple(row["authors"]), tuple(row["tags"])
    return ParsedEntry(**row)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
