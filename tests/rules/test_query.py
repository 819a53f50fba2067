"""When clauses hold, with what evidence, and for what reason they fail."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from queries import ENTITIES, NAMES, documents, moments, nodes

from rules.entities import Gazetteer, View
from rules.language.mentions import EntityRef, EntityTag
from rules.language.parse import parse, walk
from rules.language.query import ANYWHERE, MOST_EVIDENCE, Not, evaluate
from rules.language.regex import Regex
from rules.model import Document, Evidence
from rules.percolate import evidence_of
from rules.text import normalise

GAZETTEER = Gazetteer(ENTITIES)


def view_of(title: str = "", body: str = "", **fields: object) -> View:
    return View(Document(source="sec-press", title=title, body=body, **fields), GAZETTEER)


def holds(query: str, title: str = "", body: str = "", **fields: object) -> bool:
    return evaluate(parse(query), view_of(title, body, **fields)).holds


@given(nodes, documents, moments)
def test_the_fast_answer_equals_the_explained_one(node, document: Document, now) -> None:
    view = View(document, GAZETTEER, now)
    verdict = evaluate(node, view)
    assert node.holds(view, ANYWHERE) == verdict.holds
    assert evaluate(Not(node), view).holds != verdict.holds


@given(nodes, documents, moments)
def test_evidence_points_at_text_that_makes_its_clause_hold_by_itself(node, document: Document, now) -> None:
    view = View(document, GAZETTEER, now)
    for evidence in evidence_of(evaluate(node, view)):
        clause = parse(evidence.clause, NAMES)
        if evidence.field in ANYWHERE:
            text = getattr(document, evidence.field)
            assert 0 <= evidence.start < evidence.end <= len(text)
            stretch = text[evidence.start : evidence.end]
            (regex, *_) = [part for part in walk(clause) if isinstance(part, Regex)] or [None]
            if regex is not None:
                # Blanks at the ends of a stretch are part of what was found, but not of a text that is only that.
                assert regex.search(" ".join(re.split(r"\s+", normalise(stretch)))) is not None
            # A mention also needs what stands elsewhere: the company of its alias, capitals that tell something.
            elif not any(isinstance(part, EntityRef | EntityTag) for part in walk(clause)):
                assert evaluate(clause, view_of(**{"title": "", "body": "", evidence.field: stretch})).holds
        else:
            assert (evidence.start, evidence.end) == (0, 0)
            assert evaluate(clause, view).holds


@given(nodes, documents, moments)
def test_every_verdict_names_a_clause_that_parses_and_a_reason(node, document: Document, now) -> None:
    view = View(document, GAZETTEER, now)

    def check(verdict) -> None:
        # A clause of a field's own says the same wherever it is read, so its answer can be asked for again.
        assert evaluate(parse(verdict.clause, NAMES), view).holds == verdict.holds
        assert verdict.reason
        assert (verdict.misses == 0) == verdict.holds
        for child in verdict.children:
            check(child)

    check(evaluate(node, view))


@pytest.mark.parametrize(
    ("query", "title", "expected"),
    [
        ("motion", "Motion to compel", True),
        ("motion", "motions to compel", False),
        ("motion*", "Motions to compel", True),
        ("crypto-asset*", "Crypto assets", True),
        ("crypto-asset*", "crypto market assets", False),
        ("crypto-asset*", "assets in crypto", False),
        ('"motion to compel"', "MOTION\u00a0to – compel", True),
        ('"motion to compel"', "motion compel to", False),
        ("Binance", "Binance.US answers", False),
        ("Binance.US", "Binance.US's answer", True),
        ("BAM", "Obama", False),
        ("XRP", "express", False),
        ("8-K", "Form 8-K filed", True),
        ("U.S.", "a U.S. court", True),
        ("us", "a U.S. court", False),
        ("$50M", "pays $50M", True),
        ("$50M", "pays €50M", False),
        ("50M", "pays €50M", True),
        ("1:23-cv-01599", "Case 1:23-cv-01599-ABJ-ZMF", True),
        ('"SEC v. Binance"', "SEC v. BINANCE HOLDINGS LIMITED et al", True),
        ('"証券取引"', "米証券取引委員会", True),
        ("motion AND order", "motion", False),
        ("motion OR order", "order", True),
        ("motion NOT order", "motion", True),
        ("motion -order", "motion for order", False),
        ("NOT motion", "", True),
    ],
)
def test_words_and_their_combinations(query: str, title: str, expected: bool) -> None:
    assert holds(query, title) is expected


def test_words_may_stand_in_different_fields_but_a_phrase_in_one() -> None:
    assert holds("motion AND compel", "motion", "compel")
    assert not holds('"motion compel"', "motion", "compel")


def test_a_scope_reads_one_field_only() -> None:
    assert holds("title:motion", "motion", "")
    assert not holds("title:motion", "", "motion")
    assert holds("body:(motion AND NOT order)", "order", "motion")
    assert holds("title:entity:binance-us", "Binance.US", "")
    assert not holds("title:entity:binance-us", "", "Binance.US")


def test_values_of_the_document() -> None:
    assert holds("source:sec-press source:sec* source:*".replace(" source:*", ""))
    assert not holds("source:sec")
    assert holds("kind:release", kind="release")
    assert holds("tag:PRESS-release", tags=("Press–Release",))
    assert holds("tag:press*", tags=("other", "Press Release"))
    assert not holds("tag:press", tags=("Press Release",))
    assert holds("lang:en", lang="en_GB")
    assert holds("lang:EN", lang="en")
    assert not holds("lang:en", lang="eno")
    assert not holds("lang:en")


def test_what_the_source_states_of_the_document() -> None:
    facts = (("form", "8-K"), ("item", "1.05"), ("item", "9.01"), ("court", "DCD"), ("topic", "Digital  Assets"))
    assert holds("form:8-k", facts=facts)
    assert not holds("form:8", facts=facts)
    assert holds("form:8*", facts=facts)
    assert holds("item:1.05 item:9.01", facts=facts)
    assert not holds("item:1", facts=facts)
    assert holds("court:dcd", facts=facts)
    assert holds('topic:"digital assets"', facts=facts)
    assert holds("topic:digital*", facts=facts)
    assert not holds("topic:digital", facts=facts)
    assert not holds("agency:sec", facts=facts)
    assert holds("NOT agency:sec", facts=facts)
    assert not holds("form:8-K", "Form 8-K"), "the text is not what a source states"


def test_evidence_names_field_place_and_clause() -> None:
    verdict = evaluate(parse("title:motion AND kind:news AND entity:@tracked"), view_of("A motion by Binance"))
    assert evidence_of(verdict) == (
        Evidence(field="title", start=2, end=8, clause="title:motion"),
        Evidence(field="title", start=12, end=19, clause="entity:@tracked"),
        Evidence(field="kind", start=0, end=0, clause="kind:news"),
    )


def test_evidence_of_a_look_alike_says_so() -> None:
    (evidence,) = evidence_of(evaluate(parse("binance"), view_of("the Bіnance case")))
    assert evidence.lookalike
    assert (evidence.start, evidence.end) == (4, 11)


def test_what_a_not_excludes_is_no_evidence() -> None:
    verdict = evaluate(parse("motion NOT (order motion)"), view_of("motion"))
    assert [evidence.clause for evidence in evidence_of(verdict)] == ["motion"]


def test_evidence_of_one_clause_is_bounded() -> None:
    assert len(evidence_of(evaluate(parse("motion"), view_of("", "motion " * 5000)))) == MOST_EVIDENCE


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("order", "not in the title or body"),
        ("title:compel", "not in the title, only in the body"),
        ('"compel motion"', "its words are in the title or body, but not next to each other in this order"),
        ("comp", 'not in the title or body, though "compel" is'),
        ("kind:release", "kind is news"),
        ("lang:en", "it has no lang"),
        ("tag:x", "it has no tag"),
        ("entity:kraken", "not mentioned"),
        ("entity:us-sec", 'not mentioned: "SEC" does not stand in capitals'),
        ("body:entity:binance-us", "not mentioned in the body, only elsewhere"),
        ("NOT motion", 'motion: "motion" in the title'),
        ("order OR ruling", "none of its 2 parts holds"),
        ("form:8-K", "it has no form"),
        ("docket:1:23-cv-1", "its number is not in the title or body"),
        ("ordre~1", "no word within one edit of it in the title or body"),
        ("bynence~2", "no word within 2 edits of it in the title or body"),
        ('"motion order"~8', "not all of its words are in the title or body"),
        ('"motion US"~1', "not all of its words are in the title or body"),
        ('"motion sec"~2', "its words are in the title or body, but not within 2 words of each other"),
        ("motion NEAR/2 sec", "the two stand 5 words apart"),
        ("motion NEAR/9 order", "order not in the title or body"),
        ("motion NEAR/9 compel", "the two stand in different fields, or in the same words"),
        ("/orders?/", "finds nothing in the title or body"),
        ("title:/compel/", "finds nothing in the title"),
        ("amount:>5", "no sum of money in the title or body"),
    ],
)
def test_a_failing_clause_says_why(query: str, reason: str) -> None:
    verdict = evaluate(parse(query), view_of("A motion by Binance.US in a sec", "to compel"))
    assert not verdict.holds
    assert verdict.reason == reason
