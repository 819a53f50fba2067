"""What is said to follow from a clause, to exclude it, never to hold or always to hold is so on every document.

One document on which it is not so would be a false "can never fire", which is worse than saying nothing.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import ENTITIES, FRAGMENTS, NAMES, SOURCES, documents, nodes, text_leaves, values

from rules.entities import Gazetteer, View
from rules.language.parse import parse
from rules.language.query import ANYWHERE, And, Node, Not, Or
from rules.model import KINDS, Document, Rule
from rules.percolate import compile_rules
from rules.tuning.forms import Claim, TooLarge, alternatives
from rules.tuning.implication import Implications
from rules.tuning.providing import Provided
from rules.tuning.satisfying import Reasoning
from rules.tuning.shadows import Shadows

GAZETTEER = Gazetteer(ENTITIES)
IMPLICATIONS = Implications(ENTITIES, GAZETTEER)
REASONING = Reasoning(IMPLICATIONS)
PROVIDED = (
    Provided(id="sec-press", kind="release", lang="en", tags=("crypto",), varying=frozenset({"tag"})),
    Provided(id="dcd", kind="docket-entry", facts=(("court", "dcd"),)),
)
INFORMED = Reasoning(IMPLICATIONS, PROVIDED)

claims = st.builds(
    Claim,
    st.one_of(text_leaves, values),
    st.sampled_from((ANYWHERE, ANYWHERE, ("title",), ("body",))),
    st.booleans(),
)


def meets(claim: Claim, document: Document) -> bool:
    return claim.node.holds(View(document, GAZETTEER), claim.fields) == claim.asked


def holds(node: Node, document: Document) -> bool:
    return node.holds(View(document, GAZETTEER), ANYWHERE)


@given(nodes, documents)
def test_a_query_holds_where_one_of_its_alternatives_does(node: Node, document: Document) -> None:
    for negated in (False, True):
        try:
            form = alternatives(node, negated=negated)
        except TooLarge:
            continue
        met = any(all(any(meets(c, document) for c in demand) for demand in one) for one in form)
        assert met == (holds(node, document) != negated)


@settings(max_examples=250)
@given(claims, claims, documents)
def test_what_follows_and_what_is_excluded_is_so(one: Claim, other: Claim, document: Document) -> None:
    if not meets(one, document):
        return
    if IMPLICATIONS.follows(one, other):
        assert meets(other, document)
    if IMPLICATIONS.excludes(one, other):
        assert not meets(other, document)


@given(nodes, nodes, documents)
def test_never_and_always_are_so(first: Node, second: Node, document: Document) -> None:
    for node in (first, And((first, second)), And((first, Not(second))), Or((first, Not(second)))):
        if REASONING.never(node) is not None:
            assert not holds(node, document)
        if REASONING.is_always(node):
            assert holds(node, document)


@given(nodes, nodes, documents, st.sampled_from(PROVIDED))
def test_never_is_so_on_the_documents_of_the_sources(
    first: Node, second: Node, document: Document, source: Provided
) -> None:
    document = replace(document, source=source.id, kind=source.kind)
    if source.lang is not None:
        document = replace(document, lang=source.lang, facts=())
    document = replace(document, tags=(*document.tags, *source.tags), facts=(*document.facts, *source.facts))
    for node in (first, And((first, second)), And((first, Not(second)))):
        if INFORMED.never(node) is not None:
            assert not holds(node, document)
        if INFORMED.is_always(node):
            assert holds(node, document)


@given(st.lists(nodes, min_size=2, max_size=4), documents)
def test_a_shadowed_rule_holds_nowhere_alone(parts: list[Node], document: Document) -> None:
    queries = {f"r{n}": node for n, node in enumerate((*parts, And(tuple(parts)), Or(tuple(parts))))}
    rules = {id_: Rule(id=id_, when="", channels=("desk",)) for id_ in queries}
    forms = {id_: form for id_, node in queries.items() if (form := REASONING.read(node))}
    for shadow in Shadows(rules, forms, IMPLICATIONS).find():
        if holds(queries[shadow.rule.id], document):
            assert holds(queries[shadow.by.id], document)
        elif shadow.same:
            assert not holds(queries[shadow.by.id], document)


NEVER = (
    "motion AND NOT motion",
    '"motion to compel" NOT motion',
    '"motion to compel" NOT mot*',
    '"motion to compel" AND NOT title:motion AND title:"motion to compel"',
    "motion NEAR/5 compel NOT compel",
    "title:motion NOT motion",
    '"compel sec motion" NOT "sec motion"~8',
    "binance NOT binanc~1",
    "entity:binance NOT entity:@tracked",
    "entity:binance NOT binance",
    "kind:news AND kind:release",
    "source:dcd AND source:sec-*",
    "lang:en AND lang:ja",
    "published:<2d AND published:>1w",
    "published:>=2024-03-05 AND published:<2024-03-01",
    "published:2024-03-05 AND NOT published:>=2024-03-01",
    "NOT published:<2d AND NOT published:>1d",
    "amount:>=50M NOT amount:>=1M",
    "docket:1:23-cv-01599 NOT docket:23-cv-1599",
    "(motion OR order) NOT motion NOT order",
    "(motion AND order OR stay AND order) NOT order",
    "fragment:paper NOT (mot* OR order OR report)",
    "tag:crypto NOT tag:crypt*",
    "/motions?/ NOT /motions?/",
    "NOT (motion OR NOT motion)",
)
SOMETIMES = (
    "motion NOT motions",
    "mot* NOT motion",
    '"motion to compel" NOT compels',
    "motion NOT title:motion",
    '"motion to compel"~8 NOT "motion to compel"',
    "motion NEAR/9 compel NOT motion NEAR/2 compel",
    "entity:@tracked NOT entity:binance",
    "binance NOT entity:binance",
    "amount:>=50M AND amount:<1M",
    "tag:crypto AND tag:fraud",
    "form:8-K AND form:10-Q",
    "lang:en NOT lang:en-GB",
    "source:sec-* AND source:sec-press",
    "published:<2d AND published:>1d",
    "published:<2d AND updated:>1w",
    "published:<2d AND published:<2020-01-01",
    "(motion OR order) NOT motion",
    'docket:1:23-cv-01599 NOT docket:"dcd 1:23-cv-01599"',
)


@pytest.mark.parametrize("query", NEVER)
def test_a_contradiction_is_seen(query: str) -> None:
    assert REASONING.never(parse(query, NAMES)) is not None


@pytest.mark.parametrize("query", SOMETIMES)
def test_what_may_hold_is_not_called_a_contradiction(query: str) -> None:
    assert REASONING.never(parse(query, NAMES)) is None


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("motion AND NOT motion", "motion is both asked for and excluded"),
        ('"motion to compel" NOT motion', 'whatever has "motion to compel" has motion, which is excluded'),
        ("kind:news AND kind:release", "kind:news and kind:release exclude each other"),
        ("(a AND NOT a) OR (b AND NOT b)", "each of its 2 alternatives fails; the first: a is both asked for and"),
    ],
)
def test_a_contradiction_has_its_reason(query: str, reason: str) -> None:
    assert (REASONING.never(parse(query, NAMES)) or "").startswith(reason)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("motion AND kind:filing", "no source that is enabled publishes kind:filing"),
        ("source:wire AND motion", "no source that is enabled has this id: source:wire"),
        ("source:sec-press kind:docket-entry", "no source that is enabled gives source:sec-press and"),
        ("source:sec-press lang:de", "no source that is enabled gives source:sec-press and lang:de at once"),
        ("source:sec-press (kind:news OR lang:de)", "no source that is enabled gives source:sec-press and ("),
        ("kind:release NOT source:sec-press", "no source that is enabled gives kind:release and NOT source:sec-p"),
    ],
)
def test_what_no_source_gives_never_holds(query: str, reason: str) -> None:
    assert (INFORMED.never(parse(query, NAMES)) or "").startswith(reason)


@pytest.mark.parametrize(
    "query", ["source:sec-* kind:release", "lang:de", "tag:x", "source:dcd court:nysd", "motion"]
)
def test_what_a_source_gives_or_may_give_is_not_called_a_contradiction(query: str) -> None:
    assert INFORMED.never(parse(query, NAMES)) is None


@pytest.mark.parametrize("query", ["motion OR NOT motion", "NOT (motion NOT mot*)", "kind:news OR NOT kind:news"])
def test_a_tautology_is_seen(query: str) -> None:
    assert REASONING.is_always(parse(query, NAMES))


@pytest.mark.parametrize("query", ["motion OR NOT order", "mot* OR NOT motion AND order", "NOT motion"])
def test_what_may_fail_is_no_tautology(query: str) -> None:
    assert not REASONING.is_always(parse(query, NAMES))


def test_too_many_alternatives_are_not_looked_at() -> None:
    pairs = " AND ".join(f"(a{n} AND x OR b{n} AND y)" for n in range(12))
    node = parse(f"motion NOT motion AND {pairs}", NAMES)
    assert REASONING.never(node) is None and REASONING.read(node) is None and not REASONING.is_always(node)


def test_long_lists_of_synonyms_are_one_alternative() -> None:
    words = " OR ".join(f"word{n}" for n in range(400))
    form = alternatives(
        parse(f"entity:@tracked AND ({words}) AND ({words.replace('word', 'other')}) NOT (a OR b)", NAMES)
    )
    assert [len(demand) for demand in form[0]] == [1, 400, 400, 1, 1] and len(form) == 1


def test_generated_sources_and_kinds_are_those_of_the_reasoning() -> None:
    assert {source.id for source in PROVIDED} <= set(SOURCES) and {source.kind for source in PROVIDED} <= set(KINDS)
    assert compile_rules([], ENTITIES, SOURCES, fragments=FRAGMENTS).rules == ()
