"""Near misses: the fast way finds what evaluating every document in full finds, and each comes with its clause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from queries import ENTITIES, documents, nodes

from rules.entities import Gazetteer
from rules.language.query import Node
from rules.model import Document, Rule
from rules.percolate import RuleBook, compile_rules
from rules.tuning.near import NearMisses, Sieve, near_miss, repairs

MARCH = datetime(2024, 3, 1, 9, tzinfo=UTC)
GAZETTEER = Gazetteer(ENTITIES)


def missed(when: str, title: str, body: str = "") -> tuple[str, str] | None:
    book = compile_rules([Rule(id="r", when=when)])
    clause = near_miss(book.explain(Document(source="wire", title=title, body=body), "r").verdict)
    return None if clause is None else (clause.clause, clause.reason)


@given(nodes, documents)
def test_the_sieve_admits_exactly_the_near_misses(node: Node, document: Document) -> None:
    book = RuleBook([(Rule(id="r", when=""), node)], GAZETTEER)
    slow = near_miss(book.explain(document, "r").verdict)
    assert Sieve(book, "r").admits(document) == (slow is not None)


@given(nodes, documents)
def test_as_many_clauses_would_have_to_change_as_a_document_misses_by_or_fewer_groups_of_them(
    node: Node, document: Document
) -> None:
    verdict = RuleBook([(Rule(id="r", when=""), node)], GAZETTEER).explain(document, "r").verdict
    wrong = repairs(verdict)
    assert bool(wrong) != verdict.holds
    assert len(wrong) <= verdict.misses


@pytest.mark.parametrize(
    ("when", "title", "clause"),
    [
        ("motion AND compel", "a motion", "compel"),
        ("motion AND title:compel", "a motion", "title:compel"),
        ("motion NOT speech", "a speech about a motion", "NOT speech"),
        ("motion AND (order OR stay)", "a motion", "order OR stay"),
        ("(motion AND order) OR (stay AND appeal)", "a motion", "order"),
        ("(motion AND order) OR (motion AND stay)", "a motion", "motion AND order OR motion AND stay"),
        ("motion AND (order OR (stay AND appeal))", "motion to stay", "appeal"),
        ("motion AND (stay AND appeal)", "motion to stay", "appeal"),
        ("SEC NEAR/2 motion AND order", "order: SEC says it wants a motion", "SEC NEAR/2 motion"),
        ("motion AND order", "a notice", None),
        ("motion", "a notice", None),
        ("motion OR order", "a notice", None),
        ("motion AND order", "a motion and an order", None),
        ("NOT motion", "a motion", None),
    ],
)
def test_the_clause_is_the_one_that_would_have_done(when: str, title: str, clause: str | None) -> None:
    found = missed(when, title)
    assert (found and found[0]) == clause


def test_near_misses_are_counted_by_clause_and_the_newest_are_shown() -> None:
    book = compile_rules([Rule(id="r", when="motion AND compel NOT speech")])
    misses = NearMisses(book, "r", limit=2)
    for number, title in enumerate(("motion", "motion to compel", "compel", "motion compel speech", "a motion", "x")):
        misses.feed(f"d{number}", Document(source="wire", title=title), MARCH - timedelta(days=number))
    assert misses.clauses == {"compel": 2, "motion": 1, "NOT speech": 1}
    assert (misses.total, misses.documents) == (4, 6)
    assert [(miss.seen.key, miss.clause, miss.reason) for miss in misses.newest] == [
        ("d0", "compel", "not in the title or body"),
        ("d2", "motion", "not in the title or body"),
    ]


def test_documents_without_a_time_come_last() -> None:
    misses = NearMisses(compile_rules([Rule(id="r", when="motion AND compel")]), "r", limit=2)
    for key, at in (("a", None), ("b", MARCH), ("c", None)):
        misses.feed(key, Document(source="wire", title="motion"), at)
    assert [miss.seen.key for miss in misses.newest] == ["b", "c"]


def test_an_age_counts_from_when_the_document_was_first_seen() -> None:
    misses = NearMisses(compile_rules([Rule(id="r", when="motion AND published:<2d")]), "r")
    document = Document(source="wire", title="motion", published=MARCH)
    misses.feed("soon", document, MARCH + timedelta(days=1))
    misses.feed("late", document, MARCH + timedelta(days=5))
    [miss] = misses.newest
    assert (miss.seen.key, miss.clause) == ("late", "published:<2d")
