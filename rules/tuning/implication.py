"""What follows from one clause for another: a text with "motion to compel" has motion, a release is no filing.

Every answer of yes is certain; what is not seen here to follow may follow all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rules.entities import Gazetteer, View
from rules.language.mentions import EntityRef, EntityTag
from rules.language.proximity import Near
from rules.language.query import ANYWHERE, FragmentRef, Node, Or
from rules.language.ranges import Amount, DateTest
from rules.language.values import FOLDED, Docket, FieldTest
from rules.language.wording import Phrase, Prefix, Sloppy, Spelling, Word
from rules.model import Document, Entity
from rules.spelling import within
from rules.text import fold
from rules.tuning.forms import Claim
from rules.words import tokenise

_SINGLE = ("source", "kind", "lang")
"""Fields of which a document has one value."""

Limit = tuple[Any, bool] | None
Span = tuple[Limit, Limit]
"""From a low to a high limit, each a pair (value, inclusive) or open."""


class Implications:
    """Answers for the queries of one book, whose entities it knows."""

    def __init__(self, entities: Iterable[Entity], gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._names = {
            entity.id: tuple(
                terms
                for name in (entity.name, *(alias.text for alias in entity.aliases))
                if (terms := tokenise(name))
            )
            for entity in entities
        }

    def follows(self, given: Claim, then: Claim) -> bool:
        """Whether every document that meets the first claim meets the second."""
        if given.asked and then.asked:
            return self._clause_follows(given, then)
        if not given.asked and not then.asked:
            return self._clause_follows(then, given)
        return given.asked and self.excludes(given, Claim(then.node, then.fields))

    def excludes(self, one: Claim, other: Claim) -> bool:
        """Whether no document can meet both claims."""
        if isinstance(one.node, DateTest) and isinstance(other.node, DateTest):
            return _same_axis(one.node, other.node) and all(
                _apart(a, b) for a in _spans(one.node, one.asked) for b in _spans(other.node, other.asked)
            )
        if one.asked and other.asked:
            return _two_values(one.node, other.node)
        if one.asked:
            return self._clause_follows(one, other)
        return other.asked and self._clause_follows(other, one)

    def is_impossible(self, claim: Claim) -> bool:
        """Whether no document at all can meet the claim: it asks for entities that nothing can mention."""
        node = claim.node
        if not claim.asked or not isinstance(node, EntityRef | EntityTag):
            return False
        return not any(self._names.get(entity, True) for entity in self.entities(node))

    def entities(self, node: EntityRef | EntityTag) -> frozenset[str]:
        """Return the entities of which a clause asks that one is mentioned."""
        return node.entities(self._gazetteer)

    def _clause_follows(self, given: Claim, then: Claim) -> bool:
        a, b = given.node, then.node
        if isinstance(b, FieldTest):
            return isinstance(a, FieldTest) and self._value_follows(a, b)
        if isinstance(b, DateTest):
            return isinstance(a, DateTest) and _same_axis(a, b) and _inside(_spans(a, True)[0], _spans(b, True)[0])
        return set(given.fields) <= set(then.fields) and self._gives(a, b)

    def _value_follows(self, a: FieldTest, b: FieldTest) -> bool:
        if a.name != b.name:
            return False
        if a.prefix:
            first, second = (fold(one.value) if one.name in FOLDED else one.value for one in (a, b))
            return b.prefix and first.startswith(second)
        return b.holds(View(_with_value(a), self._gazetteer), ANYWHERE)

    def _gives(self, a: Node, b: Node) -> bool:
        """Whether a text in which `a` holds is one in which `b` holds."""
        if a == b:
            return True
        found = False
        match a:
            case FragmentRef():
                found = self._gives(a.child, b)
            case Or():
                found = all(self._gives(child, b) for child in a.children)
            case Near():
                found = self._near_gives(a, b)
            case Word() | Phrase() | Prefix():
                found = _words_give(a.terms, a.prefix, b)
            case EntityRef() | EntityTag():
                found = self._mention_gives(a, b)
            case Sloppy():
                wider = isinstance(b, Sloppy) and Counter(a.terms) == Counter(b.terms) and a.distance <= b.distance
                found = wider or any(_words_give((term,), False, b) for term in a.terms)
            case Spelling():
                found = isinstance(b, Spelling) and a.term == b.term and a.edits <= b.edits
            case Docket():
                found = isinstance(b, Docket) and _is_docket(a, b)
            case Amount():
                found = isinstance(b, Amount) and _is_sum(a, b)
        return found

    def _near_gives(self, a: Near, b: Node) -> bool:
        closer = isinstance(b, Near) and (a.left, a.right) == (b.left, b.right) and a.distance <= b.distance
        return closer or self._gives(a.left, b) or self._gives(a.right, b)

    def _mention_gives(self, a: EntityRef | EntityTag, b: Node) -> bool:
        entities = self.entities(a)
        if isinstance(b, EntityRef | EntityTag):
            return bool(entities) and entities <= self.entities(b)
        names = [terms for entity in entities for terms in self._names.get(entity, ())]
        return bool(names) and all(_words_give(terms, False, b) for terms in names)


def _words_give(terms: Sequence[str], prefix: bool, b: Node) -> bool:
    """Whether these words side by side are a place of `b`; with `prefix` the last is only the beginning of one."""
    if isinstance(b, Word | Phrase | Prefix):
        length = len(b.terms)
        return any(
            tuple(terms[start : start + length - 1]) == b.terms[:-1]
            and _word_gives(terms[start + length - 1], prefix and start + length == len(terms), b.terms[-1], b.prefix)
            for start in range(len(terms) - length + 1)
        )
    whole = tuple(terms[:-1] if prefix else terms)
    if isinstance(b, Spelling):
        return any(within(b.term, term, b.edits) for term in whole)
    if isinstance(b, Sloppy):
        widest = b.distance + 1
        stretches = (whole[start : start + widest] for start in range(len(whole)))
        return any(not Counter(b.terms) - Counter(stretch) for stretch in stretches)
    return False


def _word_gives(word: str, only_beginning: bool, wanted: str, prefix: bool) -> bool:
    return word.startswith(wanted) if prefix else word == wanted and not only_beginning


def _is_sum(a: Amount, b: Amount) -> bool:
    return b.currency in (None, a.currency) and _inside(_limits(a), _limits(b))


def _is_docket(a: Docket, b: Docket) -> bool:
    one, other = a.number, b.number
    same = (one.year, one.type, one.serial) == (other.year, other.type, other.serial)
    return same and other.court in (None, one.court)


def _with_value(test: FieldTest) -> Document:
    """Return a document with just the value that a test asks for."""
    if test.name == "source":
        return Document(source=test.value)
    if test.name == "lang":
        return Document(source="", lang=test.value)
    if test.name == "tag":
        return Document(source="", tags=(test.value,))
    if test.name == "kind":
        return Document(source="", kind=test.value)  # type: ignore[arg-type]
    return Document(source="", facts=((test.name, test.value),))


def _two_values(a: Node, b: Node) -> bool:
    """Whether two tests ask for different values of a field of which a document has one."""
    if not isinstance(a, FieldTest) or not isinstance(b, FieldTest) or a.name != b.name or a.name not in _SINGLE:
        return False
    if a.name == "lang":
        one, other = (f"{test.value.lower().replace('_', '-')}-" for test in (a, b))
        return not one.startswith(other) and not other.startswith(one)
    one, other = a.value, b.value
    if a.prefix and b.prefix:
        return not one.startswith(other) and not other.startswith(one)
    if a.prefix or b.prefix:
        return not (other.startswith(one) if a.prefix else one.startswith(other))
    return one != other


# --- dates and sums -----------------------------------------------------------------------------------------------


def _same_axis(a: DateTest, b: DateTest) -> bool:
    return a.name == b.name and a.limits.age == b.limits.age


def _limits(test: DateTest | Amount) -> Span:
    return test.limits.low, test.limits.high


def _spans(test: DateTest, asked: bool) -> list[Span]:
    """Return the stretches of time that a test, or its opposite, admits."""
    low, high = _limits(test)
    if asked:
        return [(low, high)]
    below: list[Span] = [] if low is None else [(None, (low[0], not low[1]))]
    return below + ([] if high is None else [((high[0], not high[1]), None)])


def _apart(a: Span, b: Span) -> bool:
    return _before(a[1], b[0]) or _before(b[1], a[0])


def _before(high: Limit, low: Limit) -> bool:
    if high is None or low is None:
        return False
    return bool(high[0] < low[0] or (high[0] == low[0] and not (high[1] and low[1])))


def _inside(a: Span, b: Span) -> bool:
    return _is_within(a[0], b[0], 1) and _is_within(a[1], b[1], -1)


def _is_within(limit: Limit, outer: Limit, sign: int) -> bool:
    """Whether a low limit (sign 1) or a high one (-1) is at least as narrow as another one."""
    if outer is None:
        return True
    if limit is None:
        return False
    if limit[0] == outer[0]:
        return outer[1] or not limit[1]
    return bool(limit[0] > outer[0]) == (sign > 0)
