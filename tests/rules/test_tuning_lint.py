"""What lint finds in a book of rules, with its level, and what it leaves alone."""

from __future__ import annotations

import re

import pytest

from rules.model import Alias, Document, Entity, Example, Fragment, Rule
from rules.percolate import compile_rules
from rules.tuning.lint import Finding, lint
from rules.tuning.names import AMBIGUOUS
from rules.tuning.providing import Provided
from rules.words import tokenise

BOTH = (Example(alert=True, title="x"), Example(alert=False, title="y"))
BINANCE = Entity(id="binance", name="Binance", tags=("tracked",))
PRESS = Provided(id="press", kind="release", lang="en", tags=("us",), varying=frozenset({"tag"}))
COURT = Provided(id="court", kind="docket-entry", facts=(("court", "dcd"),), varying=frozenset({"tag", "lang"}))


def rule(id_: str, when: str, **more: object) -> Rule:
    given: dict[str, object] = {"channels": ("desk",), "examples": BOTH}
    return Rule(id=id_, when=when, **(given | more))  # type: ignore[arg-type]


def found(
    *rules: Rule,
    entities: tuple[Entity, ...] = (BINANCE,),
    sources: tuple[Provided, ...] = (PRESS, COURT),
    fragments: tuple[Fragment, ...] = (),
    channels: tuple[str, ...] = ("desk", "hook"),
) -> list[tuple[str, str, str]]:
    return [(one.id, one.level, one.check) for one in findings(rules, entities, sources, fragments, channels)]


def findings(
    rules: tuple[Rule, ...],
    entities: tuple[Entity, ...] = (BINANCE,),
    sources: tuple[Provided, ...] = (PRESS, COURT),
    fragments: tuple[Fragment, ...] = (),
    channels: tuple[str, ...] = ("desk", "hook"),
) -> tuple[Finding, ...]:
    return lint(compile_rules(rules, entities, fragments=fragments), sources, channels)


def test_a_sound_rule_is_left_alone() -> None:
    assert found(rule("a", "entity:@tracked AND (motion* OR order) NOT title:speech kind:release")) == []


@pytest.mark.parametrize(
    "when", ["motion NOT mot*", "kind:filing motion", "source:press kind:docket-entry", "court:nysd motion"]
)
def test_a_rule_that_can_never_fire_is_an_error(when: str) -> None:
    assert found(rule("a", when)) == [("a", "error", "never")]


def test_without_sources_nothing_is_said_of_what_they_give() -> None:
    assert found(rule("a", "kind:filing motion form:8-K"), sources=()) == []


@pytest.mark.parametrize(
    "when",
    [
        "NOT motion",
        "motion OR NOT motion",
        "motion OR NOT order",
        "kind:release OR kind:docket-entry",
        "published:<2d",
    ],
)
def test_a_rule_that_asks_for_nothing_is_a_warning(when: str) -> None:
    assert ("a", "warning", "always") in found(rule("a", when))


@pytest.mark.parametrize(
    "when", ["kind:release", "source:press NOT motion", "NOT kind:release", "published:2024-03-05"]
)
def test_a_rule_for_all_of_one_source_or_day_is_meant_so(when: str) -> None:
    assert found(rule("a", when)) == []


def test_a_part_that_no_source_gives_is_a_warning_and_one_that_only_documents_may_give_a_note() -> None:
    assert found(rule("a", "motion AND (kind:filing OR kind:release)")) == [("a", "warning", "no-source")]
    assert found(rule("a", "motion AND (tag:crypto OR tag:us)")) == [("a", "note", "no-source")]
    assert found(rule("a", "motion NOT (kind:filing OR tag:crypto)")) == []
    assert found(rule("a", "motion AND (form:8-K OR order)"), sources=(PRESS, COURT)) == [
        ("a", "warning", "no-source")
    ]
    assert found(rule("a", "motion form:8-K"), sources=(PRESS, Provided(id="edgar"))) == [("a", "note", "no-source")]


