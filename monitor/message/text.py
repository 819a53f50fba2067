"""A message as plain text, with every fact that the HTML form has; nothing here is markup.

What a source wrote is set behind `> `, so that it cannot pass for tipstaff's own words.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo
from typing import Final

from monitor.message.link import link_to
from monitor.message.wording import cleaned, headline, kind_named, one_line, pieces, show_command, source_named, times
from rules.model import Delivery, Message, Passage, Reason

WIDTH: Final = 76


def as_text(delivery: Delivery, *, zone: tzinfo = UTC) -> str:
    """Return the message as lines of 76 columns, times in `zone`; addresses are never broken."""
    message = delivery.message
    blocks = [
        _head(message),
        _facts(message, zone),
        *([_notice(message.body)] if message.body else []),
        *(_quoted(passage) for passage in message.passages),
        _address(message),
        _why(message.reasons),
        _foot(delivery),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(message: Message) -> str:
    title = headline(message)
    return _wrapped(f"Updated: {title}" if message.type == "alert.updated" else title)


def _facts(message: Message, zone: tzinfo) -> str:
    facts = [("Severity", message.severity), ("Kind", kind_named(message))]
    if source := source_named(message):
        facts.append(("Source", source))
    facts += times(message, zone)
    return "\n".join(_wrapped(f"{name + ':':<12}{value}", indent=" " * 12) for name, value in facts)


def _notice(body: str) -> str:
    return "\n".join(_wrapped(line) for line in cleaned(body).split("\n"))


def _quoted(passage: Passage) -> str:
    marked = "".join(f"*{piece.strip()}*" if on and piece.strip() else piece for piece, on in pieces(passage))
    lines = (_wrapped(line, indent="> ", first="> ") or ">" for line in marked.strip().split("\n"))
    return f"{'Title' if passage.field == 'title' else 'Text'}:\n" + "\n".join(lines)


def _address(message: Message) -> str:
    if not message.url:
        return ""
    link = link_to(message.url)
    if link is None:
        return "Address:    (the source gave one that is not a plain web address; it is not shown)"
    return f"Address ({link.host}):\n{link.href}"


def _why(reasons: Iterable[Reason]) -> str:
    lines = [line for reason in reasons for line in _reason(reason)]
    return "\n".join(["Why you get this", *lines]) if lines else ""


def _reason(reason: Reason) -> Iterator[str]:
    yield _wrapped(f"- {one_line(reason.title)} (rule {one_line(reason.rule)}, {reason.severity})", indent="  ")
    yield _wrapped(f"  asks:  {one_line(reason.when)}", indent=" " * 9)
    if reason.clauses:
        yield _wrapped(f"  held:  {', '.join(one_line(c) for c in reason.clauses)}", indent=" " * 9)


def _foot(delivery: Delivery) -> str:
    lines = ["-- ", f"Sent by tipstaff, delivery {one_line(delivery.key)}"]
    if command := show_command(delivery):
        lines.append(f"To see it again: {command}")
    return "\n".join(lines)


def _wrapped(text: str, *, indent: str = "", first: str = "") -> str:
    return textwrap.fill(
        text,
        width=WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=True,
    )
