"""The rules of the percolation benchmark: drawn from the words of its documents, the same for the same seed.

Half ask for an entity and a keyword, three in ten are boolean with phrases, one in ten is NEAR/n, one in twenty asks
for a prefix and one in twenty is a regular expression, at every number of rules.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from percolation_corpus import Pool

from rules.model import Alias, Entity, Rule

_TWENTY: Final = "entity boolean entity near entity boolean entity prefix entity boolean " * 2
_ORDER: Final = (*_TWENTY.split()[:-3], "regex", "entity", "boolean")


@dataclass(frozen=True)
class Word:
    """One word."""

    text: str


@dataclass(frozen=True)
class Phrase:
    """Words next to each other."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Prefix:
    """The beginning of a word."""

    text: str


@dataclass(frozen=True)
class Near:
    """Two operands at most `distance` words apart, in either order."""

    left: Term
    right: Term
    distance: int


@dataclass(frozen=True)
class Pattern:
    """A regular expression that both RE2 and Python read, and the words that stand in every text it finds."""

    text: str
    literals: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """An entity, by any of its names."""

    id: str
    names: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class And:
    """All of these."""

    parts: tuple[Query, ...]


@dataclass(frozen=True)
class Or:
    """At least one of these."""

    parts: tuple[Query, ...]


@dataclass(frozen=True)
class Not:
    """Not this."""

    part: Query


Term = Word | Phrase | Prefix
Query = Term | Near | Pattern | Named | And | Or | Not


@dataclass(frozen=True)
class Standing:
    """A rule: its id, of which form it is, and what it asks."""

    id: str
    form: str
    query: Query

    @property
    def rule(self) -> Rule:
        """The rule as tipstaff reads it."""
        return Rule(id=self.id, when=written(self.query))


def written(query: Query) -> str:
    """Return the query in tipstaff's language."""
    match query:
        case Word(text):
            return text
        case Prefix(text):
            return f"{text}*"
        case Phrase(words):
            return f'"{" ".join(words)}"'
        case Near(left, right, distance):
            return f"{written(left)} NEAR/{distance} {written(right)}"
        case Pattern(text, _):
            return f"/{text}/"
        case Named(id, _):
            return f"entity:{id}"
        case Not(part):
            return f"NOT {_nested(part)}"
        case And(parts):
            return " AND ".join(map(_nested, parts))
        case Or(parts):
            return " OR ".join(map(_nested, parts))


def _nested(query: Query) -> str:
    return f"({written(query)})" if isinstance(query, And | Or | Near) else written(query)


# --- entities ---------------------------------------------------------------------------------------------------

