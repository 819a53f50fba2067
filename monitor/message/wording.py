"""The words that every form of a message shares: subject, headline, facts and marked passages, all made safe to show.

Nothing here knows of mail, HTML or JSON; each form escapes for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final

from rules.model import Delivery, Message, Passage

SUBJECT_LENGTH: Final = 200
"""Characters (FAULTS.md 1.6); RFC 5322 sets no limit on an unfolded subject, readers cut much earlier."""
ELLIPSIS: Final = "…"

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates: a title that carries one can make the text around it read backwards."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LABEL = re.compile(r"\s*\[([^\[\]]{2,160})\]")
"""A docket entry's text begins with what was filed, in brackets: `[Motion for Order]` (PROTOCOLS.md 5.8)."""

_KINDS: Final = {
    "news": "News",
    "release": "Press release",
    "filing": "Filing",
    "docket-entry": "Docket entry",
    "notice": "Notice",
    "page": "Web page",
}


def cleaned(text: str) -> str:
    """Return a text fit to be shown inside a line or paragraph: controls become blanks, half characters U+FFFD.

    Line feeds and tabs are kept. Characters that override the direction of writing are dropped.
    """
    text = _SURROGATE.sub("\ufffd", _DIRECTION.sub("", text))
    return _CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else " ", text)


def one_line(text: str) -> str:
    """Return the text cleaned and with every run of blanks made one space."""
    return " ".join(cleaned(text).split())


def shortened(text: str, length: int) -> str:
    """Cut a text to `length` characters at most, at the end of a word where there is one near."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    if not text[length - 1].isspace():
        space = cut.rfind(" ", max(length - 40, 0))
        cut = cut[:space] if space > 0 else cut
    return cut.rstrip() + ELLIPSIS


def act(message: Message) -> str | None:
    """Return what a docket entry says was filed, when its text begins with a label and the title lacks it."""
    if message.kind != "docket-entry":
        return None
    opening = next((p.text for p in message.passages if p.field == "body"), "")
    found = _LABEL.match(opening)
    label = one_line(found[1]) if found else ""
    return label if label and label.casefold() not in message.title.casefold() else None


def headline(message: Message) -> str:
    """Return what happened, in one line."""
    title = one_line(message.title) or "(untitled)"
    what = act(message)
    return f"{what}: {title}" if what else title


def subject(message: Message) -> str:
    """Return the subject of a mail: our own mark first, so that no title can pass itself off as graver than it is.

    Controls, NEL, U+2028, U+2029, VT and FF are blanks, lone surrogates U+FFFD, `=?` is broken up so that no reader
    takes it for an encoded word (CVE-2024-6923), and the whole is cut to 200 characters at a word.
    """
    words = headline(message).replace("=?", "= ?")
    return shortened(
        f"[{_mark(message)}] {'Updated: ' if message.type == 'alert.updated' else ''}{words}", SUBJECT_LENGTH
    )


def _mark(message: Message) -> str:
    if message.type == "test":
        return "tipstaff test"
    if message.type == "notice":
        return "tipstaff" if message.severity == "normal" else f"tipstaff {message.severity}"
    return message.severity


def kind_named(message: Message) -> str:
    """Return the document's kind as a reader would say it."""
    if message.type == "test":
        return "Test message"
    if message.type == "notice":
        return "About tipstaff itself"
    return _KINDS.get(message.kind or "", one_line(message.kind or "Document"))


def source_named(message: Message) -> str:
    """Return the source's title, or its id."""
    return one_line(message.source_title or message.source or "")


def stamp(at: datetime, zone: tzinfo = UTC) -> str:
    """Return a time for people, to the second, with the name of its zone."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S} {local.tzname()}"


def times(message: Message, zone: tzinfo = UTC) -> tuple[tuple[str, str], ...]:
    """Return the times a reader wants, each with its name."""
    if message.type in ("notice", "test"):
        return (("Sent", stamp(message.at, zone)),)
    known: list[tuple[str, str]] = []
    published = stamp(message.published, zone) if message.published else "not stated by the source"
    known.append(("Published", published))
    if message.first_seen:
        known.append(("First seen", stamp(message.first_seen, zone) + _after(message)))
    if message.type == "alert.updated":
        known.append(("Updated", stamp(message.at, zone)))
    return tuple(known)


def _after(message: Message) -> str:
    """Say how long after publication it was seen, where both are known and a reader would care."""
    if message.published is None or message.first_seen is None:
        return ""
    seconds = int((message.first_seen - message.published).total_seconds())
    if not 60 <= seconds < 3 * 86_400:
        return ""
    hours, minutes = divmod(seconds // 60, 60)
    span = f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
    return f" ({span} later)"


def show_command(delivery: Delivery) -> str:
    """Return the command that shows the alert again on the machine that sent it; none for notices."""
    return f"tipstaff alerts show {one_line(delivery.alerts[0])[:12]}" if delivery.alerts else ""


def pieces(passage: Passage) -> Iterator[tuple[str, bool]]:
    """Yield the passage in pieces, each with whether it is marked; marks that make no sense are left out."""
    text, at = passage.text, 0
    for start, end in sorted(passage.marks):
        begin, stop = max(start, at), min(end, len(text))
        if begin >= stop:
            continue
        if begin > at:
            yield cleaned(text[at:begin]), False
        yield cleaned(text[begin:stop]), True
        at = stop
    if at < len(text):
        yield cleaned(text[at:]), False
