"""The clauses that compare a date of the document, or a sum of money in it, with limits.

A test is written `<x`, `<=x`, `>x`, `>=x`, `x` or `[x TO y]` (either may be `*`). A date without a time is the whole
day in UTC, a duration (`2d`) is an age, and a document without a date counts as published when it was first seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from rules import amounts
from rules.entities import Field, Gazetteer, View
from rules.language import atoms
from rules.language.query import Chooser, Located, Node, Verdict, Way, where
from rules.language.values import stated
from rules.words import Hit, first_hits

_COMPARED: Final = re.compile(r"(?P<sign><=|>=|<|>)?(?P<value>.*)", re.DOTALL)
_BETWEEN: Final = re.compile(r"\[\s*(?P<low>\S+)\s+TO\s+(?P<high>\S+)\s*\]", re.I)
_AGE: Final = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>[mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_OPEN: Final = "*"


class BadRange(ValueError):
    """A test that cannot be read; its text says why and what is meant."""


@dataclass(frozen=True, slots=True)
class _Test:
    """Limits and what is compared with them; a limit is a pair (value, inclusive)."""

    low: tuple[Any, bool] | None
    high: tuple[Any, bool] | None
    age: bool = False

    def admits(self, value: Any) -> bool:
        if self.low is not None and (value < self.low[0] or (value == self.low[0] and not self.low[1])):
            return False
        return self.high is None or value < self.high[0] or (value == self.high[0] and self.high[1])

    @property
    def is_empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        inclusive = self.low[1] and self.high[1]
        return bool(self.low[0] > self.high[0] or (self.low[0] == self.high[0] and not inclusive))


def _limits(text: str, read: Callable[[str], tuple[Any, Any]], example: str) -> _Test:
    """Read a test; `read` gives the first and last value that a limit stands for, which differ for a day."""
    if between := _BETWEEN.fullmatch(text):
        low = None if between["low"] == _OPEN else (read(between["low"])[0], True)
        high = None if between["high"] == _OPEN else (read(between["high"])[1], True)
        test = _Test(low, high)
        if test.is_empty:
            raise BadRange(f"{text} holds nothing: its first limit is above its last")
        if low is None and high is None:
            raise BadRange(f"{text} has no limit")
        return test
    if text.startswith(("[", "{")):
        raise BadRange(f"a range is written [{example} TO {example}], with * for an open end")
    compared = _COMPARED.fullmatch(text)
    assert compared is not None  # noqa: S101 - the pattern matches every text
    if not compared["value"]:
        sign = compared["sign"]
        raise BadRange(f"after {sign} a value is missing; write it without a blank: {sign}{example}")
    first, last = read(compared["value"])
    match compared["sign"]:
        case "<":
            return _Test(None, (first, False))
        case "<=":
            return _Test(None, (last, True))
        case ">":
            return _Test((last, False), None)
        case ">=":
            return _Test((first, True), None)
    return _Test((first, True), (last, True))


def _day_or_time(text: str) -> tuple[datetime, datetime]:
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRange(
            f'"{text}" is neither a date such as 2024-03-05 nor an age such as 2d (units are m, h, d and w)'
        ) from None
    return at, at if len(text) > len("2024-03-05") else at.replace(hour=23, minute=59, second=59, microsecond=999999)


def _dates(text: str) -> _Test:
    compared = _COMPARED.fullmatch(text)
    age = _AGE.fullmatch(compared["value"]) if compared else None
    if compared is None or age is None:
        return _limits(text, _day_or_time, "2024-03-01")
    if not compared["sign"]:
        raise BadRange(f"an age needs < (younger) or > (older): <{text}")
    span = timedelta(**{_UNITS[age["unit"]]: int(age["count"])})
    test = _limits(compared["sign"] + "x", lambda _: (span, span), "2d")
    return _Test(test.low, test.high, age=True)


@dataclass(frozen=True, slots=True)
class DateTest(Node):
    """When the document was published or updated: `published:<2d`, `updated:>=2024-03-01`."""

    name: Literal["published", "updated"]
    test: str
    limits: _Test = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", _dates(self.test))

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        at = self._date(view)
        return self.limits.admits(view.now - at if self.limits.age else at)

    def _date(self, view: View) -> datetime:
        document = view.document
        if self.name == "published":
            return document.published or view.now
        return document.updated or document.published or view.now

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        holds = self.holds(view, fields)
        at = self._date(view)
        age = f", {_words(view.now - at)} before it was seen" if self.limits.age else ""
        known = view.document.published or (self.name == "updated" and view.document.updated)
        reason = f"{self.name} {at:%Y-%m-%d %H:%M} UTC{age}" if known else "it has no date: its arrival counts"
        return Verdict(node=self, clause=self.written(), holds=holds, reason=reason, evidence=stated(self, holds))

    def written(self) -> str:
        return f"{self.name}:{_written(self.test)}"


def _written(test: str) -> str:
    """Return a test as it stands after its field, in double quotes if it has a blank that would end it."""
    return test if _BETWEEN.fullmatch(test) or not re.search(r"\s", test) else f'"{test}"'


def _words(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def _sums(text: str) -> tuple[_Test, str | None]:
    currencies: set[str | None] = set()

    def one(written: str) -> tuple[Any, Any]:
        asked = amounts.read(written)
        if asked is None:
            raise BadRange(f'"{written}" is not a sum such as 50M, 4.3bn, $10k or EUR10m')
        currencies.add(asked.currency)
        return asked.value, asked.value

    test = _limits(text, one, "50M")
    if len(currencies) > 1:
        raise BadRange("both limits need the same currency")
    return test, currencies.pop()


@dataclass(frozen=True, slots=True)
class Amount(Located):
    """A sum of money that stands in the text: `amount:>=50M` in any currency, `amount:>=$50M` in dollars."""

    test: str
    limits: _Test = field(init=False, repr=False, compare=False)
    currency: str | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        limits, currency = _sums(self.test)
        object.__setattr__(self, "limits", limits)
        object.__setattr__(self, "currency", currency)

    def hits(self, view: View, name: Field, most: int | None = None) -> tuple[Hit, ...]:
        sums = (found for found in view.sums(name) if self.currency in (None, found.sum.currency))
        return first_hits((found.hit for found in sums if self.limits.admits(found.sum.value)), most)

    def missing(self, view: View, fields: tuple[Field, ...]) -> str:
        hits = [(name, found.hit) for name in fields for found in view.sums(name)]
        sums = [view.text(name).quote(hit.first, hit.last) for name, hit in hits]
        if not sums:
            return f"no sum of money in the {where(fields)}"
        return f"the sums in the {where(fields)} are {', '.join(sums[:5])}{' ...' if len(sums) > 5 else ''}"

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        wanted = amounts.CURRENCIES
        words = wanted if self.currency is None else [word for word in wanted if self._may_say(word)]
        return ((frozenset(words) | {atoms.prefix(code) for code in amounts.CODES},),)

    def _may_say(self, word: str) -> bool:
        return amounts.CURRENCIES[word] == self.currency or word == "$"

    def written(self) -> str:
        return f"amount:{_written(self.test)}"
