"""How a run, a stretch of characters without blanks, becomes words.

Languages are not told apart and words are not stemmed: a rule matches the words its author wrote.

How a text becomes words (queries and aliases are read by the same code, so both sides always agree):

- Blanks part a text into runs, and each run is read by itself. Texts are written with the same runs again and again,
  so what a run reads as is remembered, and most of a text is read by looking its runs up.

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
from typing import Final

from rules.text import Table, normal_ranges, normalise, strip_marks


class _ShapeTable(Table):
    """Maps a normal form to the ASCII on which `_TOKEN` works: letters `a`, digits `0`, `字` for a lone word."""

    def entry(self, character: str) -> str:
        if character.isascii():
            return character
        if stands_alone(character):
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


def stands_alone(character: str) -> bool:
    """Whether a character is a word by itself, as in scripts without blanks."""
    return any(low <= ord(character) <= high for low, high in _ALONE)


_SHAPES: Final = _ShapeTable()

_LETTERS: Final = r"[a-z][a-z0-9]*+(?:(?:\.(?=[a-z])|_)[a-z0-9]++)*+"
_TOKEN: Final = re.compile(
    r"(?!s(?<=[a-z0-9字.]'s)(?![a-z0-9]))"
    rf"(?:(?:[0-9]{{1,3}}(?:,[0-9]{{3}}){{1,6}}+(?![0-9])|[0-9]++)(?:\.[0-9]++)*+(?:{_LETTERS})?|{_LETTERS}|[&$字])"
)
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


def may_mix(text: str) -> bool:
    """Whether a text has a character that may pass for a Latin letter."""
    return _MIXING.search(text) is not None


_ALPHABETS: Final = ("[a-z]", "[\u0250-\u02af]", "[\u0370-\u03ff]", "[\u0400-\u052f]", "[\u0531-\u058f]")


class Mixed(tuple[str, ...]):
    """The words of a run that has look-alike letters, with what they are if those are read as Latin."""

    latin: tuple[str, ...]


_LONGEST_REMEMBERED: Final = 64
_MOST_REMEMBERED: Final = 100_000
_EDGES: Final = "()[]{}\"'.,;:!?-“”‘’«»–—…"
"""Marks that part words wherever they stand, and so may be taken off the ends of a run."""


class _Readings(dict[str, tuple[str, ...]]):
    """Run -> its words; filled as runs are met, up to a bound, after which it starts anew."""

    def __missing__(self, run: str) -> tuple[str, ...]:
        words = _read(run)
        if len(run) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[run] = words
        return words


READINGS: Final = _Readings()


def _read(run: str) -> tuple[str, ...]:
    """Return the words of one run."""
    core = run.strip(_EDGES)
    if core.isascii() and core.isalnum() and core not in "sS":
        return (core.lower(),)  # what nine of ten runs are; the long way below gives the same
    words, _ = read_in_full(run)
    if not run.isascii() and _MIXING.search(run):
        return _with_latin(run, words)
    return words


def read_in_full(run: str) -> tuple[tuple[str, ...], list[tuple[int, int]]]:
    """Return the words of one run and, for each, the characters [start, end) of the run that it stands for."""
    parted = _part_sentences(run)
    normal = normalise(parted)
    spans = [match.span() for match in _TOKEN.finditer(normal if normal.isascii() else normal.translate(_SHAPES))]
    tokens = [normal[start:end] for start, end in spans]
    if "&" in normal:
        tokens = ["and" if word == "&" else word for word in tokens]
    if "," in normal and _THOUSANDS.search(normal):
        tokens = [token.replace(",", "") for token in tokens]
    if not run.isascii():
        ranges = normal_ranges(parted)
        spans = [(ranges[start][0], ranges[end - 1][1]) for start, end in spans]
    return tuple(tokens), spans


def _with_latin(run: str, words: tuple[str, ...]) -> tuple[str, ...]:
    _, spans = read_in_full(run)
    latin = tuple(
        word if word.isascii() else _latin(word, run[start:end])
        for word, (start, end) in zip(words, spans, strict=True)
    )
    if latin == words:
        return words
    mixed = Mixed(words)
    mixed.latin = latin
    return mixed


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


def _latin(token: str, original: str) -> str:
    """Return the Latin word that a word of mixed script passes for, or the word itself.

    A word wholly in another script is left alone: Russian `сор` is not English `cop`.
    """
    scripts = sum(re.search(alphabet, token) is not None for alphabet in _ALPHABETS)
    if scripts < 2 or len(original) > _LONGEST_LOOK_ALIKE:
        return token
    skeleton = normalise(unicodedata.normalize("NFKC", original).translate(_LOOK_ALIKES))
    return skeleton if skeleton.isascii() else token
