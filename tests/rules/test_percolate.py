"""All rules against one document: the shortcut equals the oracle, faults are isolated, examples are run."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queries import ENTITIES, FRAGMENTS, documents, nodes

from rules.entities import Gazetteer
from rules.language.query import unparse
from rules.language.wording import Word
from rules.model import Alias, Document, Entity, Example, Rule, RuleFault
from rules.percolate import RuleBook, RuleBookFault, compile_rules, run_examples


def rule(when: str, rule_id: str = "r", *examples: Example) -> Rule:
    return Rule(id=rule_id, when=when, examples=examples)


@given(st.lists(nodes, max_size=8), st.lists(documents, min_size=1, max_size=4))
def test_the_rules_looked_up_are_all_the_rules_that_hold(trees: list, read: list[Document]) -> None:
    rules = [rule(unparse(node), f"r{number}") for number, node in enumerate(trees)]
    book = compile_rules(rules, ENTITIES, fragments=FRAGMENTS)
    for document in read:
        assert book.match(document) == book.match_all(document)
        matched = {match.rule.id for match in book.match(document)[0]}
        for one in rules:
            assert book.explain(document, one.id).holds == (one.id in matched)


@given(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=60))
def test_no_document_makes_matching_fail(title: str, body: str) -> None:
    rules = [rule("NOT x OR mot*", "a"), rule("entity:@tracked OR title:(a b)", "b"), rule('"SEC v"', "c")]
    document = Document(source="s", title=title, body=body, tags=(title,), lang=body)
    matches, faults = compile_rules(rules, ENTITIES).match(document)
    assert not faults
    for match in matches:
        for evidence in match.evidence:
            assert evidence.end <= len(title if evidence.field == "title" else body)


def test_matches_come_in_the_order_of_the_rules_with_their_evidence() -> None:
    book = compile_rules([rule("motion", "one"), rule("nothing", "two"), rule("SEC motion", "three")])
    matches, faults = book.match(Document(source="s", title="SEC motion"))
    assert [match.rule.id for match in matches] == ["one", "three"]
    assert [(one.clause, one.start, one.end) for one in matches[1].evidence] == [("SEC", 0, 3), ("motion", 4, 10)]
    assert faults == ()


@pytest.mark.parametrize(
    "when", ["mot*", "title:mot* OR x", '"to compel"', "8-K*", "entity:@tracked", "bіnance OR binance", "compel -x"]
)
def test_a_rule_is_found_by_any_kind_of_anchor(when: str) -> None:
    document = Document(source="s", title="Motions to compel Bіnance", body="Form 8-KSB")
    assert len(compile_rules([rule(when)], ENTITIES).match(document)[0]) == 1


def test_a_rule_without_any_required_word_is_looked_at_for_every_document() -> None:
    book = compile_rules([rule("NOT speech", "n"), rule("kind:release", "k"), rule("a OR kind:release", "o")])
    matches, _ = book.match(Document(source="s", kind="release", title=""))
    assert [match.rule.id for match in matches] == ["n", "k", "o"]


@dataclass(frozen=True, slots=True)
class Broken(Word):
    """A clause with a defect."""

    def holds(self, view, fields) -> bool:
        raise ZeroDivisionError("division by zero")

    def verdict(self, view, fields):
        raise ZeroDivisionError("division by zero")


def test_a_rule_that_cannot_be_evaluated_is_reported_and_the_others_go_on() -> None:
    rules = [(rule("motion", "sound"), Word("motion")), (rule("motion", "broken"), Broken("motion"))]
    book = RuleBook([*rules, (rule("motion", "last"), Word("motion"))], Gazetteer())
    for outcome in (book.match, book.match_all):
        matches, faults = outcome(Document(source="s", title="motion"))
        assert [match.rule.id for match in matches] == ["sound", "last"]
        assert faults == (RuleFault(rule="broken", reason="ZeroDivisionError: division by zero"),)


def test_a_defect_in_finding_entities_is_reported_by_every_rule_that_names_one() -> None:
    class BrokenGazetteer(Gazetteer):
        def find(self, view):
            raise RuntimeError("gazetteer")

    rules = [(rule("motion", "words"), Word("motion"))]
    compiled = compile_rules([rule("entity:binance", "entity")], ENTITIES)
    book = RuleBook([*rules, (compiled.rules[0], compiled.node("entity"))], BrokenGazetteer(ENTITIES))
    matches, faults = book.match(Document(source="s", title="motion by Binance"))
    assert [match.rule.id for match in matches] == ["words"]
    assert [fault.rule for fault in faults] == ["entity"]


def test_all_faults_of_all_rules_and_entities_are_raised_at_once() -> None:
    entities = [
        Entity(id="a", name="A"),
        Entity(id="a", name="B"),
        Entity(id="c", name="C", aliases=(Alias(text=""),)),
    ]
    rules = [rule("titel:x AND", "one"), rule("fine", "two"), rule("source:nowhere", "two"), rule("entity:z", "four")]
    with pytest.raises(RuleBookFault) as caught:
        compile_rules(rules, entities, sources={"sec-press"})
    assert [name for name, _ in caught.value.faults] == ["one", "one", "two", "two", "four"]
    assert [fault.entity for fault in caught.value.entities] == ["a", "c"]
    text = str(caught.value)
    assert 'rule "one": line 1, column 1: there is no field "titel:"' in text
    assert 'two rules have the id "two"' in text
    assert 'there is no source "nowhere"' in text


def test_an_alias_that_two_entities_claim_is_a_warning_only() -> None:
    book = compile_rules([rule("entity:a")], [Entity(id="a", name="Gemini"), Entity(id="b", name="GEMINI")])
    (warning,) = book.warnings
    assert "a and b" in warning.message


DOCUMENT = Document(source="sec-press", kind="news", title="SEC motion against Binance", body="A speech")


@pytest.mark.parametrize(
    ("when", "clause", "reason"),
    [
        ("motion AND order AND nothing", "order", "not in the title or body"),
        ("motion AND title:(SEC AND speech)", "title:speech", "not in the title, only in the body"),
        ("motion NOT speech", "NOT speech", 'speech: "speech" in the body'),
        ("motion AND (order OR ruling)", "order OR ruling", "none of its 2 parts holds"),
        ("motion entity:binance-us", "entity:binance-us", "not mentioned"),
        ("kind:release motion", "kind:release", "kind is news"),
    ],
)
def test_an_explanation_names_the_first_clause_that_failed(when: str, clause: str, reason: str) -> None:
    explanation = compile_rules([rule(when)], ENTITIES).explain(DOCUMENT, "r")
    assert explanation.first_failing is not None
    assert (explanation.first_failing.clause, explanation.first_failing.reason) == (clause, reason)
    assert explanation.lines()[0] == f'rule "r" does not hold: first failing clause {clause}: {reason}'
    assert json.loads(json.dumps(explanation.as_dict()))["first_failing"] == {"clause": clause, "reason": reason}


def test_an_explanation_shows_the_tree_with_what_held() -> None:
    explanation = compile_rules([rule("motion AND (entity:@tracked OR order)")], ENTITIES).explain(DOCUMENT, "r")
    assert explanation.holds
    assert explanation.first_failing is None
    assert explanation.lines() == (
        'rule "r" holds',
        "  holds  motion AND (entity:@tracked OR order): all 2 parts hold",
        '    holds  motion: "motion" in the title',
        "    holds  entity:@tracked OR order: 1 of 2 parts hold",
        '      holds  entity:@tracked: "Binance" in the title',
        "      fails  order: not in the title or body",
    )
    motion = explanation.as_dict()["tree"]["children"][0]
    assert motion["evidence"] == [{"field": "title", "start": 4, "end": 10, "text": "motion", "lookalike": False}]


def test_explaining_a_rule_that_does_not_exist_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        compile_rules([]).explain(DOCUMENT, "none")


def test_examples_that_come_out_as_written_are_silent() -> None:
    examples = (Example(alert=True, title="SEC motion"), Example(alert=False, text="a speech", kind="release"))
    assert run_examples(compile_rules([rule("motion", "r", *examples)])) == ()


def test_an_example_that_fails_names_rule_number_and_reason() -> None:
    missed = Example(alert=True, title="SEC motion", source="dcd")
    surplus = Example(alert=False, text="Motion filed", kind="release")
    book = compile_rules(
        [
            rule("motion AND order", "first", Example(alert=False), missed),
            rule("motion kind:release", "second", surplus),
            rule("NOT speech", "third", Example(alert=False, title="x")),
        ]
    )
    assert [str(failure) for failure in run_examples(book)] == [
        'rule "first", example 2: expected an alert, got none: order: not in the title or body',
        'rule "second", example 1: expected no alert, got one: held by motion by "Motion", kind:release',
        'rule "third", example 1: expected no alert, got one: NOT speech holds',
    ]
