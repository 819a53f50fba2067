"""What rules can be matched with instead: the same rules, put into the words of each peer, on the same documents.

Peers read a text in small letters with its blanks folded, and make it so themselves, inside the timing; only the bare
scan is given tipstaff's normal form beforehand, since it is a floor and no competitor.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Final, Protocol

from percolation_corpus import Written
from percolation_rules import And, Named, Near, Not, Or, Pattern, Phrase, Prefix, Query, Standing, Term, Word

Fields = tuple[str, str]
"""Title and body, in small letters, blanks folded."""
Test = Callable[[Fields], bool]


class Peer(Protocol):
    """Another way to find out which rules fire; made from the rules, which is its build."""

    title: str
    batch: dict[str, int]
    """How many documents of each kind are handed over at once."""
    share: float
    """Which part of the rules it really evaluates; its time is in proportion to their number."""
    longest: int | None
    """How much of a text it is given, where a whole one would take minutes; None is all of it."""

    def __init__(self, rules: Sequence[Standing]) -> None: ...

    def fire(self, documents: Sequence[Written]) -> list[set[str]]:
        """Return the ids of the rules that fire on each document."""
        ...


def _folded(document: Written) -> Fields:
    title, body = document
    return " ".join(title.lower().split()), " ".join(body.lower().split())


# --- a loop of regular expressions ------------------------------------------------------------------------------


_GAP: Final = r"\W+"


def _pattern(term: Term) -> str:
    match term:
        case Word(text):
            return rf"\b{text}\b"
        case Prefix(text):
            return rf"\b{text}"
        case Phrase(words):
            return rf"\b{_GAP.join(words)}\b"


def _near(near: Near) -> str:
    left, right = _pattern(near.left), _pattern(near.right)
    left_whole = left + r"\w*" if isinstance(near.left, Prefix) else left
    right_whole = right + r"\w*" if isinstance(near.right, Prefix) else right
    between = rf"\W+(?:\w+\W+){{0,{near.distance - 1}}}?"
    return f"{left_whole}{between}{right}|{right_whole}{between}{left}"


def _searching(pattern: str) -> Test:
    search = re.compile(pattern).search
    return lambda fields: search(fields[0]) is not None or search(fields[1]) is not None


def _test(query: Query) -> Test:
    """Return a test of patterns, the cheapest first as a careful author would write them."""
    match query:
        case Near():
            return _searching(_near(query))
        case Pattern(text, _):
            return _searching(text)
        case Named(_, names):
            return _searching("|".join(_pattern(Phrase(name)) for name in names))
        case Not(part):
            inner = _test(part)
            return lambda fields: not inner(fields)
        case And(parts):
            tests = [_test(part) for part in parts]
            return lambda fields: all(test(fields) for test in tests)
        case Or(parts):
            tests = [_test(part) for part in parts]
            return lambda fields: any(test(fields) for test in tests)
        case _:
            return _searching(_pattern(query))


class RegexLoop:
    """Every rule in turn, as patterns of `re`; at most so many, in proportion."""

    title = "loop of Python regexes"
    batch: Final = {"headlines": 4, "releases": 1, "filings": 1}
    longest: int | None = 50_000
    MOST: Final = 1_000

    def __init__(self, rules: Sequence[Standing]) -> None:
        step = max(len(rules) // self.MOST, 1)
        # Neighbours differ in form, and a step that shares no factor with twenty keeps the mixture.
        chosen = rules if step == 1 else [rules[(n * 7919) % len(rules)] for n in range(self.MOST)]
        self.share = len(chosen) / len(rules)
        self.rules = {rule.id: _test(rule.query) for rule in chosen}

    def fire(self, documents: Sequence[Written]) -> list[set[str]]:
        return [{id for id, test in self.rules.items() if test(fields)} for fields in map(_folded, documents)]


# --- words found, then candidates -------------------------------------------------------------------------------


def _keys(query: Query) -> frozenset[str] | None:
    """Return words of which a text must have one for the query to hold; None if there are none such."""
    match query:
        case Word(text):
            return frozenset((text,))
        case Prefix(text):
            return frozenset((text + "*",))
        case Phrase(words):
            return frozenset((max(words, key=len),))
        case Near(left, right, _):
            return min((_keys(left), _keys(right)), key=_cost)
        case Pattern(_, literals):
            return frozenset((max(literals, key=len),))
        case Named(_, names):
            return frozenset(max(name, key=len) for name in names)
        case Not():
            return None
        case And(parts):
            found = [keys for part in parts if (keys := _keys(part)) is not None]
            return min(found, key=_cost) if found else None
        case Or(parts):
            every = [_keys(part) for part in parts]
            return None if None in every else frozenset().union(*(keys for keys in every if keys))


def _cost(keys: frozenset[str] | None) -> float:
    """Guess how many texts have one of these: short words are common."""
    return sum(2.0 ** -min(len(key), 12) for key in keys) if keys else 1e9


def _words(query: Query) -> Iterator[str]:
    """Yield every word of a query, prefixes with their star."""
    match query:
        case Word(text):
            yield text
        case Prefix(text):
            yield text + "*"
        case Phrase(words):
            yield from words
        case Near(left, right, _):
            yield from _words(left)
            yield from _words(right)
        case Pattern(_, literals):
            yield from literals
        case Named(_, names):
            for name in names:
                yield from name
        case Not(part):
            yield from _words(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _words(part)


class _Found:
    """Decides rules whose words are known to be there or not; patterns only for what that leaves open."""

    def __init__(self, rules: Sequence[Standing]) -> None:
        self.query = {rule.id: rule.query for rule in rules}
        self.by_key: defaultdict[str, list[str]] = defaultdict(list)
        for rule in rules:
            for key in _keys(rule.query) or ():
                self.by_key[key].append(rule.id)
        self.test = cache(_test)

    def fire(self, present: set[str], fields: Fields) -> set[str]:
        candidates = {id for key in present & self.by_key.keys() for id in self.by_key[key]}
        return {id for id in candidates if self._holds(self.query[id], present, fields)}

    def _holds(self, query: Query, present: set[str], fields: Fields) -> bool:
        match query:
            case Word(text):
                return text in present
            case Prefix(text):
                return text + "*" in present
            case Not(part):
                return not self._holds(part, present, fields)
            case And(parts):
                return all(self._holds(part, present, fields) for part in parts)
            case Or(parts):
                return any(self._holds(part, present, fields) for part in parts)
            case Named(_, names):
                return any(present.issuperset(name) for name in names) and self.test(query)(fields)
            case _:
                return present.issuperset(_words(query)) and self.test(query)(fields)


class Alternation:
    """One pattern of all words of all rules, then the rules that have one of those found."""

    title = "one big `re` alternation"
    batch: Final = {"headlines": 16, "releases": 1, "filings": 1}
    share = 1.0
    longest: int | None = 20_000

    def __init__(self, rules: Sequence[Standing]) -> None:
        words = sorted({word for rule in rules for word in _words(rule.query)}, key=lambda word: (-len(word), word))
        whole = "|".join(word for word in words if not word.endswith("*"))
        prefixes = "|".join(word[:-1] for word in words if word.endswith("*"))
        self.find = re.compile(rf"\b(?:{whole})\b").findall
        self.find_prefixes = re.compile(rf"\b(?:{prefixes})").findall if prefixes else None
        self.prefixes = frozenset(word for word in words if word.endswith("*"))
        self.lengths = sorted({len(prefix) - 1 for prefix in self.prefixes})
        self.found = _Found(rules)

    def fire(self, documents: Sequence[Written]) -> list[set[str]]:
        fired = []
        for fields in map(_folded, documents):
            text = f"{fields[0]}\n{fields[1]}"
            present = set(self.find(text))
            if self.find_prefixes is not None:
                for beginning in set(self.find_prefixes(text)):
                    present.update(p for n in self.lengths if (p := beginning[:n] + "*") in self.prefixes)
            fired.append(self.found.fire(present, fields))
        return fired


# --- SQLite -----------------------------------------------------------------------------------------------------


def _fts(query: Query) -> str:
    """Return the query in FTS5's language; of a regular expression, the words that it must find."""
    match query:
        case Word(text):
            return f'"{text}"'
        case Prefix(text):
            return f'"{text}" *'
        case Phrase(words):
            return f'"{" ".join(words)}"'
        case Near(left, right, distance):
            return f"NEAR({_fts(left)} {_fts(right)}, {distance - 1})"
        case Pattern(_, literals):
            return " AND ".join(f'"{literal}"' for literal in literals)
        case Named(_, names):
            return f"({' OR '.join(_fts(Phrase(name)) for name in names)})"
        case And(parts):
            wanted = " AND ".join(f"({_fts(part)})" for part in parts if not isinstance(part, Not))
            refused = " OR ".join(f"({_fts(part.part)})" for part in parts if isinstance(part, Not))
            return f"({wanted}) NOT ({refused})" if refused else wanted
        case Or(parts):
            return " OR ".join(f"({_fts(part)})" for part in parts)
        case Not():
            raise ValueError("FTS5 has no NOT without something before it")


