"""Sums of money that stand in a text: `$50 million`, `US$4.3bn`, `EUR 10m`, `1,000,000 dollars`, `5億円`.

Sums are compared in their own currency; nothing is converted. A range (`$5-10 million`) is two sums.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rules.words import Hit, Text

_NAMES: Final = {
    "USD": "$ usd dollar dollars",
    "EUR": "€ eur euro euros",
    "GBP": "£ gbp pound pounds sterling",
    "JPY": "¥ jpy yen 円",
    "CNY": "cny rmb yuan renminbi 元",
    "CHF": "chf franken francs",
    "KRW": "₩ krw won 원",
    "INR": "₹ inr rs rupee rupees",
    "HKD": "hkd",
    "SGD": "sgd",
    "CAD": "cad",
    "AUD": "aud",
    "BRL": "brl reais",
}
CURRENCIES: Final = {word: code for code, words in _NAMES.items() for word in words.split()}
"""Word in normal form -> ISO 4217 code. A bare $ counts as US dollars, ¥ as yen."""
_BEFORE_SIGN: Final = {
    **{"us": "USD", "c": "CAD", "ca": "CAD", "a": "AUD", "au": "AUD", "hk": "HKD", "s": "SGD"},
    **{"r": "BRL", "nt": "TWD", "nz": "NZD", "mx": "MXN"},
}
UNKNOWN: Final = "other"
"""In the place of a code: the sign has letters joined to it that are not known here, as in `ZZ$60`."""
_SCALES: Final = {
    word: Decimal(10) ** power
    for power, words in {
        3: "k thousand tsd mille mil",
        4: "万 萬 만",
        5: "lakh lakhs",
        6: "m mm mn mio mln million millions millionen millones milhões 百万",
        7: "crore crores",
        8: "億 亿 억",
        9: "b bn billion billions mrd milliard milliarde milliarden milliards",
        12: "t tn trn trillion trillions 兆",
    }.items()
    for word in words.split()
}


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount of money; `currency` is None where a query asks for any."""

    value: Decimal
    currency: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A sum and the words of the text that say it."""

    sum: Sum
    hit: Hit


def find(text: Text) -> Iterator[Found]:
    """Yield every sum of money in a text, in order."""
    tokens = text.tokens
    free = 0
    glued = frozenset(word for code in CODES for word in text.beginning(code) if _GLUED.fullmatch(word))
    for place in sorted({hit.first for hit in text.any_of(_CURRENCY_WORDS | glued)}):
        if place < free:
            continue
        if tokens[place] in glued:
            joined = _from_glued(text, tokens, place)
            free = joined.hit.last + 1
            yield joined
            continue
        after = None if tokens[place] in _ONLY_BEHIND else _after(text, tokens, place)
        found = after or _before(text, tokens, place, free)
        if found is None:
            continue
        ends = _range(text, tokens, found) or (found,)
        yield from ends
        free = ends[-1].hit.last + 1


CODES: Final = tuple(code.lower() for code in _NAMES)
"""ISO 4217 codes as they may be joined to a number."""
_GLUED: Final = re.compile(rf"({'|'.join(CODES)})([0-9]+)((?:{'|'.join(_SCALES)})?)")


def _from_glued(text: Text, tokens: list[str], place: int) -> Found:
    """Read `EUR10m` and `USD4.3bn`, of which the words are `usd4` and `3bn`."""
    match = _GLUED.fullmatch(tokens[place])
    assert match is not None  # noqa: S101 - only such words come here
    digits, letters, last = match[2], match[3], place
    more = _DIGITS.fullmatch(tokens[place + 1]) if not letters and place + 1 < len(tokens) else None
    gap = text.original[text.span(place, place)[1] : text.span(place + 1, place + 1)[0]] if more else ""
    if more and (gap == "." or (gap == "," and len(more[1]) % 3 == 0)):
        digits, letters, last = f"{digits}{gap.replace(',', '')}{more[1]}", more[2], place + 1
    if not letters and last + 1 < len(tokens) and tokens[last + 1] in _SCALES:
        letters, last = tokens[last + 1], last + 1
    value = _value(digits, _SCALES.get(letters, Decimal(1)))
    return Found(Sum(value * _SCALES.get(letters, Decimal(1)), match[1].upper()), Hit(place, last))


_CURRENCY_WORDS: Final = frozenset(CURRENCIES)
_ONLY_BEHIND: Final = frozenset(
    word for word, code in CURRENCIES.items() if word.isalpha() and word not in (code.lower(), "euro", "rmb", "rs")
)
"""Names that stand behind their number: `the SEC won 5 cases` is about no money."""
_OF: Final = frozenset(("u.s", "us", "american", "canadian", "australian", "hong", "kong", "de", "d", "schweizer"))
_FURTHEST: Final = 6
"""Words before a currency in which its number may begin: `1 234 567 Millionen U.S. dollars`."""


def _after(text: Text, tokens: list[str], place: int) -> Found | None:
    """Read `$ 4.3 billion`, `usd 4.3bn`: the sign or code stands before."""
    number = _number(text, tokens, place + 1)
    if number is None:
        return None
    value, last = number
    currency, first = CURRENCIES[tokens[place]], place
    if tokens[place] == "$" and place and _touch(text, place - 1) and tokens[place - 1].isalpha():
        currency, first = _BEFORE_SIGN.get(tokens[place - 1], UNKNOWN), place - 1
    if last + 1 < len(tokens) and CURRENCIES.get(tokens[last + 1]) == currency:
        last += 1
    return Found(Sum(value, currency), Hit(first, last))


def _touch(text: Text, number: int) -> bool:
    """Whether nothing stands between a word and the next."""
    return text.span(number, number)[1] == text.span(number + 1, number + 1)[0]


_DASHES: Final = re.compile(r"\s?[-–—]\s?|\s(?:to|bis|à)\s")


def _range(text: Text, tokens: list[str], found: Found) -> tuple[Found, Found] | None:
    """Return both ends of `$5-60 million`, or None where a sum is no beginning of a range."""
    last = found.hit.last
    ahead = last + 1 if tokens[last + 1 : last + 2] not in (["to"], ["bis"], ["à"]) else last + 2
    number = _number(text, tokens, ahead) if tokens[last][-1].isdecimal() else None
    if number is None or not _DASHES.fullmatch(text.original[text.span(last, last)[1] : text.span(ahead, ahead)[0]]):
        return None
    value, end = number
    bare = _number(text, tokens[: ahead + 1], ahead)
    scale = value / bare[0] if bare and bare[0] else Decimal(1)
    match = _DIGITS.fullmatch(tokens[ahead])
    if match is not None and match[2] in _SCALES:
        scale = _SCALES[match[2]]
    whole = Hit(found.hit.first, end)
    begin = Found(Sum(found.sum.value * scale, found.sum.currency), whole)
    return begin, Found(Sum(value, found.sum.currency), whole)


def _before(text: Text, tokens: list[str], place: int, free: int) -> Found | None:
    """Read `4.3 billion dollars`, `10m euros`: the name stands after."""
    for first in range(max(free, place - _FURTHEST), place):
        number = _number(text, tokens, first)
        if number is None:
            continue
        value, last = number
        if last < place and all(word in _OF for word in tokens[last + 1 : place]):
            return Found(Sum(value, CURRENCIES[tokens[place]]), Hit(first, place))
    return None


def _number(text: Text, tokens: list[str], first: int) -> tuple[Decimal, int] | None:
    """Read a number with its scale; return its value and its last word."""
    if first >= len(tokens) or not tokens[first][0].isdecimal():
        return None
    match = _DIGITS.fullmatch(tokens[first])
    if match is None:
        return None
    digits, letters, last = match[1], match[2], first
    if not letters:
        digits, last = _joined(text, tokens, first, digits)
        match = _DIGITS.fullmatch(tokens[last])
        letters = match[2] if match else ""
    if letters and letters not in _SCALES:
        return None
    scale = _SCALES.get(letters, Decimal(1))
    while last + 1 < len(tokens) and tokens[last + 1] in _SCALES and scale < _LARGEST:
        last += 1
        scale *= _SCALES[tokens[last]]
    return _value(digits, scale) * scale, last


_DIGITS: Final = re.compile(r"([0-9]+(?:\.[0-9]+)*)([a-z]*)")
_LARGEST: Final = Decimal(10) ** 9
_GROUPS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+")


def _joined(text: Text, tokens: list[str], first: int, digits: str) -> tuple[str, int]:
    """Read on where a number has a decimal comma (`1,5`) or blanks between its thousands (`1 500 000`)."""
    last = first
    while last + 1 < len(tokens):
        following = _DIGITS.fullmatch(tokens[last + 1])
        if following is None or "." in following[1]:
            break
        gap = text.original[text.span(last, last)[1] : text.span(last + 1, last + 1)[0]]
        if gap == "," and "," not in digits and len(following[1]) != 3:
            return f"{digits.replace('.', '')}.{following[1]}", last + 1
        if gap not in (" ", "\u00a0", "\u202f", "\u2009", "'", "’") or len(following[1]) != 3 or following[2]:
            break
        digits, last = digits + following[1], last + 1
    return digits, last


def _value(digits: str, scale: Decimal) -> Decimal:
    """Return a number; dots before groups of three digits part thousands, unless a scale says it is a fraction."""
    if digits.count(".") > 1 or (scale == 1 and _GROUPS.fullmatch(digits)):
        digits = digits.replace(".", "")
    return Decimal(digits)


_ASKED: Final = re.compile(
    r"(?P<sign>us\$|[$€£¥₩₹]|[a-z]{3}(?=[ 0-9]))?\s*"
    r"(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)\s*(?P<scale>[a-z]*)",
    re.I,
)


def goes_on(word: str) -> bool:
    """Whether a word behind a number may belong to a sum: `million`, `USD`, `M`."""
    folded = word.lower()
    return folded in _SCALES or folded in CURRENCIES


def read(text: str) -> Sum | None:
    """Return the sum that a query names, such as `50M`, `$4.3bn` or `EUR 10k`; None if it is none."""
    match = _ASKED.fullmatch(text.strip())
    if match is None:
        return None
    sign, scale = (match["sign"] or "").lower(), match["scale"].lower()
    if (scale and scale not in _SCALES) or (sign and sign != "us$" and sign not in CURRENCIES):
        return None
    value = Decimal(match["number"].replace(",", ""))
    currency = "USD" if sign == "us$" else CURRENCIES[sign] if sign else None
    return Sum(value * _SCALES.get(scale, Decimal(1)), currency)
