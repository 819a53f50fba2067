"""Text read as words: the normal form, its words, and the way back to the characters of the original.

Languages are not told apart and words are not stemmed: a rule matches the words its author wrote.

How a text becomes words (queries and aliases are read by the same code, so both sides always agree):

- The normal form is NFKC, casefolded; zero-width characters, soft hyphens and variation selectors vanish,
  curly quotes and dashes become plain ones, every blank becomes a space.
- Letters and digits make words, everything else separates: `8-K` is `8 k`, `1:23-cv-01599` is `1 23 cv 01599`,
  `O'Brien` is `o brien`, `l'AMF` is `l amf`. The `'s` of a possessive is dropped.
- A full stop between letters stays inside the word: `Binance.US` and `U.S` are one word each and so are
  `Binance.US's` and a sentence's last `Binance.US.`; but `order.The` (a lost blank) is two.
- A full stop or a thousands comma between digits stays too: `4.3bn`, and `1,000` is the word `1000`.
- `&` is the word `and`; a currency sign is a word of its own, so `$50M` is `$ 50m` and `50m` matches it as well.
- Scripts written without blanks (Chinese, Japanese, Thai ...) and Korean make one word of each character,
  so that a phrase is found anywhere inside a run.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Final

from rules.text import Table, normal_ranges, normalise, strip_marks


class _ShapeTable(Table):
    """Maps a normal form to the ASCII on which `_TOKEN` works: letters `a`, digits `0`, `字` for a lone word."""

    def entry(self, character: str) -> str:
        if character.isascii():
            return character
        if _stands_alone(ord(character)):
            return "字"
        if character.isdecimal():
            return "0"
        category = unicodedata.category(character)
        if category == "Sc":
            return "$"
        return "a" if category[0] in "LMN" else " "


_ALONE: Final = (
    # Thai and Lao, Myanmar, Hangul jamo, Khmer, CJK radicals, marks and kana, ideographs, Hangul, later planes
    *((0x0E01, 0x0EFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007)),
    *((0x3021, 0x302F), (0x3031, 0x3035), (0x3038, 0x303C), (0x3041, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x318E)),
    *((0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF)),
    *((0xF900, 0xFAFF), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF)),
)


def _stands_alone(code: int) -> bool:
    return any(low <= code <= high for low, high in _ALONE)


_SHAPES: Final = _ShapeTable()

_LETTERS: Final = r"[a-z][a-z0-9]*+(?:(?:\.(?=[a-z])|_)[a-z0-9]++)*+"
_TOKEN: Final = re.compile(
    r"(?!s(?<=[a-z0-9字.]'s)(?![a-z0-9]))"
    rf"(?:(?:[0-9]{{1,3}}(?:,[0-9]{{3}}){{1,6}}+(?![0-9])|[0-9]++)(?:\.[0-9]++)*+(?:{_LETTERS})?|{_LETTERS}|[&$字])"
)
_CASED_TOKEN: Final = re.compile(
    _TOKEN.pattern.replace("[a-z", "[A-Za-z").replace("(?!s(?<=", "(?![sS](?<=").replace("'s)", "'[sS])")
)
"""Finds the same words as `_TOKEN` in a text that is not yet folded."""
_THOUSANDS: Final = re.compile(r"[0-9],[0-9]{3}")
_NEW_SENTENCE: Final = re.compile(r"\.(?=[A-Z][a-z]|[^\x00-\x7f]|[A-Z][^\x00-\x7f])")
_FAR_ENOUGH: Final = 64
_DOMAIN_ENDINGS: Final = frozenset(
    (
        *("ai", "app", "cc", "co", "com", "edu", "eu", "exchange", "fi", "finance", "gov", "info", "int", "io"),
        *("net", "org", "tv", "uk", "us", "xyz"),
    )
)
_WORD: Final = re.compile(r"[^\W\d_]+")

_LOOK_ALIKES: Final = {
    ord(character): letter
    for letter, characters in {
        **{
            "A": "АΑ",
            "B": "ВΒ",
            "C": "СϹ",
            "D": "Ԁ",
            "E": "ЕΕ",
            "G": "Ԍ",
            "H": "НΗ",
            "I": "ІӀΙ",
            "J": "ЈͿ",
            "K": "КΚ",
        },
        **{"M": "МΜ", "N": "Ν", "O": "ОΟՕ", "P": "РΡ", "Q": "Ԛ", "S": "ЅՏ", "T": "ТΤ", "U": "Ս", "V": "Ѵ"},
        **{"W": "Ԝ", "X": "ХΧ", "Y": "УҮΥ", "Z": "Ζ"},
        **{"a": "аɑαᴀ", "b": "вьʙ", "c": "сϲᴄ", "d": "ԁᴅ", "e": "еᴇ", "g": "ɡց", "h": "һհнʜ", "i": "іıɩι", "j": "ј"},
        **{"k": "кκᴋ", "l": "ӏʟ", "m": "мᴍ", "n": "пոηɴ", "o": "оοօσᴏ", "p": "рρᴘ", "q": "ԛզ", "r": "гʀ", "s": "ѕꜱ"},
        **{"t": "тτᴛ", "u": "υսᴜʋ", "v": "ѵνᴠ", "w": "ԝωшᴡ", "x": "хχ", "y": "уүγʏ", "z": "ᴢ"},
    }.items()
    for character in characters
}
_LONGEST_LOOK_ALIKE: Final = 100
_MIXING: Final = re.compile("[\u0131\u0250-\u02af\u0370-\u058f\u1d00-\u1d2b\ua731]")
"""Where letters that pass for Latin ones live: IPA, dotless i, Greek, Cyrillic, Armenian, small capitals.

