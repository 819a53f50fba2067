"""Docket numbers, however a court, an agency or a newspaper writes them.

`1:23-cv-01599-ABJ-ZMF`, `No. 23-cv-1599`, `1-23-cv-01599` and `1:23-cv-01599 (ABJ)` are one docket: what counts is
the year, the type and the serial number; the office's digit and the judges' initials do not. Serial numbers repeat
across courts, so the court counts wherever both sides know it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rules.text import fold
from rules.words import Hit, Text

_WRITTEN: Final = re.compile(
    r"(?:(?P<court>[a-z][a-z0-9]{1,14})\s+)??(?:(?:case|docket|civil action|civ\.|crim\.)\s+)?(?:no\.?\s*)?"
    r"(?:[0-9]{1,2}[:-])?(?P<year>[0-9]{2}|[0-9]{4})-(?P<type>[a-z]{1,5})-(?P<serial>[0-9]{1,7})"
    r"(?:-[a-z0-9]{1,5}){0,4}(?:\s*\([a-z0-9/ -]{1,20}\))?"
)
_TYPES: Final = {"cv": ("cv", "civ"), "cr": ("cr", "crim")}
"""How some courts write a type: `23 Civ. 1599` in the Southern District of New York."""
_WIDEST: Final = 7
"""Digits of a serial number, leading zeros included."""


@dataclass(frozen=True, slots=True)
class DocketNumber:
    """A docket: the year as two digits, the type in lower case (`cv`), the serial, and the court if it is known."""

    year: str
    type: str
    serial: int
    court: str | None = None

    def agrees(self, other: DocketNumber) -> bool:
        """Whether both may be the same docket: numbers alike, and no two different courts."""
        same = (self.year, self.type, self.serial) == (other.year, other.type, other.serial)
        return same and (self.court is None or other.court is None or self.court == other.court)

    @property
    def serials(self) -> frozenset[str]:
        """The words that end with the serial number where it stands in a text: alone, or as in `23cv01599`."""
        digits = str(self.serial)
        padded = [digits.zfill(width) for width in range(len(digits), _WIDEST + 1)]
        joined = [f"{year}{kind}{number}" for year in self._years for kind in self._types for number in padded]
        return frozenset((*padded, *joined))

    @property
    def _years(self) -> tuple[str, ...]:
        return self.year, f"19{self.year}", f"20{self.year}"

    @property
    def _types(self) -> tuple[str, ...]:
        return _TYPES.get(self.type, (self.type,))

    def find(self, text: Text) -> Iterator[Hit]:
        """Yield the places where the number stands in a text, in order."""
        tokens = text.tokens
        for hit in text.any_of(self.serials):
            number = hit.first
            if not tokens[number].isdecimal():
                yield hit
            elif number >= 2 and tokens[number - 1] in self._types and tokens[number - 2] in self._years:
                yield Hit(number - 2, number)


def read(text: str) -> DocketNumber | None:
    """Return the docket that a text such as `dcd 1:23-cv-01599` names, or None if it is none."""
    match = _WRITTEN.fullmatch(fold(text))
    if match is None:
        return None
    return DocketNumber(match["year"][-2:], match["type"], int(match["serial"]), match["court"])


def stated(facts: Iterable[tuple[str, str]]) -> Iterator[DocketNumber]:
    """Yield the dockets that a source states of a document, with the court that it states, if any."""
    facts = tuple(facts)
    court = next((fold(held) for name, held in facts if name == "court"), None)
    for name, held in facts:
        if name == "docket" and (docket := read(held)) is not None:
            yield DocketNumber(docket.year, docket.type, docket.serial, docket.court or court)
