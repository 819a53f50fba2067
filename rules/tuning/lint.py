"""What is suspicious in a book of rules without any document: rules that never fire, always fire, or add nothing.

An error is certain: such a rule holds for no document of the sources. A warning is something that its author should
know, a note something that is missing. What cannot be decided with certainty is not said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rules.language.query import And, FragmentRef, Node, Not, Or, Scope
from rules.language.ranges import DateTest
from rules.language.regex import Regex, required
from rules.language.values import FieldTest
from rules.model import Rule
from rules.percolate import RuleBook
from rules.tuning.forms import Alternative, Claim, written
from rules.tuning.implication import Implications
from rules.tuning.names import doubts
from rules.tuning.providing import Provided, is_uncertain, missing
from rules.tuning.satisfying import Reasoning
from rules.tuning.shadows import Shadow, Shadows

Level = Literal["error", "warning", "note"]
Section = Literal["rule", "entity", "fragment"]
Check = Literal[
    "never", "always", "shadowed", "duplicate", "no-source", "scan", "no-channel", "ambiguous-name", "shared-name",
    "no-examples", "one-sided-examples", "unused-fragment",
]  # fmt: skip
LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is suspicious in a rule, an entity or a fragment, and what to do about it."""

    section: Section
    id: str
    level: Level
    check: Check
    """The kind of finding; these names are for ever."""
    message: str
    advice: str


def lint(
    book: RuleBook, sources: Sequence[Provided] = (), channels: Collection[str] | None = None
) -> tuple[Finding, ...]:
    """Return what is suspicious, rules first, each in their order.

    Args:
        book: the rules in force.
        sources: those that are asked; none: nothing is said about what sources can give.
        channels: those that are enabled; None leaves it unsaid whether a rule reaches anybody.
    """
    return tuple(_Linter(book, sources, channels).findings())


class _Linter:
    def __init__(self, book: RuleBook, sources: Sequence[Provided], channels: Collection[str] | None) -> None:
        vocabulary = book.vocabulary
        self._book = book
        self._sources = sources
        self._channels = channels
        self._entities = vocabulary.entities if vocabulary else ()
        self._fragments = vocabulary.fragments if vocabulary else ()
        self._implications = Implications(self._entities, book.gazetteer)
        self._reasoning = Reasoning(self._implications, sources)
        read = ((rule.id, self._reasoning.read(book.node(rule.id))) for rule in book.rules)
        self._forms: dict[str, tuple[Alternative, ...]] = {id_: form for id_, form in read if form}

    def findings(self) -> Iterator[Finding]:
        shadows = {shadow.rule.id: shadow for shadow in self._shadows()}
        for rule in self._book.rules:
            yield from self._about_rule(rule, self._book.node(rule.id), shadows.get(rule.id))
        yield from self._about_entities()
        used = {fragment.id for rule in self._book.rules for fragment in rule.fragments}
        for fragment in self._fragments:
            if fragment.id not in used:
                yield Finding(
                    section="fragment",
                    id=fragment.id,
                    level="note",
                    check="unused-fragment",
                    message="no rule that is enabled uses it",
                    advice=f"write fragment:{fragment.id} in a rule, or remove it",
                )

    def _shadows(self) -> Iterator[Shadow]:
        rules = {rule.id: rule for rule in self._book.rules}
        return Shadows(rules, self._forms, self._implications).find()

    def _about_rule(self, rule: Rule, node: Node, shadow: Shadow | None) -> Iterator[Finding]:
        never = self._reasoning.never(node)
        if never is not None:
            yield _rule(rule, "error", "never", f"can never fire: {never}", "change the query, or remove the rule")
        else:
            yield from self._about_width(rule, node)
            yield from self._about_values(rule, node)
        if shadow is not None:
            yield _shadowed(shadow)
        yield from self._about_cost(rule)
        yield from _about_examples(rule)
        yield from self._about_channels(rule)

    def _about_width(self, rule: Rule, node: Node) -> Iterator[Finding]:
        if self._reasoning.is_always(node):
            yield _rule(
                rule, "warning", "always", "fires on every document", "add a word or an entity that must be there"
            )
            return
        wide = self._reasoning.undemanding(node)
        if wide is not None:
            query = " AND ".join(f"({written(demand)})" if len(demand) > 1 else written(demand) for demand in wide)
            yield _rule(
                rule,
                "warning",
                "always",
                f"fires on nearly every document: {_cut(query)} asks for nothing that a text must have",
                "add a word or an entity that must be there",
            )

    def _about_values(self, rule: Rule, node: Node) -> Iterator[Finding]:
        for test in dict.fromkeys(_asked_values(node, True)):
            absent = missing(test, self._sources)
            if absent is not None:
                yield _rule(
                    rule, "warning", "no-source", f"{absent}: this part never holds", "correct it, or add the source"
                )
            elif is_uncertain(test, self._sources):
                yield _rule(
                    rule,
                    "note",
                    "no-source",
                    f"no source has {test.written()} in the config: it holds only where a document itself states it",
                    f"add {test.name} to a [[source]], or look with `tipstaff rules backtest` whether it ever does",
                )

    def _about_cost(self, rule: Rule) -> Iterator[Finding]:
        for alternative in self._forms.get(rule.id, ()):
            if any(all(map(_has_word, demand)) for demand in alternative):
                continue
            for claim in dict.fromkeys(claim for demand in alternative for claim in demand):
                if claim.asked and isinstance(claim.node, Regex) and not _has_word(claim):
                    yield _rule(
                        rule,
                        "warning",
                        "scan",
                        f"{claim.written()} has no piece of a word to look it up by: it is searched for everywhere",
                        "join a word or a phrase to it by AND",
                    )
            return

    def _about_channels(self, rule: Rule) -> Iterator[Finding]:
        if not rule.channels:
            yield _rule(
                rule, "warning", "no-channel", "tells no channel: its alerts are stored and nobody hears of them",
                'write channels = ["..."]',
            )  # fmt: skip
        elif self._channels is not None and not set(rule.channels) & set(self._channels):
            names = ", ".join(rule.channels)
            yield _rule(
                rule, "warning", "no-channel", f"tells only channels that are switched off: {names}",
                "enable one of them, or name another one",
            )  # fmt: skip

    def _about_entities(self) -> Iterator[Finding]:
        for doubt in doubts(self._entities):
            yield Finding(
                section="entity",
                id=doubt.entity,
                level="warning",
                check="ambiguous-name",
                message=f'"{doubt.name}" counts wherever it stands: {doubt.reason}',
                advice=f'write {{ text = "{doubt.name}", only_with = ["..."] }}, with words that tell it from others',
            )
        for fault in self._book.warnings:
            message, _, advice = fault.message.partition("; ")
            yield Finding(
                section="entity",
                id=fault.entity,
                level="warning",
                check="shared-name",
                message=message,
                advice=advice,
            )


