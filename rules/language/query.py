"""What a query is once it is read: a tree of clauses, each of which knows when it holds, why, and how it is written.

Here are the clauses made of other clauses; those that look at a document are in the modules beside this one. How the
tree is read from text is not here (see `parse`), nor how rules are told apart fast (see `rules.percolate`).

Each kind of clause is one class with four verbs, so that a new construct is one new class: `holds` (the fast
answer), `verdict` (the same answer with its reasons), `ways` (what a document must contain for it to hold) and
`written` (the clause as its author would write it; parsing that gives the clause again).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from typing import ClassVar, Final

from rules.entities import Field, Gazetteer, View
from rules.model import Evidence
from rules.words import Hit

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

    @property
    def misses(self) -> int:
        """How many clauses would have to come out otherwise for this one to hold; 0 if it does."""
        return 0 if self.holds else self.node.misses(self.children)


Anchors = frozenset[str]
"""Atoms of which a document must have at least one; `rules.language.atoms` says what atoms there are."""
Way = tuple[Anchors, ...]
"""Anchors of each of which a document must have an atom; none: any document will do."""
Chooser = Callable[[Way], Anchors]
"""Picks, of several anchors each of which would do, those that the fewest documents will meet."""
MOST_WAYS: Final = 16


class Node:
    """A clause of a query."""

    __slots__ = ()
    level: ClassVar[int] = 5
    """How tightly the clause binds when written: 1 OR, 2 AND, 3 NOT, 4 NEAR, 5 everything else."""

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        """Whether the clause holds for the document when only `fields` are read."""
        raise NotImplementedError

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        """Give the answer of `holds` with its reasons."""
        raise NotImplementedError

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        """Return the ways in which the clause may hold: every document for which it does meets at least one."""
        return ((),)

    def written(self) -> str:
        """Return the clause as its author would write it."""
        raise NotImplementedError

    def parts(self) -> tuple[Node, ...]:
        """Return the clauses that this one is made of."""
        return ()

    def misses(self, children: Sequence[Verdict]) -> int:
        """Return how many clauses keep this one, which does not hold, from holding."""
        return 1


class Located(Node):
    """A clause that holds where words stand: it has places, and so may be an operand of NEAR."""

    __slots__ = ()

    def hits(self, view: View, name: Field, most: int | None = None) -> tuple[Hit, ...]:
        """Return the places in one field where the clause holds, in order; the first `most` of them."""
        raise NotImplementedError

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return any(self.hits(view, name, 1) for name in fields)

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        clause = scoped(self, fields)
        evidence = tuple(
            evidence_at(clause, name, view, hit) for name in fields for hit in self.hits(view, name, MOST_EVIDENCE)
        )
        reason = found(evidence, view) if evidence else self.missing(view, fields)
        return Verdict(node=self, clause=clause, holds=bool(evidence), reason=reason, evidence=evidence)

    def missing(self, view: View, fields: tuple[Field, ...]) -> str:
        """Say what the document lacks, or has only almost."""
        return f"not in the {where(fields)}"


def evaluate(node: Node, view: View) -> Verdict:
    """Return the verdict on a whole query, with the evidence of every clause that holds."""
    return node.verdict(view, ANYWHERE)


def unparse(node: Node) -> str:
    """Return the query in canonical form; parsing it gives an equal tree."""
    return node.written()


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
        return Verdict(node=self, clause=scoped(self, fields), holds=not failing, reason=reason, children=children)

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return all_of([child.ways(gazetteer, choose) for child in self.children], choose)

    def written(self) -> str:
        return " AND ".join(nested(child, self.level + 1) for child in self.children)

    def parts(self) -> tuple[Node, ...]:
        return self.children

    def misses(self, children: Sequence[Verdict]) -> int:
        return sum(child.misses for child in children)


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
        return Verdict(node=self, clause=scoped(self, fields), holds=bool(holding), reason=reason, children=children)

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return any_of([child.ways(gazetteer, choose) for child in self.children], choose)

    def written(self) -> str:
        return " OR ".join(nested(child, self.level + 1) for child in self.children)

    def parts(self) -> tuple[Node, ...]:
        return self.children

    def misses(self, children: Sequence[Verdict]) -> int:
        return min((child.misses for child in children), default=1)


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
        clause = scoped(self, fields)
        return Verdict(node=self, clause=clause, holds=not child.holds, reason=reason, children=(child,))

    def written(self) -> str:
        return "NOT " + nested(self.child, self.level)

    def parts(self) -> tuple[Node, ...]:
        return (self.child,)


@dataclass(frozen=True, slots=True)
class Scope(Node):
    """Its part holds when only the title, or only the body, is read."""

    name: Field
    child: Node

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return self.child.holds(view, (self.name,))

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        return self.child.verdict(view, (self.name,))

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return self.child.ways(gazetteer, choose)

    def written(self) -> str:
        return f"{self.name}:{nested(self.child, Node.level)}"

    def parts(self) -> tuple[Node, ...]:
        return (self.child,)


@dataclass(frozen=True, slots=True)
class FragmentRef(Node):
    """A piece of a query that stands elsewhere under a name: `fragment:asks-the-court`."""

    name: str
    child: Node = field(repr=False)

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return self.child.holds(view, fields)

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        child = self.child.verdict(view, fields)
        clause = scoped(self, fields)
        return Verdict(node=self, clause=clause, holds=child.holds, reason=child.reason, children=(child,))

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return self.child.ways(gazetteer, choose)

    def written(self) -> str:
        return f"fragment:{quoted(self.name)}"

    def parts(self) -> tuple[Node, ...]:
        return (self.child,)

    def misses(self, children: Sequence[Verdict]) -> int:
        return children[0].misses


# --- ways to hold ---------------------------------------------------------------------------------------------------


def needs(*atoms: str) -> tuple[Way, ...]:
    """Return the one way of a clause that needs all of these atoms."""
    return (tuple(frozenset((atom,)) for atom in dict.fromkeys(atoms)),)


def any_of(each: Sequence[tuple[Way, ...]], choose: Chooser) -> tuple[Way, ...]:
    """Return the ways to meet at least one of several parts."""
    ways = tuple(dict.fromkeys(way for part in each for way in part))
    if not all(ways):
        return ((),)
    if len(ways) <= MOST_WAYS and any(len(way) > 1 for way in ways):
        return ways
    return (_joined(ways, choose),)


def all_of(each: Sequence[tuple[Way, ...]], choose: Chooser) -> tuple[Way, ...]:
    """Return the ways to meet all of several parts."""
    if math.prod(map(len, each)) > MOST_WAYS:
        each = [part if len(part) == 1 else (_joined(part, choose),) for part in each]
    chains = (chain.from_iterable(parts) for parts in product(*each))
    return tuple(dict.fromkeys(tuple(dict.fromkeys(anchors)) for anchors in chains))


def _joined(ways: Sequence[Way], choose: Chooser) -> Way:
    """Return one way that is met wherever one of `ways`, none of them empty, is."""
    return (frozenset[str]().union(*map(choose, ways)),) if all(ways) else ()


# --- how clauses are written and reported -------------------------------------------------------------------------

_BARE: Final = re.compile(r"[@\w][\w./:@+-]*")


def quoted(value: str) -> str:
    """Return a value as it is written after a field, in double quotes if it must be."""
    return value if _BARE.fullmatch(value) else f'"{value}"'


def nested(node: Node, level: int) -> str:
    """Return a clause as it is written where only what binds at `level` or tighter needs no brackets."""
    return node.written() if node.level >= level else f"({node.written()})"


def scoped(node: Node, fields: tuple[Field, ...]) -> str:
    """Return a clause as it is written when only some fields are read."""
    return node.written() if len(fields) > 1 else f"{fields[0]}:{nested(node, Node.level)}"


def where(fields: tuple[Field, ...]) -> str:
    """Name the fields that are read."""
    return " or ".join(fields)


def evidence_at(clause: str, name: Field, view: View, hit: Hit) -> Evidence:
    """Return the characters of a place as evidence for a clause."""
    start, end = view.text(name).span(hit.first, hit.last)
    return Evidence(field=name, start=start, end=end, clause=clause, lookalike=hit.lookalike)


def found(evidence: Sequence[Evidence], view: View) -> str:
    """Say what was found, where, and how often."""
    first = evidence[0]
    text = view.title.original if first.field == "title" else view.body.original
    more = f" and {len(evidence) - 1} more" if len(evidence) > 1 else ""
    alike = " in look-alike letters" if first.lookalike else ""
    return f'"{text[first.start : first.end]}"{alike} in the {first.field}{more}'
