"""Text read as words: its words in order, and the way back to the characters of the original.

How a run of characters becomes words is in `runs`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice, takewhile
from typing import Final

from rules.runs import READINGS, Mixed, may_mix, read_in_full
from rules.text import NeighboursMatter, folded_bytes, normal_ranges, normalise


@dataclass(frozen=True, slots=True)
class Hit:
    """Words [first, last] of a text, by number. `lookalike`: only so if look-alike letters are read as Latin."""

    first: int
    last: int
    lookalike: bool = False


class Text:
    """One field of a document read as words, each of which knows its place in the original.

    Nothing is read before it is asked for: most documents are never looked at so closely.
    """

    _FEW: Final = 64
    """Words up to which looking through them costs less than making a set of them."""
    _LISTED: Final = 4
    """Words up to which looking for each of them costs less than looking at every word."""
    _MANY: Final = 2000
    """Words from which on a list of places of each is worth its making at once."""
    _OFTEN: Final = 8

    _runs: list[str] | None = None
    _readings: list[tuple[str, ...]] = []  # noqa: RUF012 - never changed in place, as none of these
    _tokens: list[str] | None = None
    _skeleton: list[str] | None = None
    _words: frozenset[str] | None = None
    _sorted: list[str] | None = None
    _places: dict[str, list[int]] | None = None
    _asked: int = 0
    _folded: bytes | None = None
    _folds: tuple[list[int], list[int]] | None = None
    _counts: list[int] | None = None
    _starts: tuple[list[int], Iterator[re.Match[str]]] | None = None

    def __init__(self, original: str) -> None:
        self.original = original

    @property
    def runs(self) -> list[str]:
        """The stretches without blanks, in order."""
        if self._runs is None:
            self._runs = self.original.split()
        return self._runs

    @property
    def tokens(self) -> list[str]:
        """The words in order, in normal form."""
        return self._read() if self._tokens is None else self._tokens

    @property
    def skeleton(self) -> list[str] | None:
        """The same with look-alike letters of words of mixed script read as Latin; None where nothing changes."""
        if self._tokens is None:
            self._read()
        return self._skeleton

    @property
    def words(self) -> frozenset[str]:
        """Every word that occurs, in either reading."""
        if self._words is None:
            tokens = self.tokens
            self._words = frozenset(tokens if self._skeleton is None else [*tokens, *self._skeleton])
        return self._words

    def _read(self) -> list[str]:
        runs = self._runs = self.original.split()
        readings = list(map(READINGS.__getitem__, runs))
        tokens = list(chain.from_iterable(readings))
        if not self.original.isascii() and may_mix(self.original):
            latin = (words.latin if type(words) is Mixed else words for words in readings)
            skeleton = list(chain.from_iterable(latin))
            self._skeleton = skeleton if skeleton != tokens else None
        self._readings = readings
        self._tokens = tokens
        return tokens

    @property
    def folded_bytes(self) -> bytes:
        """The normal form in UTF-8, one space for every stretch of blanks, and the case of ASCII letters kept."""
        if self._folded is None:
            try:
                self._folded = folded_bytes(self.original)
            except NeighboursMatter:
                runs = (run if run.isascii() else " ".join(normalise(run).split()) for run in self.runs)
                self._folded = " ".join(filter(None, runs)).encode()
        return self._folded

    @property
    def folded(self) -> str:
        """`folded_bytes` as text."""
        return self.folded_bytes.decode()

    def unfold(self, start: int, end: int) -> tuple[int, int]:
        """Return the characters [start, end) of the original that those of `folded` stand for."""
        return self._unfolded(start)[0], self._unfolded(end - 1)[1]

    def _unfolded(self, place: int) -> tuple[int, int]:
        """Return the characters that one of `folded` stands for; the space after a run for all up to the next."""
        if self._folds is None:
            runs = [number for number, run in enumerate(self.runs) if run.isascii() or any(_folded_ranges(run))]
            lengths = (
                len(run) if run.isascii() else sum(1 for _ in _folded_ranges(run))
                for run in map(self.runs.__getitem__, runs)
            )
            self._folds = runs, list(accumulate(length + 1 for length in lengths))
        runs, ends = self._folds
        nth = bisect_right(ends, place)
        inner = place - (ends[nth - 1] if nth else 0)
        ranges = list(_folded_ranges(self.runs[runs[nth]]))
        offset = self._start_of(runs[nth])
        if inner < len(ranges):
            return offset + ranges[inner][0], offset + ranges[inner][1]
        after = next(_folded_ranges(self.runs[runs[nth + 1]]))[0]
        return offset + ranges[-1][1], self._start_of(runs[nth + 1]) + after

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the characters [start, end) of the original that words `first` to `last` take up."""
        return self._place(first)[0], self._place(last)[1]

    def _place(self, number: int) -> tuple[int, int]:
        # Only documents that matched get here: most texts never need the way back to the original.
        if self._counts is None:
            self._read()
            self._counts = list(accumulate(map(len, self._readings)))
        run = bisect_right(self._counts, number)
        nth = number - (self._counts[run - 1] if run else 0)
        start, end = read_in_full(self.runs[run])[1][nth]
        offset = self._start_of(run)
        return offset + start, offset + end

    def _start_of(self, run: int) -> int:
        """Return the character of the original at which a run begins; found no further than asked."""
        if self._starts is None:
            runs = self.runs
            if len(self.original) == sum(map(len, runs)) + len(runs) - 1:  # one blank between any two, none elsewhere
                self._starts = [0, *accumulate(len(run) + 1 for run in runs)], iter(())
            else:
                self._starts = [], _RUN.finditer(self.original)
        known, rest = self._starts
        if len(known) <= run:
            known.extend(match.start() for match in islice(rest, run + 1 - len(known)))
        return known[run]

    def is_upper(self, number: int) -> bool:
        """Whether the original has word `number` in capitals."""
        return self.quote(number, number).isupper()

    def quote(self, first: int, last: int) -> str:
        """Return the original text of words `first` to `last`."""
        start, end = self.span(first, last)
        return self.original[start:end]

    def has(self, terms: Sequence[str], prefix: bool = False) -> bool:
        """Whether these words stand next to each other somewhere; with `prefix`, the last is only a beginning."""
        if len(terms) == 1 and not prefix:
            few = len(self.tokens) <= self._FEW and self._skeleton is None
            return terms[0] in (self.tokens if few else self.words)
        if len(terms) == 1:
            return bool(self.beginning(terms[0]))
        if prefix or self._skeleton is not None or len(self.tokens) > self._MANY:
            return next(self._occurrences(terms, prefix), None) is not None
        return _stands(terms, self.tokens)

    def beginning(self, prefix: str) -> list[str]:
        """Return the words that begin with `prefix`, in the order of their letters."""
        if self._sorted is None:
            self._sorted = sorted(self.words)
        start = bisect_left(self._sorted, prefix)
        return list(takewhile(lambda word: word.startswith(prefix), islice(self._sorted, start, None)))

    def find(self, terms: Sequence[str], prefix: bool = False, most: int | None = None) -> tuple[Hit, ...]:
        """Return the places where `has` holds, in order, the first `most` of them; overlapping ones are all there."""
        return first_hits(self._occurrences(terms, prefix), most)

    def any_of(self, words: frozenset[str], most: int | None = None) -> tuple[Hit, ...]:
        """Return where one of these words stands, in order, the first `most` places."""
        exact = (Hit(number, number) for number in self._numbers(self.tokens, words))
        alike = (
            Hit(number, number, lookalike=True)
            for number in (self._numbers(self.skeleton, words) if self.skeleton else ())
            if self.tokens[number] not in words
        )
        return first_hits(chain(exact, alike), most)

    def are_near(self, one: str, other: str, distance: int) -> bool:
        """Whether two words stand at most `distance` words apart somewhere, look-alike letters left aside."""
        here, there = (list(self._numbers(self.tokens, frozenset((word,)))) for word in (one, other))
        for number in here:
            at = bisect_right(there, number)
            if at < len(there) and there[at] - number <= distance:
                return True
            before = at - 1 if one != other else at - 2
            if before >= 0 and number - there[before] <= distance:
                return True
        return False

    def _occurrences(self, terms: Sequence[str], prefix: bool) -> Iterator[Hit]:
        length = len(terms)
        last = frozenset(self.beginning(terms[-1])) if prefix else frozenset(terms[-1:])
        exact = set()
        for number in self._numbers_of(self.tokens, terms, last):
            exact.add(number)
            yield Hit(number, number + length - 1)
        if self.skeleton is not None:
            for number in self._numbers_of(self.skeleton, terms, last):
                if number not in exact:
                    yield Hit(number, number + length - 1, lookalike=True)

    def _numbers_of(self, tokens: list[str], terms: Sequence[str], last: frozenset[str]) -> Iterator[int]:
        """Yield each number at which `terms` stand in `tokens`; any word of `last` will do for the last."""
        if len(terms) == 1:
            yield from self._numbers(tokens, last)
            return
        whole, end = list(terms[:-1]), len(terms) - 1
        for number in self._numbers(tokens, frozenset(whole[:1])):
            if tokens[number : number + end] == whole and number + end < len(tokens) and tokens[number + end] in last:
                yield number

    def _numbers(self, tokens: list[str], words: frozenset[str]) -> Iterator[int]:
        """Yield the number of each token that is one of `words`, in order."""
        if tokens is self._tokens and (self._places is not None or self._is_worth_listing(len(words))):
            if self._places is None:
                self._places = _places(tokens)
            lists = [self._places[word] for word in words if word in self._places]
            yield from lists[0] if len(lists) == 1 else sorted(chain.from_iterable(lists))
        elif len(words) <= self._LISTED:
            lists = [_numbers_of(word, tokens) for word in words]
            yield from lists[0] if len(lists) == 1 else sorted(chain.from_iterable(lists))
        else:
            yield from (number for number, token in enumerate(tokens) if token in words)

    def _is_worth_listing(self, words: int) -> bool:
        """Whether so much was looked for in this text that a list of the places of every word saves time."""
        self._asked += words
        length = len(self.tokens)
        return length > self._MANY or (length > self._FEW and self._asked > self._OFTEN)


