"""Text as it comes from outside, made fit to keep and show: `clean` for characters, `plain` for markup.

How the result is read as words is not here (see `words`); nothing is parsed as HTML proper, no tree is built.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

ELLIPSIS: Final = "…"

_UNFIT: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17))
    + "]"
)


def clean(text: str, limit: int) -> str:
    """Return `text` fit to be stored and shown, at most `limit` characters, the last one `…` if it was cut.

    C0 controls but tab and line ends, DEL and noncharacters are dropped; halves of surrogate pairs are joined
    or become U+FFFD; C1 controls become what Windows-1252 means by them, as WHATWG's encoding standard reads
    Latin-1, so that a mislabelled feed keeps its quotes.
    """
    if _UNFIT.search(text):
        if not text.isascii():
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        text = _UNFIT.sub(_replacement, text)
    if len(text) > limit:
        text = text[: limit - 1] + ELLIPSIS if limit > 0 else ""
    return text


def _replacement(match: re.Match[str]) -> str:
    character = match[0]
    return bytes((ord(character),)).decode("cp1252", "ignore") if "\x80" <= character <= "\x9f" else ""


# --- markup -----------------------------------------------------------------------------------------------------


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_BREAKING: Final = _names(
    "address article aside blockquote body br center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol optgroup option p"
    " pre section summary table tbody tfoot thead title tr ul"
)
_SPACING: Final = frozenset(("td", "th"))
_JOINING: Final = _names(
    "a abbr acronym applet area audio b base basefont bdi bdo big blink button canvas caption cite code col colgroup"
    " data datalist del dfn em embed font frame g i iframe img input ins kbd label link map mark marquee meta meter"
    " nobr noframes noscript object output param path picture progress q rp rt ruby s samp script select slot small"
    " source span strike strong style sub sup svg template textarea time track tt u use var video wbr"
)
_KNOWN: Final = _BREAKING | _SPACING | _JOINING
_VALUELESS: Final = _names(
    "allowfullscreen async autofocus autoplay checked compact controls default defer disabled hidden inert itemscope"
    " loop multiple muted noshade novalidate nowrap open playsinline readonly required reversed selected"
)
# A quoted value may hold `<`, but only so many: every attempt then reads a bounded number of `<` and is linear.
_CLEAN_VALUE: Final = r"""(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+"""
_ROUGH_VALUE: Final = r"""(?:"[^"<]*+(?:<[^"<]*+){1,8}+"|'[^'<]*+(?:<[^'<]*+){1,8}+')"""
_DECLARATION: Final = re.compile(r"<(?:!--|!(?=[A-Za-z\[])|\?(?=[A-Za-z]))")
_TAG: Final = re.compile(
    rf"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*+)(?P<rest>(?:{_CLEAN_VALUE}{_ROUGH_VALUE}){{0,3}}+{_CLEAN_VALUE})>"
)
_TAG_WITH_A_STRAY_QUOTE: Final = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*+)(?P<rest>\s[^<>]*+)>")
_CUT_TAG: Final = re.compile(r"</?(?P<name>[A-Za-z][A-Za-z0-9:-]*+)\s[^<>]*+\Z")
_ATTRIBUTES: Final = re.compile(
    rf"[\s/]*+(?:(?:{'|'.join(sorted(_VALUELESS))})(?![^\s/])[\s/]*+)*+(?:\Z|[A-Za-z_:@][\w:.-]*+\s*+=)", re.I
)
_LONG_REFERENCE: Final = re.compile(r"&#(?:[0-9]{8,}+|[xX][0-9A-Fa-f]{8,}+);?")
_BLANKS: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r" ?\n[ \n]*")
_ENDS: Final = {
    "<!--": re.compile("-->"),
    "<!": re.compile(">"),
    "<?": re.compile(r"\??>"),
    "script": re.compile(r"</script\b[^<>]*+>", re.I),
    "style": re.compile(r"</style\b[^<>]*+>", re.I),
}


def plain(markup: str, limit: int) -> str:
    """Return the text of an HTML-ish field, cleaned and cut as `clean` does, in time linear in its length.

    Inline tags join (`Bin<b>ance</b>` is `Binance`), block tags and `<br>` break the line; scripts, styles and
    comments vanish; character references are decoded once. What only resembles a tag (`x < y`, `<3`, a mail
    address in angle brackets) stays. Where there are tags, line ends of the source are mere blanks.
    """
    pieces = list(_without_tags(markup)) if "<" in markup else [markup]
    tagged = len(pieces) > 1
    text = "".join(pieces)
    if "&" in text:
        # html.unescape raises on decimal references of more than 4,300 digits (CPython's int limit).
        text = html.unescape(_LONG_REFERENCE.sub("\ufffd", text))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if tagged:
        text = text.replace("\n", " ").replace(_BREAK, "\n")
    text = _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()
    return clean(text, limit)


_BREAK: Final = "\ufdd1"
"""Stands for a line break that a tag made until the line ends of the source are blanks; a noncharacter."""


def _without_tags(markup: str) -> Iterator[str]:
    """Yield the text between tags and what each tag leaves behind; one piece only if there was no tag."""
    markup = markup.replace(_BREAK, "")
    if "<![CDATA[" in markup:
        markup = markup.replace("<![CDATA[", "").replace("]]>", "")
    missing: set[str] = set()  # ends known not to come any more, so that none is searched twice
    kept = position = 0
    while (start := markup.find("<", position)) >= 0:
        end, left = _tag_at(markup, start, missing)
        if end > start:
            yield markup[kept:start]
            yield left
            kept = end
        position = max(end, start + 1)
    yield markup[kept:]


def _tag_at(markup: str, start: int, missing: set[str]) -> tuple[int, str]:
    """Return where the tag at `start` ends and what it leaves in the text; `start` itself if it is no tag."""
    if opening := _DECLARATION.match(markup, start):
        end = _end_of(opening[0], markup, opening.end(), missing)
        return (end or opening).end(), ""
    tag = _TAG.match(markup, start) or _TAG_WITH_A_STRAY_QUOTE.match(markup, start)
    if tag is None:
        cut = _CUT_TAG.match(markup, start)
        return (len(markup), "") if cut and cut["name"].lower() in _KNOWN and "=" in cut[0] else (start, "")
    name = tag["name"].lower()
    if not _is_real(name, tag):
        return start, ""
    if name in ("script", "style") and not tag["close"]:
        end = _end_of(name, markup, tag.end(), missing)
        return (end or tag).end(), ""
    return tag.end(), _BREAK if name in _BREAKING else " " if name in _SPACING else ""


def _end_of(what: str, markup: str, start: int, missing: set[str]) -> re.Match[str] | None:
    if what in missing:
        return None
    end = _ENDS[what].search(markup, start)
    if end is None:
        missing.add(what)
    return end


def _is_real(name: str, tag: re.Match[str]) -> bool:
    """Tell a tag from prose such as `<b and c>`, `<no comment>` or `<https://example.org>`."""
    rest = tag["rest"]
    if _ATTRIBUTES.match(rest) is None:
        return False
    return bool(name in _KNOWN or tag["close"] or "-" in name or ":" in name or "=" in rest)