class FullText:
    """SQLite's FTS5: documents are inserted in batches, then every rule's MATCH is run over the batch."""

    title = "SQLite FTS5, by batches"
    batch: Final = {"headlines": 1_000, "releases": 200, "filings": 4}
    share = 1.0
    longest: int | None = None

    def __init__(self, rules: Sequence[Standing]) -> None:
        self.rules = [
            (rule.id, _fts(rule.query), _test(rule.query) if rule.form == "regex" else None) for rule in rules
        ]
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.execute(
            "CREATE VIRTUAL TABLE texts USING fts5 (title, body, tokenize = 'unicode61 remove_diacritics 0')"
        )

    def fire(self, documents: Sequence[Written]) -> list[set[str]]:
        fired: list[set[str]] = [set() for _ in documents]
        folded = [_folded(document) for document in documents]
        run = self.database.execute
        run("BEGIN")
        run("DELETE FROM texts")
        self.database.executemany(
            "INSERT INTO texts (rowid, title, body) VALUES (?, ?, ?)", ((n, *d) for n, d in enumerate(folded))
        )
        for id, query, test in self.rules:
            for (row,) in run("SELECT rowid FROM texts WHERE texts MATCH ?", (query,)).fetchall():
                if test is None or test(folded[row]):
                    fired[row].add(id)
        run("COMMIT")
        return fired