def _rule(rule: Rule, level: Level, check: Check, message: str, advice: str) -> Finding:
    return Finding(section="rule", id=rule.id, level=level, check=check, message=message, advice=advice)


def _shadowed(shadow: Shadow) -> Finding:
    other = shadow.by.id
    if shadow.same:
        message = f'fires on the same documents as "{other}", which tells the same channels'
        return _rule(shadow.rule, "warning", "duplicate", message, "remove one of them, or let them tell others")
    message = f'wherever it fires "{other}" fires too, which tells the same channels at least as loudly'
    advice = f'remove it, give it another severity or channel, or narrow "{other}"'
    return _rule(shadow.rule, "warning", "shadowed", message, advice)


def _about_examples(rule: Rule) -> Iterator[Finding]:
    wanted = {example.alert for example in rule.examples}
    if not wanted:
        advice = "add a [[rule.example]] with alert = true and one with alert = false"
        yield _rule(rule, "note", "no-examples", "has no examples", advice)
    elif len(wanted) == 1:
        (alert,) = wanted
        only, lacking = ("fire", "not fire") if alert else ("not fire", "fire")
        yield _rule(
            rule,
            "note",
            "one-sided-examples",
            f"has only examples on which it must {only}",
            f"add a [[rule.example]] on which it must {lacking}: alert = {str(not alert).lower()}",
        )


def _asked_values(node: Node, asked: bool) -> Iterator[FieldTest]:
    """Yield the tests of values that a query asks for, not those that it excludes."""
    if isinstance(node, Not):
        yield from _asked_values(node.child, not asked)
    elif isinstance(node, And | Or | Scope | FragmentRef):
        for part in node.parts():
            yield from _asked_values(part, asked)
    elif isinstance(node, FieldTest) and asked:
        yield node


def _has_word(claim: Claim) -> bool:
    """Whether a document that meets the claim must have one of some words, or a value that rules are looked up by."""
    if not claim.asked or isinstance(claim.node, DateTest):
        return False
    return not isinstance(claim.node, Regex) or bool(required(claim.node.pattern))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_LONGEST: Final = 120