_STATE: Final = re.compile(r"\s*[/\\].*$")
_LEGAL: Final = re.compile(
    r",?\s+(?:inc|corp|corporation|co|company|ltd|limited|plc|llc|lp|l\.p|n\.v|nv|s\.a|sa|ag|se|holdings?|group|trust)\.?$",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(r"[a-z0-9]+")


def _cased(name: str) -> str:
    return " ".join(word.capitalize() for word in name.split()) if name.isupper() else name


def _names(name: str, common: Callable[[str], bool]) -> list[str]:
    """Return the name and, where it can be told from ordinary words, the name without its legal form."""
    full = _cased(_STATE.sub("", name)).strip()
    short = full
    while (cut := _LEGAL.sub("", short)) != short:
        short = cut
    words = _PLAIN.findall(short.lower())
    useful = len(words) > 1 or (len(words) == 1 and len(words[0]) > 3 and not common(words[0]))
    return [full, short] if short != full and useful else [full]


class Entities:
    """The companies of a pool as entities that rules can name."""

    def __init__(self, pool: Pool, common: Callable[[str], bool]) -> None:
        self.all: list[Entity] = []
        self.named: list[Named] = []
        taken: set[tuple[str, ...]] = set()
        for number, company in enumerate(pool.companies):
            names = [name for name in _names(company, common) if name.isascii() and "." not in name[:-1]]
            told = {name: tuple(_PLAIN.findall(name.lower())) for name in names}
            told = {name: words for name, words in told.items() if words and words not in taken and len(name) > 5}
            if told:
                taken.update(told.values())
                aliases = tuple(Alias(text=name) for name in told)
                id = f"company-{number}"
                self.all.append(Entity(id=id, name=aliases[0].text, aliases=aliases[1:], tags=("listed",)))
                self.named.append(Named(id, tuple(told.values())))


# --- rules ------------------------------------------------------------------------------------------------------

_WORDS: Final = re.compile(r"[^\W_]+(?:\.[^\W_]+)*")
_USABLE: Final = re.compile(r"[a-zà-öø-ÿ]{4,20}")
_OPERATORS: Final = frozenset(("near", "and", "not", "or"))


class Drafter:
    """Drafts rules whose words are those of the documents: common ones rarely, rare ones often."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self._rng = random.Random(seed)
        self._texts = [_WORDS.findall(sentence.lower()) for sentence in pool.sentences]
        frequency = Counter(word for text in self._texts for word in set(text))
        self._count = len(self._texts)
        self._usable = {w: n for w, n in frequency.items() if _USABLE.fullmatch(w) and w not in _OPERATORS}
        self._by_frequency = defaultdict(list)
        for word, number in sorted(self._usable.items()):
            self._by_frequency[int(4 * math.log2(number))].append(word)
        self._stems = sorted(w for w, n in self._usable.items() if len(w) > 6 and n > 1)
        self.entities = Entities(pool, lambda word: frequency[word] > 5)

    def draft(self, number: int) -> list[Standing]:
        """Return so many rules, no two of which ask the same; a shorter list is the beginning of a longer one."""
        drafted: list[Standing] = []
        seen: set[Query] = set()
        while len(drafted) < number:
            form = _ORDER[len(drafted) % len(_ORDER)]
            query = getattr(self, f"_{form}")()
            if query is not None and query not in seen:
                seen.add(query)
                drafted.append(Standing(f"r{len(drafted):06}", form, query))
        return drafted

    def _keyword(self, most: float = 1 / 1000) -> Word:
        """Draw a word: as likely one in a hundred thousand texts as in a thousand, none in more than `most`."""
        last = int(4 * math.log2(max(self._count * most, 2)))
        while True:
            if words := self._by_frequency.get(self._rng.randint(0, last)):
                return Word(self._rng.choice(words))

    def _entity(self) -> Query:
        known = self.entities.named
        famous = self._rng.random() < 0.3
        named = known[self._rng.randrange(min(300, len(known)) if famous else len(known))]
        keyword: Query = self._keyword(1 / 100)
        if self._rng.random() < 0.4:
            keyword = Or((keyword, *(self._keyword(1 / 100) for _ in range(self._rng.randint(1, 3)))))
        return And((named, keyword))

    def _run(self, least: int, most: int) -> tuple[str, ...] | None:
        """Return words that stand next to each other somewhere, the first and the last fit for a rule."""
        text = self._rng.choice(self._texts)
        length = self._rng.randint(least, most)
        if len(text) < length:
            return None
        start = self._rng.randrange(len(text) - length + 1)
        run = tuple(text[start : start + length])
        fit = all(len(word) > 1 and word.isalpha() and word.isascii() and word not in _OPERATORS for word in run)
        rare = min((self._usable.get(word, self._count) for word in (run[0], run[-1])), default=0) < self._count / 100
        return run if fit and rare and run[0] in self._usable and run[-1] in self._usable else None

    def _phrase(self) -> Phrase:
        """Draw a phrase: half of them stand in a text, half are of words that need not stand together anywhere."""
        if self._rng.random() < 0.5:
            return Phrase((self._keyword(1 / 50).text, self._keyword(1 / 50).text))
        while True:
            if run := self._run(2, 3):
                return Phrase(run)

    def _boolean(self) -> Query:
        rng, keyword = self._rng, self._keyword
        match rng.randrange(5):
            case 0:
                return And((Or((self._phrase(), self._phrase())), keyword(1 / 100)))
            case 1:
                return And((self._phrase(), Or((keyword(), keyword(), keyword()))))
            case 2:
                return And((Or((keyword(), self._phrase())), keyword(1 / 50), Not(keyword(1 / 50))))
            case 3:
                return Or((self._phrase(), self._phrase(), And((keyword(), keyword(1 / 100)))))
            case _:
                return And((self._phrase(), Not(Or((self._phrase(), keyword(1 / 50))))))

    def _near(self) -> Query | None:
        run = self._run(3, 7)
        if run is None or run[0] == run[-1]:
            return None
        left: Term = Word(run[0])
        right: Term = Word(run[-1]) if self._rng.random() < 0.5 else self._keyword(1 / 50)
        shape = self._rng.random()
        if shape < 0.2 and len(run) > 3 and run[1] in self._usable:
            left = Phrase(run[:2])
        elif shape < 0.3 and len(right.text) > 6:
            right = Prefix(right.text[:5])
        near = Near(left, right, self._rng.randint(len(run), 15))
        return And((near, self._keyword(1 / 50))) if self._rng.random() < 0.3 else near

    def _prefix(self) -> Query:
        stem = self._rng.choice(self._stems)
        prefix = Prefix(stem[: self._rng.randint(5, len(stem) - 1)])
        other = self._keyword(1 / 300)
        return And((prefix, Or((other, self._phrase())) if self._rng.random() < 0.3 else other))

    def _regex(self) -> Query | None:
        run = self._run(2, 3)
        if run is None:
            return None
        first, last = run[0], run[-1]
        shapes: tuple[tuple[str, tuple[str, ...]], ...] = (
            (rf"\b{' '.join(run)}(s|es|ed|ing)?\b", run[:-1]),
            (rf"\b{first}( [a-z]+)? {last}\b", (first, last)),
            (rf"\b{first}.{{1,30}}\b{last}\b", (first, last)),
            (rf"\b{first[: len(first) - 1]}[a-z]? {last}\b", (last,)),
            (rf"\b{last} (no\. )?[0-9]+", (last,)),
        )
        return Pattern(*self._rng.choice(shapes))


def entities_of(rules: Sequence[Standing], entities: Sequence[Entity]) -> list[Entity]:
    """Return the entities that rules name."""
    wanted = {named.id for rule in rules for named in _named(rule.query)}
    return [entity for entity in entities if entity.id in wanted]


def _named(query: Query) -> Iterator[Named]:
    match query:
        case Named():
            yield query
        case And(parts) | Or(parts):
            for part in parts:
                yield from _named(part)
