"""Documents that missed a rule by one clause, and what would have to be otherwise for a rule to hold.

A near miss is a document for which one clause more would do, and something that the rule asks for is there: a
document that has nothing of a rule of one clause is no near miss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import heappush, heappushpop

from rules.entities import Field
from rules.language.query import ANYWHERE, And, FragmentRef, Node, Not, Or, Scope, Verdict
from rules.model import Document, Evidence, Rule
from rules.percolate import RuleBook
from rules.tuning.samples import Seen


def partly_holds(verdict: Verdict) -> bool:
    """Whether something that a query asks for is there; what it excludes does not count."""
    if isinstance(verdict.node, Not):
        return False
    return any(map(partly_holds, verdict.children)) if verdict.children else verdict.holds


def evidence_below(verdict: Verdict) -> tuple[Evidence, ...]:
    """Return all that a query found in a document, also where it does not hold; not what it excludes."""
    return tuple(dict.fromkeys(_evidence(verdict)))


def _evidence(verdict: Verdict) -> Iterator[Evidence]:
    if not isinstance(verdict.node, Not):
        yield from verdict.evidence if verdict.holds else ()
        for child in verdict.children:
            yield from _evidence(child)


def repairs(verdict: Verdict) -> tuple[Verdict, ...]:
    """Return the failing clauses that would have to come out otherwise for a query to hold; none if it holds.

    Of several ways the one with the fewest clauses; where nothing speaks for one of them, the group as a whole.
    """
    if verdict.holds:
        return ()
    if isinstance(verdict.node, And):
        return tuple(one for child in verdict.children for one in repairs(child))
    if isinstance(verdict.node, FragmentRef):
        below = repairs(verdict.children[0])
        return (verdict,) if below == verdict.children else below
    if isinstance(verdict.node, Or):
        best = [child for child in verdict.children if child.misses == verdict.misses and partly_holds(child)]
        return repairs(best[0]) if len(best) == 1 else (verdict,)
    return (verdict,)


def near_miss(verdict: Verdict) -> Verdict | None:
    """Return the one clause by which a query missed a document; None if it holds or is further away."""
    if verdict.misses != 1 or not partly_holds(verdict):
        return None
    (clause,) = repairs(verdict)
    return clause


class Sieve:
    """Tells fast which documents are near misses of a rule, without the reasons.

    Every clause that looks at a document is asked as if it were a rule of its own, so an index finds those that may
    hold, and most documents meet none.
    """

    def __init__(self, book: RuleBook, rule_id: str) -> None:
        self._node = book.node(rule_id)
        self._names: dict[tuple[int, tuple[Field, ...]], str] = {}
        leaves: list[tuple[Rule, Node]] = []
        for leaf, fields in _leaves(self._node, ANYWHERE):
            if (id(leaf), fields) not in self._names:
                name = str(len(leaves))
                self._names[id(leaf), fields] = name
                scoped = leaf if fields == ANYWHERE else Scope(fields[0], leaf)
                leaves.append((Rule(id=name, when=scoped.written()), scoped))
        self._clauses = RuleBook(leaves, book.gazetteer)

    def admits(self, document: Document, at: datetime | None = None) -> bool:
        """Whether the document missed the rule by one clause, or a clause could not be evaluated on it."""
        found, faults = self._clauses.firing(document, at)
        if faults:
            return True
        if not found:
            return False
        holding = frozenset(rule.id for rule in found)
        return self._misses(self._node, ANYWHERE, holding) == 1 and self._is_begun(self._node, ANYWHERE, holding)

    def _misses(self, node: Node, fields: tuple[Field, ...], holding: frozenset[str]) -> int:
        if isinstance(node, And):
            return sum(self._misses(child, fields, holding) for child in node.children)
        if isinstance(node, Or):
            return min(self._misses(child, fields, holding) for child in node.children)
        if isinstance(node, Not):
            return int(not self._misses(node.child, fields, holding))
        if isinstance(node, Scope):
            return self._misses(node.child, (node.name,), holding)
        if isinstance(node, FragmentRef):
            return self._misses(node.child, fields, holding)
        return int(self._names[id(node), fields] not in holding)

    def _is_begun(self, node: Node, fields: tuple[Field, ...], holding: frozenset[str]) -> bool:
        if isinstance(node, And | Or | FragmentRef):
            return any(self._is_begun(child, fields, holding) for child in node.parts())
        if isinstance(node, Scope):
            return self._is_begun(node.child, (node.name,), holding)
        return not isinstance(node, Not) and self._names[id(node), fields] in holding


def _leaves(node: Node, fields: tuple[Field, ...]) -> Iterator[tuple[Node, tuple[Field, ...]]]:
    """Yield the clauses that look at a document, and where each looks."""
    if isinstance(node, Scope):
        yield from _leaves(node.child, (node.name,))
    elif isinstance(node, And | Or | Not | FragmentRef):
        for part in node.parts():
            yield from _leaves(part, fields)
    else:
        yield node, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A document that missed a rule by one clause, and why that clause fails."""

    seen: Seen
    clause: str
    reason: str


class NearMisses:
    """One pass over documents for one rule: `feed` each, then look at what was found."""

    def __init__(self, book: RuleBook, rule_id: str, *, limit: int = 20) -> None:
        self._book = book
        self._rule = rule_id
        self._sieve = Sieve(book, rule_id)
        self._limit = limit
        self._newest: list[tuple[bool, datetime | int, int, NearMiss]] = []
        self.documents = 0
        self.faults: Counter[str] = Counter()
        """Reason -> on how many documents the rule could not be evaluated."""
        self.clauses: Counter[str] = Counter()
        """Clause -> how many documents more the rule would have matched without it."""

    def feed(self, key: str, document: Document, at: datetime | None = None) -> None:
        """Look at one document that was first seen `at`."""
        self.documents += 1
        if not self._sieve.admits(document, at):
            return
        try:
            missing = near_miss(self._book.explain(document, self._rule, at).verdict)
        except Exception as error:
            # As in a round: one document on which a rule cannot be evaluated does not end the look at the others.
            self.faults[f"{type(error).__name__}: {error}"] += 1
            return
        if missing is None:
            return
        self.clauses[missing.clause] += 1
        seen = Seen(key=key, document=document, at=at)
        self._keep(NearMiss(seen=seen, clause=missing.clause, reason=missing.reason))

    def _keep(self, miss: NearMiss) -> None:
        at = miss.seen.at
        ranked = (at is not None, 0 if at is None else at, self.documents, miss)
        if len(self._newest) < self._limit:
            heappush(self._newest, ranked)
        else:
            heappushpop(self._newest, ranked)

    @property
    def newest(self) -> tuple[NearMiss, ...]:
        """The newest near misses, newest first; those without a time last."""
        return tuple(ranked[-1] for ranked in sorted(self._newest, reverse=True))

    @property
    def total(self) -> int:
        """How many near misses there were."""
        return self.clauses.total()
