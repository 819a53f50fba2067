"""Rules that add nothing: whatever they fire on, another one fires on, and tells the same people as loudly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rules.language.mentions import EntityRef, EntityTag
from rules.language.proximity import Near
from rules.language.query import FragmentRef, Node, Or
from rules.language.ranges import DateTest
from rules.language.values import FieldTest
from rules.language.wording import Phrase, Prefix, Sloppy, Word
from rules.model import SEVERITIES, Rule
from rules.text import fold
from rules.tuning.forms import Alternative, Claim, Demand
from rules.tuning.implication import Implications

MOST_COMPARED: Final = 400_000
"""Pairs of alternatives after which no further rule is looked at."""
_LETTERS: Final = 2
"""As many as a prefix has at least: whatever word it follows from begins with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A rule and another one that fires wherever it does; `same` where that is true the other way round, too."""

    rule: Rule
    by: Rule
    same: bool


class Shadows:
    """Compares the rules of one book, given as their alternatives, by id."""

    def __init__(
        self, rules: Mapping[str, Rule], forms: Mapping[str, tuple[Alternative, ...]], implications: Implications
    ) -> None:
        self._rules = rules
        self._forms = forms
        self._implications = implications
        self._order = {id_: number for number, id_ in enumerate(rules)}
        self._budget = MOST_COMPARED
        self._keys = _Keys(implications)
        self._by_key: dict[str, dict[str, None]] = {}
        """Key -> ids of the rules of which one alternative may follow from a claim with this key."""
        for id_, form in forms.items():
            for alternative in form:
                for key in self._keys.rarest(alternative):
                    self._by_key.setdefault(key, {})[id_] = None

    def find(self) -> Iterator[Shadow]:
        """Yield each rule that another one makes superfluous, once, with the first such other rule."""
        for id_, form in self._forms.items():
            if self._budget <= 0:
                return
            for other in self._comparable(form):
                if other == id_ or not _covers(self._rules[other], self._rules[id_]) or not self._follows(id_, other):
                    continue
                same = self._follows(other, id_)
                mutual = same and _covers(self._rules[id_], self._rules[other])
                if mutual and self._order[other] > self._order[id_]:
                    continue  # of two that do the same, the later one is superfluous
                yield Shadow(rule=self._rules[id_], by=self._rules[other], same=same)
                break

    def _comparable(self, form: tuple[Alternative, ...]) -> list[str]:
        if not form:
            return []
        # Every alternative of the narrower rule must imply the wider one, so one of them will do to find it.
        given = {key for demand in form[0] for key in self._keys.given(demand[0])}
        found = {id_ for key in given for id_ in self._by_key.get(key, ())}
        return sorted(found, key=self._order.__getitem__)

    def _follows(self, narrow: str, wide: str) -> bool:
        """Whether the second rule holds wherever the first one does."""
        return all(
            any(self._alternative_follows(one, other) for other in self._forms[wide]) for one in self._forms[narrow]
        )

    def _alternative_follows(self, given: Alternative, then: Alternative) -> bool:
        self._budget -= 1
        return all(any(self._demand_follows(have, want) for have in given) for want in then)

    def _demand_follows(self, given: Demand, then: Demand) -> bool:
        follows = self._implications.follows
        return all(any(follows(claim, other) for other in then) for claim in given)


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Whether the first rule tells all that the second tells, at least as loudly and as often."""
    return (
        bool(narrow.channels)
        and set(narrow.channels) <= set(wide.channels)
        and SEVERITIES.index(wide.severity) >= SEVERITIES.index(narrow.severity)
        and wide.updates >= narrow.updates
    )


# --- which claims can follow from which ---------------------------------------------------------------------------

_EXCLUDED: Final = "\0not"


class _Keys:
    """What claims are found by: where one follows from another, `given` of this has a key of `wanted` of that."""

    def __init__(self, implications: Implications) -> None:
        self._entities = implications.entities

    def rarest(self, alternative: Alternative) -> frozenset[str]:
        """Return the keys of the demand that the fewest claims can give."""
        demands = (frozenset(key for claim in demand for key in self._wanted(claim)) for demand in alternative)
        return min(demands, key=lambda keys: (_EXCLUDED in keys, len(keys)), default=frozenset())

    def _wanted(self, claim: Claim) -> Iterator[str]:
        node = claim.node
        if not claim.asked:
            yield _EXCLUDED
        elif isinstance(node, Prefix) and len(node.terms) == 1:
            yield f"{node.terms[0][:_LETTERS]}*"
        elif isinstance(node, Word | Phrase | Prefix | Sloppy):
            yield node.terms[0]
        elif isinstance(node, EntityRef | EntityTag):
            yield from (f"\0entity:{entity}" for entity in self._entities(node))
        elif isinstance(node, FieldTest):
            yield _beginning(node) if node.prefix or node.name == "lang" else _value(node)
        else:
            yield _kind(node)

    def given(self, claim: Claim) -> Iterator[str]:
        if not claim.asked or isinstance(claim.node, FieldTest | DateTest):
            yield _EXCLUDED
        if claim.asked:
            yield from self._of(claim.node)

    def _of(self, node: Node) -> Iterator[str]:
        yield _kind(node)
        if isinstance(node, Word | Phrase | Prefix | Sloppy):
            yield "\0Spelling"
            yield from node.terms
            yield from (f"{term[:_LETTERS]}*" for term in node.terms)
        elif isinstance(node, EntityRef | EntityTag):
            # Whatever follows is about all of these entities, so one of them will do.
            yield from (f"\0entity:{entity}" for entity in sorted(self._entities(node))[:1])
        elif isinstance(node, FieldTest):
            yield _beginning(node)
            yield _value(node)
        elif isinstance(node, Near | Or | FragmentRef):
            for part in node.parts():
                yield from self._of(part)


def _beginning(node: FieldTest) -> str:
    return f"\0{node.name}*"


def _value(node: FieldTest) -> str:
    return f"\0{node.name}:{fold(node.value)}"


def _kind(node: Node) -> str:
    return f"\0{node.name}" if isinstance(node, DateTest) else f"\0{type(node).__name__}"
