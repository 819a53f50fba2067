"""What a query is once it is read: a tree of clauses, each of which knows when it holds, why, and how it is written.

How the tree is read from text is not here (see `parse`), nor how rules are told apart fast (see `percolate`).

Each kind of clause is one class with four verbs, so that a new construct is one new class: `holds` (the fast
answer), `verdict` (the same answer with its reasons), `anchors` (what a document must contain for it to hold) and
`written` (the clause as its author would write it; parsing that gives the clause again).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from rules.entities import Field, Gazetteer, Mention, View
from rules.model import Evidence
from rules.text import fold
from rules.words import tokenise

ANYWHERE: Final[tuple[Field, ...]] = ("title", "body")
MOST_EVIDENCE: Final = 20
"""How many places of one clause are reported for each field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one clause holds for one document, and why; `children` are the verdicts on its parts."""

    node: Node
    clause: str
    holds: bool
    reason: str
    evidence: tuple[Evidence, ...] = ()
    children: tuple[Verdict, ...] = ()


Anchors = frozenset[str]
"""Atoms of which a document must contain at least one: a word, `begin*`, or `entity:id`."""


class Node:
    """A clause of a query."""

    __slots__ = ()
    level: ClassVar[int] = 4
    """How tightly the clause binds when written: 1 OR, 2 AND, 3 NOT, 4 everything else."""

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        """Whether the clause holds for the document when only `fields` are read."""
        raise NotImplementedError

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        """Give the answer of `holds` with its reasons."""
        raise NotImplementedError

    def anchors(self, gazetteer: Gazetteer, choose: Chooser) -> Anchors | None:
        """Return atoms without all of which the clause cannot hold; None if it may hold without any."""
        raise NotImplementedError

    def written(self) -> str:
        """Return the clause as its author would write it."""
        raise NotImplementedError


Chooser = Callable[[Iterable[Anchors]], Anchors]
"""Picks, of several anchor sets each of which would do, the one that the fewest documents will meet."""


def evaluate(node: Node, view: View) -> Verdict:
    """Return the verdict on a whole query, with the evidence of every clause that holds."""
    return node.verdict(view, ANYWHERE)


def unparse(node: Node) -> str:
    """Return the query in canonical form; parsing it gives an equal tree."""
    return node.written()


@dataclass(frozen=True, slots=True)
class _Words(Node):
    """Words next to each other; `text` is what the author typed, `terms` what is looked for."""

    text: str
    terms: tuple[str, ...] = field(init=False, repr=False, compare=False)
    prefix: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tokenise(self.text))

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return any(view.text(name).has(self.terms, self.prefix) for name in fields)

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        clause = _scoped(self, fields)
        evidence = tuple(
            _evidence(clause, name, view, hit.first, hit.last, hit.lookalike)
            for name in fields
            for hit in view.text(name).find(self.terms, self.prefix, MOST_EVIDENCE)
        )
        reason = _found(evidence, view) if evidence else self._missing(view, fields)
        return Verdict(node=self, clause=clause, holds=bool(evidence), reason=reason, evidence=evidence)

    def _missing(self, view: View, fields: tuple[Field, ...]) -> str:
        where = _where(fields)
        if len(fields) == 1:
            (other,) = (name for name in ANYWHERE if name not in fields)
            if view.text(other).has(self.terms, self.prefix):
                return f"not in the {where}, only in the {other}"
        if len(self.terms) > 1:
            if all(any(view.text(name).has((term,)) for name in fields) for term in self.terms):
                return f"its words are in the {where}, but not next to each other in this order"
        elif not self.prefix:
            longer = _longer_word(self.terms[0], view, fields)
            if longer:
                return f'not in the {where}, though "{longer}" is'
        return f"not in the {where}"

    def anchors(self, gazetteer: Gazetteer, choose: Chooser) -> Anchors | None:
        atoms = [*self.terms[:-1], self.terms[-1] + "*" if self.prefix else self.terms[-1]]
        return choose(frozenset((atom,)) for atom in atoms)

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
class And(Node):
    """All of its parts hold."""

    children: tuple[Node, ...]
    level = 2

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return all(child.holds(view, fields) for child in self.children)

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        children = tuple(child.verdict(view, fields) for child in self.children)
        failing = [child.clause for child in children if not child.holds]
        reason = f"{len(failing)} of {len(children)} parts fail" if failing else f"all {len(children)} parts hold"
        return Verdict(node=self, clause=_scoped(self, fields), holds=not failing, reason=reason, children=children)

    def anchors(self, gazetteer: Gazetteer, choose: Chooser) -> Anchors | None:
        found = [anchors for child in self.children if (anchors := child.anchors(gazetteer, choose)) is not None]
        return choose(found) if found else None

    def written(self) -> str:
        return " AND ".join(_nested(child, self.level + 1) for child in self.children)


@dataclass(frozen=True, slots=True)
class Or(Node):
    """At least one of its parts holds."""

    children: tuple[Node, ...]
    level = 1

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return any(child.holds(view, fields) for child in self.children)

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        children = tuple(child.verdict(view, fields) for child in self.children)
        holding = sum(child.holds for child in children)
        reason = f"{holding} of {len(children)} parts hold" if holding else f"none of its {len(children)} parts holds"
        return Verdict(node=self, clause=_scoped(self, fields), holds=bool(holding), reason=reason, children=children)

    def anchors(self, gazetteer: Gazetteer, choose: Chooser) -> Anchors | None:
        found = [child.anchors(gazetteer, choose) for child in self.children]
        known = [anchors for anchors in found if anchors is not None]
        return frozenset().union(*known) if len(known) == len(found) else None

    def written(self) -> str:
        return " OR ".join(_nested(child, self.level + 1) for child in self.children)


@dataclass(frozen=True, slots=True)
class Not(Node):
    """Its part does not hold."""

    child: Node
    level = 3

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return not self.child.holds(view, fields)

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        child = self.child.verdict(view, fields)
        reason = f"{child.clause}: {child.reason}"
        return Verdict(
            node=self, clause=_scoped(self, fields), holds=not child.holds, reason=reason, children=(child,)
        )

    def anchors(self, gazetteer: Gazetteer, choose: Chooser) -> Anchors | None:
        return None

    def written(self) -> str:
        return "NOT " + _nested(self.child, self.level)


@dataclass(frozen=True, slots=True)
class Scope(Node):
    """Its part holds when only the title, or only the body, is read."""

    name: Field
    child: Node

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return self.child.holds(view, (self.name,))

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        return self.child.verdict(view, (self.name,))

    def anchors(self, gazetteer: Gazetteer, choose: Chooser) -> Anchors | None:
        return self.child.anchors(gazetteer, choose)

    def written(self) -> str:
        return f"{self.name}:{_nested(self.child, Node.level)}"


@dataclass(frozen=True, slots=True)
class _Mentioned(Node):
    """One of some entities is mentioned."""

    name: str

    def entities(self, gazetteer: Gazetteer) -> frozenset[str]:
        """Return the ids of the entities of which one must be mentioned."""
        raise NotImplementedError

    def _mentions(self, view: View, fields: tuple[Field, ...]) -> Iterator[Mention]:
        mentions = view.mentions
        for entity in self.entities(view.gazetteer) & mentions.keys():
            for mention in mentions[entity]:
                if mention.field in fields:
                    yield mention

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return any(True for _ in self._mentions(view, fields))

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        clause = _scoped(self, fields)
        mentions = sorted(self._mentions(view, fields), key=lambda one: (one.first, one.last))
        evidence = tuple(
            _evidence(clause, name, view, one.first, one.last, one.lookalike)
            for name in fields
            for one in [one for one in mentions if one.field == name][:MOST_EVIDENCE]
        )
        reason = _found(evidence, view) if evidence else self._missing(view, fields)
        return Verdict(node=self, clause=clause, holds=bool(evidence), reason=reason, evidence=evidence)

    def _missing(self, view: View, fields: tuple[Field, ...]) -> str:
        entities = sorted(self.entities(view.gazetteer))
        if any(view.mentions.get(entity) for entity in entities):
            return f"not mentioned in the {_where(fields)}, only elsewhere"
        for entity in entities:
            if near := view.gazetteer.near_miss(entity, view.title, view.body):
                return f"not mentioned: {near}"
        return "not mentioned"

    def anchors(self, gazetteer: Gazetteer, choose: Chooser) -> Anchors | None:
        return frozenset(f"entity:{entity}" for entity in self.entities(gazetteer))


class EntityRef(_Mentioned):
    """An entity is mentioned: `entity:binance-us`."""

    __slots__ = ()

    def entities(self, gazetteer: Gazetteer) -> frozenset[str]:
        return frozenset((self.name,))

    def written(self) -> str:
        return f"entity:{quoted(self.name)}"


class EntityTag(_Mentioned):
    """An entity that carries a tag is mentioned: `entity:@tracked`."""

    __slots__ = ()

    def entities(self, gazetteer: Gazetteer) -> frozenset[str]:
        return gazetteer.tagged(self.name)

    def written(self) -> str:
        return f"entity:{quoted('@' + self.name)}"


ValueField = Literal["source", "kind", "tag", "lang"]


@dataclass(frozen=True, slots=True)
class FieldTest(Node):
    """A value of the document is this one or, with `prefix`, begins so: `source:sec-*`, `kind:release`."""

    name: ValueField
    value: str
    prefix: bool = False

    def _agrees(self, value: str) -> bool:
        if self.name == "lang":
            wanted, value = self.value.lower(), value.lower().replace("_", "-")
            return value == wanted or value.startswith(wanted + "-")
        wanted = fold(self.value) if self.name == "tag" else self.value
        return value.startswith(wanted) if self.prefix else value == wanted

    def _values(self, view: View) -> tuple[str, ...]:
        document = view.document
        if self.name == "tag":
            return view.tags
        value = {"source": document.source, "kind": document.kind, "lang": document.lang}[self.name]
        return () if value is None else (value,)

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return any(map(self._agrees, self._values(view)))

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        values = view.document.tags if self.name == "tag" else self._values(view)
        holds = self.holds(view, fields)
        reason = f"{self.name} is {', '.join(values[:MOST_EVIDENCE])}" if values else f"it has no {self.name}"
        evidence = (Evidence(field=self.name, start=0, end=0, clause=self.written()),) if holds else ()
        return Verdict(node=self, clause=self.written(), holds=holds, reason=reason, evidence=evidence)

    def anchors(self, gazetteer: Gazetteer, choose: Chooser) -> Anchors | None:
        return None

    def written(self) -> str:
        return f"{self.name}:{quoted(self.value)}{'*' if self.prefix else ''}"


_BARE: Final = re.compile(r"[@\w][\w./:@+-]*")


def quoted(value: str) -> str:
    """Return a value as it is written after a field, in double quotes if it must be."""
    return value if _BARE.fullmatch(value) else f'"{value}"'


def _nested(node: Node, level: int) -> str:
    return node.written() if node.level >= level else f"({node.written()})"


def _scoped(node: Node, fields: tuple[Field, ...]) -> str:
    return node.written() if len(fields) > 1 else f"{fields[0]}:{_nested(node, Node.level)}"


def _where(fields: tuple[Field, ...]) -> str:
    return " or ".join(fields)


def _evidence(clause: str, name: Field, view: View, first: int, last: int, lookalike: bool) -> Evidence:
    start, end = view.text(name).span(first, last)
    return Evidence(field=name, start=start, end=end, clause=clause, lookalike=lookalike)


def _found(evidence: tuple[Evidence, ...], view: View) -> str:
    first = evidence[0]
    text = view.title.original if first.field == "title" else view.body.original
    more = f" and {len(evidence) - 1} more" if len(evidence) > 1 else ""
    alike = " in look-alike letters" if first.lookalike else ""
    return f'"{text[first.start : first.end]}"{alike} in the {first.field}{more}'


def _longer_word(term: str, view: View, fields: tuple[Field, ...]) -> str | None:
    if len(term) < 3:
        return None
    words = {word for name in fields for word in view.text(name).beginning(term)}
    return min(words, key=lambda word: (len(word), word), default=None)