def test_a_rule_behind_a_wider_one_is_shadowed_unless_it_is_louder_or_tells_others() -> None:
    wide = rule("wide", "motion* OR order", severity="high", channels=("desk", "hook"))
    assert found(wide, rule("a", '"motion to compel"')) == [("a", "warning", "shadowed")]
    assert found(rule("a", '"motion to compel"'), wide) == [("a", "warning", "shadowed")]
    assert found(wide, rule("a", '"motion to compel"', severity="critical")) == []
    assert found(wide, rule("a", '"motion to compel"', updates=True)) == []
    assert found(wide, rule("a", '"motion to compel"', channels=("third",)), channels=("desk", "third")) == []
    assert found(wide, rule("a", "entity:binance AND (order OR motions)")) == [("a", "warning", "shadowed")]
    assert found(rule("wide", "entity:@tracked"), rule("a", "entity:binance title:order")) == [
        ("a", "warning", "shadowed")
    ]


def test_of_two_rules_that_do_the_same_the_later_one_is_named() -> None:
    assert found(rule("one", "motion AND order"), rule("two", "order Motion")) == [("two", "warning", "duplicate")]
    assert found(rule("one", "motion", channels=("desk",)), rule("two", "motion", channels=("desk", "hook"))) == [
        ("one", "warning", "duplicate")
    ]


def test_ambiguous_names_are_found_unless_they_need_company() -> None:
    def names(*aliases: str | Alias, name: str = "Securities and Exchange Commission") -> list[str]:
        given = tuple(Alias(text=alias) if isinstance(alias, str) else alias for alias in aliases)
        entity = Entity(id="e", name=name, aliases=given)
        return [check for _, _, check in found(rule("a", "entity:e"), entities=(entity,))]

    assert names("SEC") == names("QXZ") == names("the wire", "tip") == names(name="Gemini") == ["ambiguous-name"]
    assert names(Alias(text="SEC", only_with=("regulator",)), "CFTC", "Binance", "u.s. sec") == []
    assert names(Alias(text="Gemini", only_with=("exchange",)), name="Gemini") == []


def test_a_name_of_two_entities_is_found() -> None:
    twins = (Entity(id="one", name="Acme Corp"), Entity(id="two", name="Acme", aliases=(Alias(text="ACME Corp"),)))
    [finding] = findings((), twins)
    assert (finding.section, finding.check, finding.advice[:20]) == ("entity", "shared-name", "give it `only_with` ")


def test_every_ambiguous_name_is_written_as_it_is_looked_up() -> None:
    assert all(" ".join(tokenise(name)) == name and meaning for name, meaning in AMBIGUOUS.items())


def test_a_regular_expression_without_a_piece_to_look_it_up_by_is_told_where_nothing_else_helps() -> None:
    assert found(rule("a", r"/[0-9]{3}x/")) == [("a", "warning", "scan")]
    assert found(rule("a", r"order OR /[0-9]{3}x/")) == [("a", "warning", "scan")]
    assert found(rule("a", r"order AND /[0-9]{3}x/")) == found(rule("a", "/motions?/")) == []


def test_examples_fragments_and_channels_that_are_lacking() -> None:
    assert found(rule("a", "x", examples=())) == [("a", "note", "no-examples")]
    assert found(rule("a", "x", examples=BOTH[:1])) == [("a", "note", "one-sided-examples")]
    assert found(rule("a", "x", channels=())) == [("a", "warning", "no-channel")]
    assert found(rule("a", "x", channels=("old",))) == [("a", "warning", "no-channel")]
    used = (Fragment(id="used", when="fragment:deep"), Fragment(id="deep", when="x"), Fragment(id="idle", when="y"))
    assert found(rule("a", "fragment:used"), fragments=used) == [("idle", "note", "unused-fragment")]


def test_many_rules_are_compared_without_comparing_all_with_all() -> None:
    rules = [rule(f"r{n}", f'"alpha{n} beta" AND (gamma{n} OR delta) NOT epsilon') for n in range(600)]
    rules.append(rule("narrow", '"alpha7 beta" AND gamma7 NOT epsilon'))
    assert found(*rules) == [("narrow", "warning", "shadowed")]


def test_what_never_fires_shadows_nothing_and_is_not_shadowed() -> None:
    assert found(rule("a", "x NOT x"), rule("b", "x"), rule("c", "y NOT y")) == [
        ("a", "error", "never"),
        ("c", "error", "never"),
    ]


def test_a_finding_says_what_and_what_to_do() -> None:
    [finding] = findings((rule("a", "motion NOT mot*"),))
    assert finding.message == "can never fire: whatever has motion has mot*, which is excluded"
    assert finding.advice and not re.search(r"[.;]$", finding.advice)
    assert compile_rules([rule("a", "motion NOT mot*")]).match(Document(source="s", title="motion")) == ((), ())
