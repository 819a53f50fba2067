"""Two things close to each other: `SEC NEAR/8 motion`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.entities import Field, Gazetteer, View
from rules.language.query import Chooser, FragmentRef, Located, Node, Or, Way, all_of, nested, where
from rules.language.wording import Word
from rules.words import Hit, first_hits

_MOST_COMPARED = 300
"""Places of either side that are compared to say how far the two are apart."""


def is_located(node: Node) -> bool:
    """Whether a clause has places in a text, so that something can be near it."""
    if isinstance(node, FragmentRef):
        return is_located(node.child)
    return isinstance(node, Located) or (isinstance(node, Or) and all(map(is_located, node.children)))


def places(node: Node, view: View, name: Field) -> tuple[Hit, ...]:
    """Return where in one field a clause holds of which `is_located` is true, in order."""
    if isinstance(node, FragmentRef):
        return places(node.child, view, name)
    if isinstance(node, Or):
        hits = dict.fromkeys(hit for child in node.children for hit in places(child, view, name))
        return tuple(sorted(hits, key=lambda hit: (hit.first, hit.last)))
    assert isinstance(node, Located)  # noqa: S101 - the parser admits no other operand
    return node.hits(view, name)


@dataclass(frozen=True, slots=True)
class Near(Located):
    """One thing at most `distance` words after or before another one, in the same field; they share no word."""

    left: Node
    right: Node
    distance: int
    level = 4

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        if isinstance(self.left, Word) and isinstance(self.right, Word):
            left, right = self.left.terms, self.right.terms
            if len(left) == len(right) == 1 and not (view.title.skeleton or view.body.skeleton):
                return any(view.text(name).are_near(left[0], right[0], self.distance) for name in fields)
        return any(next(self._pairs(view, name), None) is not None for name in fields)

    def hits(self, view: View, name: Field, most: int | None = None) -> tuple[Hit, ...]:
        """Return the stretches that begin with one of the two and end with the other."""
        return first_hits(iter(dict.fromkeys(self._pairs(view, name))), most)

    def _pairs(self, view: View, name: Field) -> Iterator[Hit]:
        lefts = places(self.left, view, name)
        if lefts and (rights := places(self.right, view, name)):
            for here, there in ((lefts, rights), (rights, lefts)):
                yield from _nearest(here, there, self.distance)

    def missing(self, view: View, fields: tuple[Field, ...]) -> str:
        absent = [side.written() for side in (self.left, self.right) if not side.holds(view, fields)]
        if absent:
            return f"{' and '.join(absent)} not in the {where(fields)}"
        gaps = [self._gap(view, name) for name in fields]
        known = [gap for gap in gaps if gap is not None]
        if not known:
            return "the two stand in different fields, or in the same words"
        return f"the two stand {min(known)} words apart"

    def _gap(self, view: View, name: Field) -> int | None:
        """Return the least distance of the two in one field."""
        lefts, rights = places(self.left, view, name), places(self.right, view, name)
        gaps = (_distance(left, right) for left in lefts[:_MOST_COMPARED] for right in rights[:_MOST_COMPARED])
        return min((gap for gap in gaps if gap > 0), default=None)

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return all_of([self.left.ways(gazetteer, choose), self.right.ways(gazetteer, choose)], choose)

    def written(self) -> str:
        return f"{nested(self.left, self.level)} NEAR/{self.distance} {nested(self.right, self.level + 1)}"

    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)


def _distance(left: Hit, right: Hit) -> int:
    """Return how many words the nearer ends are apart; 1 for neighbours, 0 or less where they share words."""
    return max(right.first - left.last, left.first - right.last)


def _nearest(here: Sequence[Hit], there: Sequence[Hit], distance: int) -> Iterator[Hit]:
    """Yield, for each place here, the stretches to the nearest one there before it and after it, if not too far.

    Farther ones add nothing to whether the two are near each other, and their number grows with the square.
    """
    after = sorted(there, key=lambda hit: (hit.first, hit.last))
    before = sorted(there, key=lambda hit: (hit.last, hit.first))
    firsts, lasts = [hit.first for hit in after], [hit.last for hit in before]
    for hit in here:
        at = bisect_right(firsts, hit.last)
        if at < len(after) and firsts[at] - hit.last <= distance:
            yield Hit(hit.first, after[at].last, hit.lookalike or after[at].lookalike)
        at = bisect_left(lasts, hit.first) - 1
        if at >= 0 and hit.first - lasts[at] <= distance:
            yield Hit(before[at].first, hit.last, hit.lookalike or before[at].lookalike)
