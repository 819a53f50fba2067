"""Queries as text: what they mean, how they print, and how much of them is read. How faults are told is elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queries import NAMES as KNOWN
from queries import nodes

from rules.language.mentions import EntityRef, EntityTag
from rules.language.parse import InvalidQuery, Names, QueryFault, parse
from rules.language.proximity import Near
from rules.language.query import And, FragmentRef, Node, Not, Or, Scope, unparse
from rules.language.ranges import Amount, DateTest
from rules.language.regex import Regex
from rules.language.values import Docket, FieldTest
from rules.language.wording import Phrase, Prefix, Sloppy, Spelling, Word

a, b, c = Word("a"), Word("b"), Word("c")
NAMES = Names(
    entities={"binance-us", "us-sec"},
    tags={"tracked"},
    sources={"sec-press", "sec-litigation", "dcd"},
    fragments={"asks": Or((a, b)), "paper": Phrase("a b")},
)


def faults_of(query: str, names: Names | None = NAMES) -> tuple[QueryFault, ...]:
    with pytest.raises(InvalidQuery) as caught:
        parse(query, names)
    return caught.value.faults


@given(nodes)
def test_printing_a_query_and_parsing_it_again_gives_the_same_query(node) -> None:
    assert parse(unparse(node), KNOWN) == node


PIECES = r"""
    motion AND OR NOT - ( ) " title: body: source: entity:@ kind:news * mot* ~2 compel~1 NEAR/3 NEAR near/3 /x/ /x \
    and && amount:>3 amount:[1M nofield:x ^2 ' fragment:paper docket:1:23-cv-1 published:<2d form:8-K item:1* event:x
    “ ” „ ] { : + ! a b
"""
SIGNS = (*PIECES.split(), '"a b"', '"a b"~4', "/a b+/", "[a TO b]", "published:[2024-01-01 TO *]", "\n", " ")


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(SIGNS), max_size=12).map(" ".join)))
def test_any_text_is_either_a_query_that_prints_back_or_has_faults_that_point_into_it(query: str) -> None:
    try:
        node = parse(query, NAMES)
    except InvalidQuery as invalid:
        assert invalid.faults
        lines = query.split("\n")
        for fault in invalid.faults:
            assert 1 <= fault.line <= len(lines)
            assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
            assert fault.length >= 1
            assert "^" in fault.render(query)
    else:
        assert parse(unparse(node), NAMES) == node


@pytest.mark.parametrize(
    ("query", "node"),
    [
        ("a b", And((a, b))),
        ("a AND b OR c", Or((And((a, b)), c))),
        ("a OR b AND c", Or((a, And((b, c))))),
        ("a b OR c", Or((And((a, b)), c))),
        ("NOT a b", And((Not(a), b))),
        ("NOT (a OR b)", Not(Or((a, b)))),
        ("NOT NOT a", Not(Not(a))),
        ("a -b", And((a, Not(b)))),
        ("a -(b OR c)", And((a, Not(Or((b, c)))))),
        ("a NOT title:b", And((a, Not(Scope("title", b))))),
        ("(a AND b) AND c", And((And((a, b)), c))),
        ("((a))", a),
        ("title:(a OR b)", Scope("title", Or((a, b)))),
        ('TITLE:"a b"', Scope("title", Phrase("a b"))),
        ("body:mot*", Scope("body", Prefix("mot"))),
        ("title:entity:us-sec", Scope("title", EntityRef("us-sec"))),
        ("“motion to compel”", Phrase("motion to compel")),
        ('a"b"(c)', And((a, Phrase("b"), c))),
        ("entity:@tracked", EntityTag("tracked")),
        ("source:sec-*", FieldTest("source", "sec-", True)),
        ('tag:"Press Release"*', FieldTest("tag", "Press Release", True)),
        ("kind:docket-entry lang:en", And((FieldTest("kind", "docket-entry"), FieldTest("lang", "en")))),
        ("8-K", Word("8-K")),
        ("1:23-cv-01599", Word("1:23-cv-01599")),
        ("and/or", Word("and/or")),
        ("Binance.US's", Word("Binance.US's")),
        ('"and" near', And((Phrase("and"), Word("near")))),
        ("a\n  AND\tb", And((a, b))),
    ],
)
def test_queries_mean_what_lucene_users_expect(query: str, node) -> None:
    assert parse(query, NAMES) == node


def test_a_word_with_marks_inside_is_its_parts_next_to_each_other() -> None:
    assert parse("1:23-cv-01599").terms == ("1", "23", "cv", "01599")


@pytest.mark.parametrize(
    ("query", "node"),
    [
        ("coinbase~1", Spelling("coinbase", 1)),
        ("coinbase~", Spelling("coinbase", 1)),
        ("Coinbase~2", Spelling("Coinbase", 2)),
        ("-coinbase~1", Not(Spelling("coinbase", 1))),
        ('"SEC motion"~8', Sloppy("SEC motion", 8)),
        ("„SEC motion“~8 a", And((Sloppy("SEC motion", 8), a))),
        ('"a b" ~8', None),
        ("/wells notice(s)?/", Regex("wells notice(s)?")),
        (r"/either\/or/", Regex("either/or")),
        (r"/\$\d+ (m|b)n?/ a", And((Regex(r"\$\d+ (m|b)n?"), a))),
        ("title:/wells/", Scope("title", Regex("wells"))),
        ("a NEAR/8 b", Near(a, b, 8)),
        ("a NEAR/1 b NEAR/200 c", Near(Near(a, b, 1), c, 200)),
        ("a NEAR/3 (b NEAR/4 c)", Near(a, Near(b, c, 4), 3)),
        ("a NEAR/3 (b OR (c OR a))", Near(a, Or((b, Or((c, a)))), 3)),
        ("a NEAR/3 b c", And((Near(a, b, 3), c))),
        ("a OR b NEAR/3 c", Or((a, Near(b, c, 3)))),
        ("NOT a NEAR/3 b", Not(Near(a, b, 3))),
        ("-a NEAR/3 b", Not(Near(a, b, 3))),
        ("NOT (a NEAR/3 b)", Not(Near(a, b, 3))),
        (
            'mot* NEAR/3 "a b"~4 NEAR/9 coinbase~',
            Near(Near(Prefix("mot"), Sloppy("a b", 4), 3), Spelling("coinbase", 1), 9),
        ),
        ("entity:us-sec NEAR/3 entity:@tracked", Near(EntityRef("us-sec"), EntityTag("tracked"), 3)),
        ("fragment:asks NEAR/3 c", Near(FragmentRef("asks", Or((a, b))), c, 3)),
        ("title:(a NEAR/3 b)", Scope("title", Near(a, b, 3))),
        ("NEARBY near", And((Word("NEARBY"), Word("near")))),
        ("form:8-K", FieldTest("form", "8-K")),
        ("form:10-*", FieldTest("form", "10-", True)),
        ("FORM:8-K item:1.05", And((FieldTest("form", "8-K"), FieldTest("item", "1.05")))),
        ('court:dcd agency:"U.S. SEC"', And((FieldTest("court", "dcd"), FieldTest("agency", "U.S. SEC")))),
        (
            "topic:“digital assets” topic:fin*",
            And((FieldTest("topic", "digital assets"), FieldTest("topic", "fin", True))),
        ),
        ("docket:1:23-cv-01599", Docket("1:23-cv-01599")),
        ('docket:"dcd 1:23-cv-01599"', Docket("dcd 1:23-cv-01599")),
        ("published:<2d", DateTest("published", "<2d")),
        ("updated:>=2024-03-01", DateTest("updated", ">=2024-03-01")),
        ("published:[2024-03-01 TO 2024-03-31] a", And((DateTest("published", "[2024-03-01 TO 2024-03-31]"), a))),
        ("amount:>=50M", Amount(">=50M")),
        ("amount:>=$50M OR amount:>=EUR50M", Or((Amount(">=$50M"), Amount(">=EUR50M")))),
        ("amount:[1M TO *]", Amount("[1M TO *]")),
        ('amount:"$50 million" a', And((Amount("$50 million"), a))),
        ("title:amount:>1", Scope("title", Amount(">1"))),
        ("fragment:paper", FragmentRef("paper", Phrase("a b"))),
        ('-fragment:"asks"', Not(FragmentRef("asks", Or((a, b))))),
        ("body:fragment:asks", Scope("body", FragmentRef("asks", Or((a, b))))),
    ],
)
def test_every_construct_is_read_as_what_it_stands_for_and_prints_back(query: str, node: Node | None) -> None:
    if node is None:
        assert faults_of(query)
        return
    assert parse(query, NAMES) == node
    assert parse(unparse(node), NAMES) == node


def test_names_that_are_not_given_are_not_checked() -> None:
    parse("entity:anyone AND entity:@anything AND source:anywhere")
    assert "no [[fragment]] at all" in faults_of("fragment:asks", None)[0].message


@pytest.mark.parametrize(
    "query",
    [
        *("(" * 60 + "a" + ")" * 60, "NOT " * 200 + "a", "-(" * 3000 + "a", "title:(" * 200 + "a"),
        "(" * 51 + "a NEAR/2 b" + ")" * 51,
    ],
)
def test_nesting_is_bounded(query: str) -> None:
    assert any("deep" in fault.message for fault in faults_of(query))


def test_fifty_levels_are_enough_for_anybody() -> None:
    node = parse("(" * 50 + "a" + ")" * 50)
    assert node == a
    assert parse("NOT " * 49 + "a") == parse(unparse(parse("NOT " * 49 + "a")))


def test_length_is_bounded_and_a_list_of_a_thousand_words_is_not_too_long() -> None:
    assert "at most" in faults_of("a" * 20_001)[0].message
    assert len(parse(" OR ".join(f"word{number}" for number in range(1000))).children) == 1000
    assert "clauses" in faults_of("a " * 6000)[0].message


def test_nears_are_bounded() -> None:
    parse("a NEAR/2 " * 50 + "b")
    (fault,) = faults_of("a NEAR/2 " * 51 + "b")
    assert (fault.message, fault.column) == ("a query takes 50 NEARs at most", 453)
