"""Whether a query can hold at all, and whether it can fail; an answer of no is certain and has its reason."""

from __future__ import annotations

from collections.abc import Sequence

from rules.language.query import Node
from rules.language.ranges import DateTest
from rules.language.values import FieldTest
from rules.tuning.forms import Alternative, Claim, Demand, TooLarge, alternatives, written
from rules.tuning.implication import Implications
from rules.tuning.providing import Provided, missing


class Reasoning:
    """Answers for the queries of one book on the documents of some sources."""

    def __init__(self, implications: Implications, sources: Sequence[Provided] = ()) -> None:
        self.implications = implications
        self._sources = tuple(sources)

    def read(self, node: Node) -> tuple[Alternative, ...] | None:
        """Return the alternatives of a query that may be met; None where there are too many to look at."""
        try:
            return tuple(one for one in alternatives(node) if self.contradiction(one) is None)
        except TooLarge:
            return None

    def never(self, node: Node) -> str | None:
        """Say why a query holds for no document; None where it may."""
        try:
            reasons = [self.contradiction(one) for one in alternatives(node)]
        except TooLarge:
            return None
        told = [reason for reason in reasons if reason is not None]
        if len(told) < len(reasons):
            return None
        return told[0] if len(set(told)) == 1 else f"each of its {len(told)} alternatives fails; the first: {told[0]}"

    def is_always(self, node: Node) -> bool:
        """Whether a query holds for every document."""
        try:
            return all(self.contradiction(one) is not None for one in alternatives(node, negated=True))
        except TooLarge:
            return False

    def undemanding(self, node: Node) -> Alternative | None:
        """Return an alternative that asks for nothing that a text must have: nearly all documents meet it."""
        found = self.read(node) or ()
        return next((one for one in found if all(map(self._is_undemanding, one))), None)

    def _is_undemanding(self, demand: Demand) -> bool:
        if any(map(self._is_nearly_nothing, demand)):
            return True
        return bool(self._sources) and all(any(map(source.grants, demand)) for source in self._sources)

    def _is_nearly_nothing(self, claim: Claim) -> bool:
        node = claim.node
        if isinstance(node, FieldTest):
            return not claim.asked and not self._sources
        if isinstance(node, DateTest) and claim.asked:
            return node.limits.age and node.limits.low is None
        return not claim.asked

    def contradiction(self, alternative: Alternative) -> str | None:
        """Say why no document can meet all demands of an alternative; None where one may."""
        reason = self._clash(alternative)
        if reason is not None or not self._sources or not _asks_for_values(alternative):
            return reason
        for source in self._sources:
            left = tuple(tuple(claim for claim in demand if not source.denies(claim)) for demand in alternative)
            if all(left) and self._clash(left) is None:
                return None
        return self._without_source(alternative)

    def _without_source(self, alternative: Alternative) -> str:
        for demand in alternative:
            lacking = [missing(claim.node, self._sources) for claim in demand if isinstance(claim.node, FieldTest)]
            if len(lacking) == len(demand) and all(claim.asked for claim in demand) and all(lacking):
                return "; ".join(reason for reason in lacking if reason)
        valued = [demand for demand in alternative if any(isinstance(claim.node, FieldTest) for claim in demand)]
        together = " and ".join(f"({written(demand)})" if len(demand) > 1 else written(demand) for demand in valued)
        known = [source for source in self._sources if any(_names(demand, source) for demand in valued)]
        told = "".join(f"; {source.id} publishes {source.kind}" for source in known[:3])
        return f"no source that is enabled gives {together} at once{told}"

    def _clash(self, alternative: Alternative) -> str | None:
        """Say which demands exclude each other, whatever the source."""
        left = list(alternative)
        settled: list[Claim] = []
        before = -1
        while len(settled) > before:
            before = len(settled)
            for number, demand in enumerate(left):
                claims = [claim for claim in demand if self._obstacle(claim, settled) is None]
                if not claims:
                    return "; ".join(dict.fromkeys(str(self._obstacle(claim, settled)) for claim in demand[:3]))
                left[number] = tuple(claims)
                if len(claims) == 1 and claims[0] not in settled:
                    settled += claims
        return None

    def _obstacle(self, claim: Claim, settled: Sequence[Claim]) -> str | None:
        if self.implications.is_impossible(claim):
            return f"{claim.written()}: no text can mention it"
        for other in settled:
            if other != claim and self.implications.excludes(other, claim):
                return _words(other, claim)
        return None


def _asks_for_values(alternative: Alternative) -> bool:
    return any(isinstance(claim.node, FieldTest) for demand in alternative for claim in demand)


def _names(demand: Demand, source: Provided) -> bool:
    tests = [c.node for c in demand if c.asked and isinstance(c.node, FieldTest) and c.node.name == "source"]
    return any(map(source.has, tests))


def _words(one: Claim, other: Claim) -> str:
    """Say that two claims exclude each other."""
    asked, excluded = (one, other) if one.asked else (other, one)
    if asked.asked and not excluded.asked and not isinstance(asked.node, DateTest):
        plain = Claim(excluded.node, excluded.fields).written()
        if asked.written() == plain:
            return f"{plain} is both asked for and excluded"
        return f"whatever has {asked.written()} has {plain}, which is excluded"
    return f"{one.written()} and {other.written()} exclude each other"
