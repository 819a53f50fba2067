"""Books of rules as values: one made from another, versions of rules, faults of single rules, and the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queries import ENTITIES, FRAGMENTS, SOURCES, documents, moments, nodes

from rules.entities import Gazetteer
from rules.language.query import unparse
from rules.language.wording import Word
from rules.model import Document, Fragment, Rule
from rules.percolate import RuleBook, RuleBookFault, compile_rules

NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)
DOCUMENT = Document(source="wire", title="SEC motion to compel Binance", published=NOON)


def rule(when: str, rule_id: str = "r", **fields: object) -> Rule:
    return Rule(id=rule_id, when=when, **fields)


def ids(book: RuleBook, document: Document = DOCUMENT, now: datetime | None = None) -> list[str]:
    matches, faults = book.match(document, now)
    assert faults == ()
    firing, _ = book.firing(document, now)
    assert [one.id for one in firing] == [match.rule.id for match in matches]
    assert (matches, faults) == book.match_all(document, now)
    return [match.rule.id for match in matches]


# --- one book from another ----------------------------------------------------------------------------------------

queries = nodes.map(unparse)
edits = st.lists(st.lists(st.tuples(st.sampled_from("abcdef"), queries), max_size=6), min_size=2, max_size=4)


@given(edits, st.lists(documents, min_size=1, max_size=3), moments)
def test_a_book_made_from_another_says_what_one_made_anew_says(
    chain: list, read: list[Document], now: datetime
) -> None:
    book: RuleBook | None = None
    for edit in chain:
        rules = [rule(when, rule_id) for rule_id, when in dict(edit).items()]
        book = compile_rules(rules, ENTITIES, SOURCES, fragments=FRAGMENTS, before=book)
        anew = compile_rules(rules, ENTITIES, SOURCES, fragments=FRAGMENTS)
        assert book.rules == anew.rules
        for document in read:
            assert book.match(document, now) == anew.match(document, now) == book.match_all(document, now)


def test_what_did_not_change_is_not_read_again() -> None:
    old = compile_rules([rule("motion AND SEC", "same"), rule("motion", "changed"), rule("motion", "gone")])
    rules = [rule("order", "new"), rule("motion OR order", "changed"), rule("motion AND SEC", "same", title="other")]
    new = compile_rules(rules, before=old)
    assert new.node("same") is old.node("same")
    assert new.node("changed") is not old.node("changed")
    assert [match.rule.title for match in new.match(DOCUMENT)[0]] == ["", "other"]
    with pytest.raises(KeyError):
        new.node("gone")


def test_the_book_before_goes_on_to_say_what_it_said() -> None:
    old = compile_rules([rule("motion", "a"), rule("NOT order", "b")])
    compile_rules([rule("nothing", "a"), rule("SEC", "c")], before=old)
    assert ids(old) == ["a", "b"]


def test_other_entities_fragments_or_sources_make_all_rules_be_read_anew() -> None:
    old = compile_rules([rule("entity:binance OR fragment:x")], ENTITIES, fragments=[Fragment(id="x", when="order")])
    for fragments, entities in (
        ([Fragment(id="x", when="motion")], ENTITIES),
        (old.vocabulary.fragments, ENTITIES[:2]),
    ):
        new = compile_rules(old.rules, entities, fragments=fragments, before=old)
        assert new.node("r") is not old.node("r")
        assert ids(new) == ["r"]
    with pytest.raises(RuleBookFault, match="no source"):
        compile_rules([rule("source:wire")], sources={"dcd"}, before=compile_rules([rule("source:wire")]))


def test_a_fault_in_a_changed_rule_is_told_and_the_book_before_stays_whole() -> None:
    old = compile_rules([rule("motion", "a"), rule("motion", "b")])
    with pytest.raises(RuleBookFault) as caught:
        compile_rules([rule("motion", "a"), rule("titel:x", "b")], before=old)
    assert [name for name, _ in caught.value.faults] == ["b"]
    assert ids(old) == ["a", "b"]


def test_warnings_about_entities_stay_with_the_book() -> None:
    twins = [replace(ENTITIES[0], id="one"), replace(ENTITIES[0], id="two")]
    old = compile_rules([rule("motion")], twins)
    assert len(old.warnings) > 0
    assert compile_rules([rule("order")], twins, before=old).warnings == old.warnings


def test_matches_come_in_the_order_of_the_rules_after_every_edit() -> None:
    rules = [rule("motion", name) for name in "abcde"]
    book = compile_rules(rules)
    for order in ("edcba", "cab", "bdface", "f"):
        rules = [rule("motion" if name != "f" else "SEC", name) for name in order]
        book = compile_rules(rules, before=book)
        assert ids(book) == list(order)


# --- rules as values ----------------------------------------------------------------------------------------------


def test_a_rule_carries_the_fragments_that_it_uses_also_through_one_another() -> None:
    book = compile_rules([rule("fragment:near-paper", "uses"), rule("motion", "none")], ENTITIES, fragments=FRAGMENTS)
    uses, none = book.rules
    assert [fragment.id for fragment in uses.fragments] == ["near-paper", "paper"]
    assert none.fragments == ()
    assert uses.definition.splitlines()[:3] == [
        "when = fragment:near-paper",
        "fragment near-paper = SEC NEAR/4 (fragment:paper OR Kraken)",
        'fragment paper = mot* OR order OR "status report"',
    ]


def version(when: str = "motion", fragments: tuple[Fragment, ...] = (), **fields: object) -> str:
    (compiled,) = compile_rules([rule(when, **fields)], fragments=fragments).rules
    return compiled.version


def test_a_version_stands_for_all_that_decides_when_a_rule_fires_and_whom_it_tells() -> None:
    first = version(title="t", severity="high", channels=("desk",), updates=False)
    assert len(first) == 12
    assert first == version(" motion\n", title="t", severity="high", channels=("desk",), updates=False)
    changes = [
        version("motions", title="t", severity="high", channels=("desk",)),
        version(title="other", severity="high", channels=("desk",)),
        version(title="t", severity="low", channels=("desk",)),
        version(title="t", severity="high", channels=("desk", "mail")),
        version(title="t", severity="high", channels=("desk",), updates=True),
    ]
    assert len({first, *changes}) == 6


def test_a_version_changes_with_the_fragments_in_use_and_with_no_others() -> None:
    used, other = Fragment(id="used", when="order"), Fragment(id="other", when="x")
    first = version("fragment:used", (used, other))
    assert first == version("fragment:used", (other, used, Fragment(id="third", when="y")))
    assert first != version("fragment:used", (replace(used, when="orders"), other))


def test_examples_are_no_part_of_a_version() -> None:
    one = rule("motion")
    assert one.version != replace(one, id="s").version
    assert one.version == replace(one, examples=()).version


# --- faults of single rules ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Broken(Word):
    """A clause with a defect."""

    def holds(self, view, fields) -> bool:
        raise ZeroDivisionError("division by zero")

    def verdict(self, view, fields):
        raise ZeroDivisionError("division by zero")


def test_a_defect_in_one_rule_is_its_own_wherever_it_is_asked() -> None:
    pairs = [(rule("motion", name), (Broken if name == "b" else Word)("motion")) for name in "abc"]
    book = RuleBook(pairs, Gazetteer())
    for asked in (book.match, book.match_all, book.firing):
        held, faults = asked(DOCUMENT)
        assert [getattr(one, "rule", one).id for one in held] == ["a", "c"]
        assert [(fault.rule, fault.reason) for fault in faults] == [("b", "ZeroDivisionError: division by zero")]


# --- the time -----------------------------------------------------------------------------------------------------


def test_an_age_is_counted_from_the_time_a_document_was_first_seen() -> None:
    book = compile_rules([rule("published:<1d", "young"), rule("published:>=1d", "old"), rule("motion", "any")])
    assert ids(book, DOCUMENT, NOON + timedelta(hours=23)) == ["young", "any"]
    assert ids(book, DOCUMENT, NOON + timedelta(hours=24)) == ["old", "any"]
    assert ids(book, DOCUMENT) == ["young", "any"]


def test_a_document_without_a_date_is_new_when_it_is_seen() -> None:
    book = compile_rules([rule("published:<1d", "young"), rule("published:2024-03-06", "that-day")])
    undated = replace(DOCUMENT, published=None)
    assert ids(book, undated, NOON + timedelta(days=1)) == ["young", "that-day"]
    assert ids(book, undated) == ["young"]


def test_an_explanation_is_of_the_same_time() -> None:
    book = compile_rules([rule("published:<1d")])
    assert book.explain(DOCUMENT, "r", NOON + timedelta(hours=23)).holds
    assert not book.explain(DOCUMENT, "r", NOON + timedelta(hours=25)).holds
