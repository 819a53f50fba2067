"""A message as an HTML mail: one page without pictures, scripts or anything fetched from elsewhere.

Every text is escaped and isolated (`<bdi>`); nothing of a document's own markup gets in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, tzinfo
from html import escape
from typing import Final

from monitor.message import style
from monitor.message.link import link_to
from monitor.message.wording import (
    act,
    cleaned,
    headline,
    kind_named,
    one_line,
    pieces,
    shortened,
    show_command,
    source_named,
    times,
)
from rules.model import SEVERITIES, Delivery, Message, Passage, Reason

_COMMAND = re.compile(r"`([^`\n]{1,200})`")
_PREVIEW: Final = 140
"""Characters that an inbox shows beside the subject."""


def as_html(delivery: Delivery, *, zone: tzinfo = UTC) -> str:
    """Return the message as a complete HTML page, times in `zone`, with the facts that the text form has."""
    message = delivery.message
    sections = (
        _head(message),
        _facts(message, zone),
        _notice(message.body) if message.body else "",
        _passages(message),
        _button(message),
        _why(message.reasons),
        _foot(delivery),
    )
    body = "\n".join(section for section in sections if section)
    return f"""\
<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{escape(headline(message))}</title>
<style>
{style.SHEET}</style>
</head>
<body style="margin:0;padding:0;background:{style.GROUND}">
<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">{escape(_preview(message))}</div>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>
<td class="ground" align="center" style="padding:28px 12px;background:{style.GROUND}">
<!--[if mso]><table role="presentation" width="640" cellpadding="0" cellspacing="0"><tr><td><![endif]-->
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" border="0" \
style="max-width:640px;background:{style.PAPER};border:1px solid {style.LINE};border-radius:6px;text-align:left">
{body}
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr></table>
</body>
</html>
"""


def _row(content: str, *, above: int, below: int = 0, ruled: bool = False, tint: bool = False) -> str:
    line = f"border-top:1px solid {style.LINE};" if ruled else ""
    back = f"background:{style.TINT};border-radius:0 0 6px 6px;" if tint else ""
    names = "pad" + (" rule" if ruled else "") + (" tint" if tint else "")
    return f'<tr><td class="{names}" style="padding:{above}px 32px {below}px;{line}{back}">\n{content}\n</td></tr>'


def _text(text: str) -> str:
    """Escape a text of unknown origin and keep its direction from reaching what stands around it."""
    return f"<bdi>{escape(one_line(text))}</bdi>"


def _head(message: Message) -> str:
    colour = style.SEVERITY_COLOURS[message.severity if message.severity in SEVERITIES else "normal"]
    said = ["Updated", kind_named(message)] if message.type == "alert.updated" else [kind_named(message)]
    chip = (
        f'<span style="display:inline-block;background:{colour};color:#ffffff;font:700 11px/18px {style.SANS};'
        f'letter-spacing:.06em;text-transform:uppercase;padding:1px 9px;border-radius:3px">{message.severity}</span>'
    )
    line = " &nbsp;&middot;&nbsp; ".join(_text(word) for word in said)
    above = (
        f'<div class="muted" style="font:13px/20px {style.SANS};color:{style.MUTED}">{chip}&nbsp;&nbsp; {line}</div>'
    )
    return (
        f'<tr><td style="height:4px;line-height:4px;font-size:0;background:{colour};border-radius:5px 5px 0 0">'
        f"&nbsp;</td></tr>\n" + _row(f"{above}\n{_title(message)}", above=22)
    )


def _title(message: Message) -> str:
    """The title with its own marks; where a docket entry says what was filed, that comes first and largest."""
    in_title = next((p for p in message.passages if p.field == "title"), None)
    if in_title is not None and one_line(in_title.text) == one_line(message.title):
        title = f"<bdi>{_marked(in_title)}</bdi>"
    else:
        title = _text(message.title or "(untitled)")
    large = f"margin:12px 0 0;font:700 24px/1.3 {style.SERIF};color:{style.INK};overflow-wrap:anywhere"
    what = act(message)
    if what is None:
        return f'<h1 class="title ink" style="{large}">{title}</h1>'
    small = f"margin:6px 0 0;font:17px/1.4 {style.SERIF};color:{style.INK};overflow-wrap:anywhere"
    return f'<h1 class="title ink" style="{large}">{_text(what)}</h1>\n<p class="ink" style="{small}">{title}</p>'


def _facts(message: Message, zone: tzinfo) -> str:
    label = f"padding:1px 18px 1px 0;font:13px/20px {style.SANS};color:{style.MUTED};white-space:nowrap"
    value = f"padding:1px 0;font:13px/20px {style.SANS};color:{style.INK}"
    source = source_named(message)
    facts = ((("Source", source),) if source else ()) + times(message, zone)
    rows = "\n".join(
        f'<tr><td class="muted" valign="top" style="{label}">{name}</td>'
        f'<td class="ink" valign="top" style="{value}">{_text(said)}</td></tr>'
        for name, said in facts
    )
    table = f'<table role="presentation" cellpadding="0" cellspacing="0" border="0">\n{rows}\n</table>'
    return _row(table, above=14)


def _notice(body: str) -> str:
    paragraph = f"margin:0 0 8px;font:15px/1.55 {style.SANS};color:{style.INK};overflow-wrap:anywhere"
    code = f"font:13px/1.5 {style.MONO};background:{style.TINT};padding:1px 5px;border-radius:3px"
    lines = (
        _COMMAND.sub(rf'<code class="tint" style="{code}">\1</code>', escape(line.rstrip()))
        for line in cleaned(body).split("\n")
        if line.strip()
    )
    return _row("\n".join(f'<p class="ink" style="{paragraph}"><bdi>{line}</bdi></p>' for line in lines), above=18)


def _passages(message: Message) -> str:
    quote = (
        f"margin:0 0 12px;padding:2px 0 2px 16px;border-left:3px solid #d9b93b;"
        f"font:16px/1.6 {style.SERIF};color:{style.INK};overflow-wrap:anywhere"
    )
    shown = (p for p in message.passages if one_line(p.text) != one_line(message.title))
    quotes = "\n".join(
        f'<blockquote class="quote ink" style="{quote}"><bdi>{_marked(p)}</bdi></blockquote>' for p in shown
    )
    return _row(quotes, above=18) if quotes else ""


def _marked(passage: Passage) -> str:
    mark = f"background:{style.MARK};color:{style.INK};border-radius:2px"
    return "".join(
        f'<mark class="mark" style="{mark}">{_breaking(piece)}</mark>' if on else _breaking(piece)
        for piece, on in pieces(passage)
    )


def _breaking(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")


def _button(message: Message) -> str:
    if not message.url:
        return ""
    link = link_to(message.url)
    if link is None:
        said = "The source gave an address that is not a plain web address; it is not shown."
        return _row(
            f'<p class="muted" style="margin:0;font:13px/20px {style.SANS};color:{style.MUTED}">{said}</p>', above=8
        )
    anchor = (
        f"display:inline-block;padding:10px 20px;font:600 15px/20px {style.SANS};color:#ffffff;text-decoration:none"
    )
    solid = f'class="button" style="background:{style.LINKS};border-radius:4px"'
    button = (
        f'<table role="presentation" cellpadding="0" cellspacing="0" border="0" {solid}><tr><td {solid}>'
        f'<a href="{escape(link.href)}" rel="noopener noreferrer nofollow" style="{anchor}">'
        f"Open at {escape(shortened(link.host, 60))}</a></td></tr></table>"
    )
    return _row(button, above=8, below=12)


def _why(reasons: Sequence[Reason]) -> str:
    if not reasons:
        return ""
    heading = (
        f"margin:0 0 10px;font:700 11px/18px {style.SANS};letter-spacing:.08em;"
        f"text-transform:uppercase;color:{style.MUTED}"
    )
    shown = "\n".join(_reason(reason) for reason in reasons)
    return _row(f'<h2 class="muted" style="{heading}">Why you get this</h2>\n{shown}', above=14)


def _reason(reason: Reason) -> str:
    name = f"margin:0;font:600 15px/22px {style.SANS};color:{style.INK}"
    query = (
        f"margin:6px 0 0;padding:9px 12px;background:{style.TINT};border-radius:4px;"
        f"font:13px/1.5 {style.MONO};color:{style.INK};overflow-wrap:anywhere"
    )
    small = f"margin:6px 0 16px;font:13px/1.6 {style.SANS};color:{style.MUTED}"
    clause = f"font:12px/1.5 {style.MONO};background:{style.MARK};color:{style.INK};padding:1px 6px;border-radius:3px"
    held = " ".join(f'<span class="mark" style="{clause}">{_text(c)}</span>' for c in reason.clauses)
    return (
        f'<p class="ink" style="{name}">{_text(reason.title)}</p>\n'
        f'<div class="tint" style="{query}">{_text(reason.when)}</div>\n'
        f'<p class="muted" style="{small}">{f"Held here: {held}<br>" if held else ""}'
        f"Rule {_text(reason.rule)}, severity {reason.severity}</p>"
    )


def _foot(delivery: Delivery) -> str:
    small = f"margin:0;font:12px/1.6 {style.SANS};color:{style.MUTED};overflow-wrap:anywhere"
    code = f"font:11px/1.5 {style.MONO}"
    said = [f'Sent by tipstaff, delivery <span style="{code}">{_text(delivery.key)}</span>']
    if command := show_command(delivery):
        said.append(f'To see it again: <span style="{code}">{escape(command)}</span>')
    lines = "<br>\n".join(said)
    spacer = '<tr><td style="height:10px;line-height:10px;font-size:0">&nbsp;</td></tr>\n'
    return spacer + _row(f'<p class="muted" style="{small}">{lines}</p>', above=16, below=20, ruled=True, tint=True)


def _preview(message: Message) -> str:
    """What an inbox shows beside the subject: the first words of what was said, not of how it is laid out."""
    said = next((p.text for p in message.passages if p.field != "title"), message.body)
    return shortened(one_line(said), _PREVIEW)
