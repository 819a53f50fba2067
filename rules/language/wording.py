"""The clauses that look for words: a word, a phrase, a prefix, a near-spelling, words close to each other.

How a text becomes words is in `rules.words`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from rules.entities import Field, Gazetteer, View
from rules.language import atoms
from rules.language.query import ANYWHERE, Chooser, Located, Way, needs, where
from rules.spelling import within
from rules.words import Hit, first_hits, tokenise

LEAST_LETTERS: Final = {1: 4, 2: 7}
"""Letters a word needs for so many edits: with fewer, too many other words of its language are near it."""
LONGEST_SPELLING: Final = 40
"""Letters of a word that a near-spelling may be asked of."""
FURTHEST: Final = 200
"""Words that a distance may span at most."""


@dataclass(frozen=True, slots=True)
class _Words(Located):
    """Words next to each other; `text` is what the author typed, `terms` what is looked for."""

    text: str
    terms: tuple[str, ...] = field(init=False, repr=False, compare=False)
    prefix: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tokenise(self.text))

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        words = view.words
        if not words.issuperset(self.terms[:-1] if self.prefix else self.terms):
            return False
        if len(self.terms) == 1 and fields is ANYWHERE and not self.prefix:
            return True
        return any(view.text(name).has(self.terms, self.prefix) for name in fields)

    def hits(self, view: View, name: Field, most: int | None = None) -> tuple[Hit, ...]:
        return view.text(name).find(self.terms, self.prefix, most)

    def missing(self, view: View, fields: tuple[Field, ...]) -> str:
        if len(fields) == 1:
            (other,) = (name for name in ANYWHERE if name not in fields)
            if view.text(other).has(self.terms, self.prefix):
                return f"not in the {where(fields)}, only in the {other}"
        if len(self.terms) > 1:
            if _all_there(self.terms, view, fields):
                return f"its words are in the {where(fields)}, but not next to each other in this order"
        elif not self.prefix:
            longer = _longer_word(self.terms[0], view, fields)
            if longer:
                return f'not in the {where(fields)}, though "{longer}" is'
        return f"not in the {where(fields)}"

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        words = " ".join(self.terms)
        return needs(atoms.prefix(words) if self.prefix else words)

    def written(self) -> str:
        return self.text


class Word(_Words):
    """A word as typed, without quotes; where it has marks inside (`8-K`) its parts must be adjacent."""

    __slots__ = ()


class Phrase(_Words):
    """Words in double quotes."""

    __slots__ = ()

    def written(self) -> str:
        return f'"{self.text}"'


class Prefix(_Words):
    """A word of which only the beginning is given: `motion*`."""

    __slots__ = ()
    prefix = True

    def written(self) -> str:
        return f"{self.text}*"


@dataclass(frozen=True, slots=True)
class Spelling(Located):
    """A word or one that is spelt nearly so: `coinbase~1`."""

    text: str
    edits: int
    term: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "term", tokenise(self.text)[0])

    def near(self, words: frozenset[str]) -> frozenset[str]:
        """Return those of `words` that are spelt nearly as this one."""
        return frozenset(word for word in words if within(self.term, word, self.edits))

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return any(self.near(view.text(name).words) for name in fields)

    def hits(self, view: View, name: Field, most: int | None = None) -> tuple[Hit, ...]:
        text = view.text(name)
        return text.any_of(self.near(text.words), most)

    def missing(self, view: View, fields: tuple[Field, ...]) -> str:
        edits = "one edit" if self.edits == 1 else f"{self.edits} edits"
        return f"no word within {edits} of it in the {where(fields)}"

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return needs(atoms.spelling(self.term, self.edits))

    def written(self) -> str:
        return f"{self.text}~{self.edits}"


@dataclass(frozen=True, slots=True)
class Sloppy(Located):
    """Words in any order, the last of them at most `distance` words after the first: `"SEC motion"~8`."""

    text: str
    distance: int
    terms: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tokenise(self.text))

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return any(view.text(name).words.issuperset(self.terms) and self.hits(view, name, 1) for name in fields)

    def hits(self, view: View, name: Field, most: int | None = None) -> tuple[Hit, ...]:
        text = view.text(name)
        if not text.words.issuperset(self.terms):
            return ()
        places = [(hit.first, hit.lookalike) for hit in text.any_of(frozenset(self.terms))]
        return first_hits(self._windows(places, text.tokens, text.skeleton or text.tokens), most)

    def _windows(self, places: list[tuple[int, bool]], tokens: Sequence[str], latin: Sequence[str]) -> Iterator[Hit]:
        """Yield the shortest stretch that has all the words and begins at each place, if it is short enough."""
        need = Counter(self.terms)
        lacking = len(self.terms)
        end = 0
        for start, (first, _) in enumerate(places):
            while lacking and end < len(places):
                word = _word_at(places[end], tokens, latin)
                lacking -= need[word] > 0
                need[word] -= 1
                end += 1
            if lacking:
                return
            word = _word_at(places[start], tokens, latin)
            last = places[end - 1][0]
            if need[word] == 0 and last - first <= self.distance:
                yield Hit(first, last, any(alike for _, alike in places[start:end]))
            need[word] += 1
            lacking += need[word] > 0

    def missing(self, view: View, fields: tuple[Field, ...]) -> str:
        if not _all_there(self.terms, view, fields):
            return f"not all of its words are in the {where(fields)}"
        return f"its words are in the {where(fields)}, but not within {self.distance} words of each other"

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return needs(*self.terms)

    def written(self) -> str:
        return f'"{self.text}"~{self.distance}'


def _word_at(place: tuple[int, bool], tokens: Sequence[str], latin: Sequence[str]) -> str:
    number, lookalike = place
    return latin[number] if lookalike else tokens[number]


def _all_there(terms: Sequence[str], view: View, fields: tuple[Field, ...]) -> bool:
    return all(any(view.text(name).has((term,)) for name in fields) for term in terms)


def _longer_word(term: str, view: View, fields: tuple[Field, ...]) -> str | None:
    if len(term) < 3:
        return None
    words = {word for name in fields for word in view.text(name).beginning(term)}
    return min(words, key=lambda word: (len(word), word), default=None)