The table is a small part of Unicode's confusables (https://www.unicode.org/reports/tr39/), those that pass for the
letters a-z in ordinary type; full-width and mathematical letters are already folded by NFKC.
"""

_ALPHABETS: Final = ("[a-z]", "[\u0250-\u02af]", "[\u0370-\u03ff]", "[\u0400-\u052f]", "[\u0531-\u058f]")


@dataclass(frozen=True, slots=True)
class Hit:
    """Words [first, last] of a text, by number. `lookalike`: only so if look-alike letters are read as Latin."""

    first: int
    last: int
    lookalike: bool = False


class Text:
    """One field of a document read as words, each of which knows its place in the original."""

    __slots__ = (
        "_cased",
        "_normal",
        "_ranges",
        "_rest",
        "_sorted",
        "_spans",
        "original",
        "skeleton",
        "tokens",
        "words",
    )

    tokens: list[str]
    """The words in order, in normal form."""
    skeleton: list[str] | None
    """The same with look-alike letters of words of mixed script read as Latin; None where that changes nothing."""
    words: frozenset[str]
    """Every word that occurs, in either reading."""

    def __init__(self, original: str) -> None:
        self.original = original
        self._normal = normalise(_part_sentences(original))
        self._ranges: list[tuple[int, int]] | None = None
        self._spans: list[tuple[int, int]] = []
        self._rest: Iterator[re.Match[str]] | None = None
        self._cased: list[str] | None = None
        self._sorted: list[str] | None = None
        normal = self._normal
        if normal.isascii():
            tokens = _TOKEN.findall(normal)
        else:
            self._spans = [match.span() for match in _TOKEN.finditer(normal.translate(_SHAPES))]
            tokens = [normal[start:end] for start, end in self._spans]
        if "&" in normal:
            tokens = ["and" if word == "&" else word for word in tokens]
        if "," in normal and _THOUSANDS.search(normal):
            tokens = [token.replace(",", "") for token in tokens]
        self.tokens = tokens
        self.skeleton = self._read_as_latin() if not original.isascii() and _MIXING.search(original) else None
        self.words = frozenset(tokens if self.skeleton is None else [*tokens, *self.skeleton])

    def _read_as_latin(self) -> list[str] | None:
        skeleton = [
            _latin(token, self.quote(number, number)) if not token.isascii() else token
            for number, token in enumerate(self.tokens)
        ]
        return skeleton if skeleton != self.tokens else None

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the characters [start, end) of the original that words `first` to `last` take up."""
        if len(self._spans) <= last:
            self._scan_to(last)
        start, end = self._spans[first][0], self._spans[last][1]
        if self.original.isascii():
            return start, end
        if self._ranges is None:
            # Only documents that matched get here: most texts never need the way back to the original.
            self._ranges = normal_ranges(_part_sentences(self.original))
        return self._ranges[start][0], self._ranges[end - 1][1]

    def _scan_to(self, number: int) -> None:
        """Find the places of the words up to `number`: costly, so no further than asked."""
        if self._rest is None:
            self._rest = _TOKEN.finditer(self._normal)
        self._spans.extend(match.span() for match in islice(self._rest, number + 1 - len(self._spans)))

    def is_upper(self, number: int) -> bool:
        """Whether the original has word `number` in capitals."""
        if not self.original.isascii():
            return self.quote(number, number).isupper()
        if self._cased is None:
            self._cased = _CASED_TOKEN.findall(_part_sentences(self.original))
        return self._cased[number].isupper()

    def quote(self, first: int, last: int) -> str:
        """Return the original text of words `first` to `last`."""
        start, end = self.span(first, last)
        return self.original[start:end]

    def has(self, terms: Sequence[str], prefix: bool = False) -> bool:
        """Whether these words stand next to each other somewhere; with `prefix`, the last is only a beginning."""
        if len(terms) == 1 and not prefix:
            return terms[0] in self.words
        whole = terms[:-1] if prefix else terms
        if not all(term in self.words for term in whole):
            return False
        if len(terms) > 1:
            return next(self._occurrences(terms, prefix), None) is not None
        return bool(self.beginning(terms[0]))

    def beginning(self, prefix: str) -> list[str]:
        """Return the words that begin with `prefix`, in the order of their letters."""
        if self._sorted is None:
            self._sorted = sorted(self.words)
        start = bisect_left(self._sorted, prefix)
        return list(takewhile(lambda word: word.startswith(prefix), islice(self._sorted, start, None)))

    def find(self, terms: Sequence[str], prefix: bool = False, most: int = 20) -> tuple[Hit, ...]:
        """Return the first `most` places where `has` holds, in order; overlapping ones are all reported."""
        hits: list[Hit] = []
        for hit in self._occurrences(terms, prefix):
            hits.append(hit)
            if len(hits) == most:
                break
        return tuple(sorted(hits, key=lambda hit: hit.first))

    def _occurrences(self, terms: Sequence[str], prefix: bool) -> Iterator[Hit]:
        length = len(terms)
        last = frozenset(self.beginning(terms[-1])) if prefix else None
        exact = set()
        for number in _places(self.tokens, terms, last):
            exact.add(number)
            yield Hit(number, number + length - 1)
        if self.skeleton is not None:
            for number in _places(self.skeleton, terms, last):
                if number not in exact:
                    yield Hit(number, number + length - 1, lookalike=True)