# --- floors -----------------------------------------------------------------------------------------------------


class BareScan:
    """The scan of ahocorasick-rs for every word and phrase of the rules; nothing is made of what it finds."""

    title = "floor: bare scan of ready text"
    batch: Final = {"headlines": 64, "releases": 8, "filings": 1}
    share = 1.0
    longest: int | None = None
    REQUIRES: Final = "ahocorasick-rs"

    def __init__(self, rules: Sequence[Standing]) -> None:
        import ahocorasick_rs  # noqa: PLC0415 - only where it is installed

        literals = {literal for rule in rules for literal in self._literals(rule.query)}
        self.scan: Any = ahocorasick_rs.AhoCorasick(sorted(literals)).find_matches_as_indexes

    def _literals(self, query: Query) -> Iterator[str]:
        match query:
            case Phrase(words):
                yield f" {' '.join(words)} "
            case Named(_, names):
                for name in names:
                    yield f" {' '.join(name)} "
            case Near(left, right, _):
                yield from self._literals(left)
                yield from self._literals(right)
            case And(parts) | Or(parts):
                for part in parts:
                    yield from self._literals(part)
            case Not(part):
                yield from self._literals(part)
            case _:
                for word in _words(query):
                    yield f" {word[:-1]}" if word.endswith("*") else f" {word} "

    def fire(self, documents: Sequence[Written]) -> list[set[str]]:
        for title, body in documents:
            self.scan(title, overlapping=True)
            self.scan(body, overlapping=True)
        return []


class BareSplit:
    """The set of a text's pieces between blanks, and nothing else."""

    title = "floor: set(text.split()) alone"
    batch: Final = {"headlines": 64, "releases": 8, "filings": 1}
    share = 1.0
    longest: int | None = None

    def __init__(self, rules: Sequence[Standing]) -> None:
        pass

    def fire(self, documents: Sequence[Written]) -> list[set[str]]:
        for title, body in documents:
            set(title.split())
            set(body.split())
        return []


PEERS: Final[dict[str, type[Peer]]] = {
    "loop": RegexLoop,
    "alternation": Alternation,
    "fts5": FullText,
    "scan": BareScan,
    "split": BareSplit,
}
FLOORS: Final = frozenset(("scan", "split"))