_RUN: Final = re.compile(r"\S+")


def _folded_ranges(run: str) -> Iterator[tuple[int, int]]:
    """Yield, for each character of a run in `Text.folded`, the characters [start, end) of the run it stands for."""
    normal = normalise(run)
    places = [number for number, character in enumerate(normal) if character != " "]
    for number, (character, span) in enumerate(zip(normal, normal_ranges(run), strict=True)):
        inside = places and places[0] < number < places[-1] and normal[number - 1] != " "
        if character != " " or inside:
            yield span


def _stands(terms: Sequence[str], tokens: list[str]) -> bool:
    """Whether `terms`, two or more, stand next to each other; looked for by the one that is likely to be rarest."""
    wanted = list(terms)
    pivot = max(range(len(wanted)), key=lambda place: len(wanted[place]))
    number = -1
    try:
        while True:
            number = tokens.index(wanted[pivot], number + 1)
            first = number - pivot
            if first >= 0 and tokens[first : first + len(wanted)] == wanted:
                return True
    except ValueError:
        return False


def _numbers_of(word: str, tokens: list[str]) -> list[int]:
    numbers: list[int] = []
    number = -1
    try:
        while True:
            number = tokens.index(word, number + 1)
            numbers.append(number)
    except ValueError:
        return numbers


def _places(tokens: list[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for number, token in enumerate(tokens):
        if token in places:
            places[token].append(number)
        else:
            places[token] = [number]
    return places


def first_hits(hits: Iterator[Hit], most: int | None) -> tuple[Hit, ...]:
    """Return the first `most` hits in the order of the text, those of the exact reading before look-alikes."""
    return tuple(sorted(islice(hits, most), key=lambda hit: hit.first))


def tokenise(text: str) -> tuple[str, ...]:
    """Return the words of `text` in normal form."""
    return tuple(Text(text).tokens)