def tokenise(text: str) -> tuple[str, ...]:
    """Return the words of `text` in normal form."""
    return tuple(Text(text).tokens)


def _part_sentences(text: str) -> str:
    """Return `text`, of the same length, with a blank for each full stop after which a sentence begins at once."""
    if "." not in text or not _NEW_SENTENCE.search(text):
        return text
    return _NEW_SENTENCE.sub(lambda stop: " " if _opens_a_sentence(text, stop.end()) else ".", text)


def _opens_a_sentence(text: str, start: int) -> bool:
    following = strip_marks(text[start : start + _FAR_ENOUGH])
    if not (following[:1].isupper() and following[1:2].islower()):
        return False
    word = _WORD.match(following)
    return word is None or word[0].lower() not in _DOMAIN_ENDINGS


def _places(tokens: list[str], terms: Sequence[str], last: frozenset[str] | None) -> Iterator[int]:
    """Yield each number at which `terms` stand in `tokens`; any word of `last`, if given, will do for the last."""
    whole = list(terms if last is None else terms[:-1])
    if last is not None and not whole:
        yield from (number for number, token in enumerate(tokens) if token in last)
        return
    number = -1
    while True:
        try:
            number = tokens.index(whole[0], number + 1)
        except ValueError:
            return
        end = number + len(whole)
        if tokens[number:end] == whole and (last is None or (end < len(tokens) and tokens[end] in last)):
            yield number


def _latin(token: str, original: str) -> str:
    """Return the Latin word that a word of mixed script passes for, or the word itself.

    A word wholly in another script is left alone: Russian `сор` is not English `cop`.
    """
    scripts = sum(re.search(alphabet, token) is not None for alphabet in _ALPHABETS)
    if scripts < 2 or len(original) > _LONGEST_LOOK_ALIKE:
        return token
    skeleton = normalise(unicodedata.normalize("NFKC", original).translate(_LOOK_ALIKES))
    return skeleton if skeleton.isascii() else token
