"""How documents and their reasons look in the answers of the tuning tools, for people and as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from monitor.commands.terminal import Terminal
from rules.alerting import passages
from rules.model import Document, Evidence
from rules.tuning.samples import Seen

WIDTH: Final = 24
"""Characters of the longest bar."""
_KEY: Final = 12
_LONGEST_TITLE: Final = 100


def heading(seen: Seen) -> str:
    """Return the line that names a document: when it was first seen, its source and its key."""
    at = "no date" if seen.at is None else f"{seen.at:%Y-%m-%d %H:%M}"
    return f"  {at}  {seen.document.source}  {seen.key[:_KEY]}"


def titled(document: Document) -> str:
    """Return what a document is called in one line."""
    text = " ".join((document.title or document.body).split()) or "(untitled)"
    return text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 1] + "…"


def shortened(clause: str) -> str:
    """Return a clause as a list has room for it."""
    return clause if len(clause) <= _LONGEST_TITLE else clause[: _LONGEST_TITLE - 1] + "…"


def show_marked(terminal: Terminal, document: Document, evidence: Sequence[Evidence]) -> None:
    """Write the pieces of a document in which rules found something, with that marked."""
    for passage in passages(document, evidence):
        if passage.field == "title" or passage.marks:
            terminal.marked(passage.text, passage.marks)
    stated = dict.fromkeys(one.clause for one in evidence if one.start == one.end)
    if stated:
        terminal.say(f"    {', '.join(stated)}")


def seen_values(seen: Seen) -> dict[str, Any]:
    """Return a document as JSON values."""
    document = seen.document
    return {
        "document": seen.key,
        "source": document.source,
        "kind": document.kind,
        "first_seen": seen.at,
        "title": document.title,
        "url": document.url,
    }


def evidence_values(document: Document, evidence: Sequence[Evidence]) -> list[dict[str, Any]]:
    """Return evidence as JSON values, with the words it stands for."""
    texts = {"title": document.title, "body": document.body}
    return [
        {
            "field": one.field,
            "start": one.start,
            "end": one.end,
            "text": texts.get(one.field, "")[one.start : one.end],
            "clause": one.clause,
        }
        for one in evidence
    ]


def bar(terminal: Terminal, count: int, most: int) -> str:
    """Return a bar for a count, of which the longest stands for `most`; anything but none has at least one sign."""
    if not count or not most:
        return ""
    return terminal.block * max(1, round(WIDTH * count / most))
