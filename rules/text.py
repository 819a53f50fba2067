"""Text as it comes from outside, made fit to keep (`clean`), to read (`plain`) and to compare (`normalise`).

How the normal form falls into words is not here (see `words`); markup is not parsed as HTML proper, no tree is built.
"""

from __future__ import annotations

import codecs
import html
import re
import unicodedata
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


# --- the normal form ---------------------------------------------------------------------------------------------

_JOINS: Final = "\ufdd0"
"""What `_FOLDED` says of a character that may combine with the one before it; a noncharacter."""
_SPECIAL: Final = {
    **dict.fromkeys("\u00b4\u02b9\u02bc\u055a\u2018\u2019\u201a\u201b\u2032", "'"),
    **dict.fromkeys("\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033", '"'),
    **dict.fromkeys("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0", ""),
    "\u2212": "-",
}
_MOST_REMEMBERED: Final = 20_000
_LONGEST_CLUSTER: Final = 31
"""A letter and 30 marks, as in UAX 15's stream-safe text: normalising a run of n marks takes CPython n * n steps."""


def _is_removed(character: str) -> bool:
    return (
        unicodedata.category(character) == "Cf"
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or "\u180b" <= character <= "\u180f"
        or "\ufdd0" <= character <= "\ufdef"
        or _SPECIAL.get(character) == ""
    )


def _settle(character: str) -> str:
    """Return what one character of an NFKC, casefolded string is in the normal form."""
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isspace():
        return " "
    if unicodedata.category(character) == "Pd":
        return "-"
    return "" if _is_removed(character) else character


def _fold_cluster(cluster: str) -> str:
    if cluster in _SPECIAL:
        return _SPECIAL[cluster]
    # Casefolding may undo the normal form (ß with a dot below), so that is made twice.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster).casefold())
    return "".join(map(_settle, folded))


def _joins(character: str) -> bool:
    """Whether NFKC may compose this character with an earlier one: marks and the later jamo of a syllable."""
    first = unicodedata.normalize("NFKC", character)[0]
    return unicodedata.category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"


class Table(dict[int, str]):
    """A translation table that is filled as characters are met, up to a bound."""

    def __missing__(self, code: int) -> str:
        value = self.entry(chr(code))
        if len(self) < _MOST_REMEMBERED:
            self[code] = value
        return value

    def entry(self, character: str) -> str:
        raise NotImplementedError


class _FoldTable(Table):
    def entry(self, character: str) -> str:
        if _is_removed(character):
            return ""
        return _JOINS if _joins(character) else _fold_cluster(character)


_FOLDED: Final = _FoldTable()


def normalise(text: str) -> str:
    """Return the normal form: NFKC, casefolded, nothing invisible, plain quotes, dashes and blanks."""
    if text.isascii():
        return text.lower()
    normal = text.translate(_FOLDED)
    if _JOINS not in normal:
        return normal
    return "".join(_fold_cluster(cluster) for _, _, cluster in _clusters(text))


def fold_character(character: str) -> str | None:
    """Return a character in normal form; None if that depends on the characters beside it."""
    folded = _FOLDED[ord(character)]
    return None if folded == _JOINS else folded


class NeighboursMatter(Exception):
    """A character whose normal form depends on those beside it."""


class _Stretches(dict[str, bytes]):
    """A stretch of characters outside ASCII -> its normal form in UTF-8, where no neighbour matters."""

    def __missing__(self, stretch: str) -> bytes:
        pieces = list(map(fold_character, stretch))
        if None in pieces:
            raise NeighboursMatter
        folded = "".join(piece for piece in pieces if piece).encode()
        if len(stretch) <= 8 and len(self) < _MOST_REMEMBERED:
            self[stretch] = folded
        return folded


_STRETCHES: Final = _Stretches()


def _fold_stretch(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - it is only given to encode
    return _STRETCHES[error.object[error.start : error.end]], error.end


_FOLDING: Final = "tipstaff-normal"
_BLANKS_OF_BYTES: Final = bytes(0x20 if 0x1C <= code <= 0x1F else code for code in range(256))
"""These four are blanks to str.split and not to bytes.split."""
codecs.register_error(_FOLDING, _fold_stretch)


def folded_bytes(text: str) -> bytes:
    """Return the normal form in UTF-8, the case of ASCII letters kept and every stretch of blanks one space.

    Raises:
        NeighboursMatter: it has to be made character by character.
    """
    return b" ".join(text.encode("ascii", _FOLDING).translate(_BLANKS_OF_BYTES).split())


def normal_ranges(text: str) -> list[tuple[int, int]]:
    """Return, for each character of the normal form, the characters [start, end) of `text` that it stands for."""
    pieces = [_FOLDED[ord(character)] for character in text]
    if _JOINS not in pieces:
        return [(place, place + 1) for place, piece in enumerate(pieces) for _ in piece]
    return [(start, end) for start, end, cluster in _clusters(text) for _ in _fold_cluster(cluster)]


def fold(text: str) -> str:
    """Return the normal form of a name (a tag, a label), runs of blanks made one."""
    return " ".join(normalise(text).split())


def strip_marks(text: str) -> str:
    """Return the letters of `text`, composed, without marks and invisible characters."""
    if text.isascii():
        return text
    visible = "".join(character for character in text if _FOLDED[ord(character)])
    composed = unicodedata.normalize("NFC", visible)
    return "".join(character for character in composed if _FOLDED[ord(character)] != _JOINS)


def _clusters(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, characters kept) of each piece of text that normalises by itself."""
    start, end, kept = 0, 0, ""
    for position, character in enumerate(text):
        folded = _FOLDED[ord(character)]
        if folded == "":
            continue
        if kept and (folded != _JOINS or len(kept) > _LONGEST_CLUSTER):
            yield start, end, kept
            kept = ""
        if not kept:
            start = position
        kept += character
        end = position + 1
    if kept:
        yield start, end, kept
