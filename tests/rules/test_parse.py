"""Queries as text: what they mean, how they print, and how each fault is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queries import nodes

from rules.parse import InvalidQuery, Names, QueryFault, parse
from rules.query import And, EntityRef, EntityTag, FieldTest, Not, Or, Phrase, Prefix, Scope, Word, unparse

NAMES = Names(entities={"binance-us", "us-sec"}, tags={"tracked"}, sources={"sec-press", "sec-litigation", "dcd"})


def faults_of(query: str, names: Names | None = NAMES) -> tuple[QueryFault, ...]:
    with pytest.raises(InvalidQuery) as caught:
        parse(query, names)
    return caught.value.faults


@given(nodes)
def test_printing_a_query_and_parsing_it_again_gives_the_same_query(node) -> None:
    assert parse(unparse(node)) == node


SIGNS = (
    *(
        "motion",
        "AND",
        "OR",
        "NOT",
        "-",
        "(",
        ")",
        '"',
        '"a b"',
        "title:",
        "body:",
        "source:",
        "entity:@",
        "kind:news",
    ),
    *(
        "*",
        "mot*",
        "~2",
        "NEAR/3",
        "/x/",
        "[a TO b]",
        "\\",
        "and",
        "&&",
        "amount:>3",
        "nofield:x",
        "\n",
        " ",
        "^2",
        "'",
    ),
)


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(SIGNS), max_size=12).map(" ".join)))
def test_any_text_is_either_a_query_that_prints_back_or_has_faults_that_point_into_it(query: str) -> None:
    try:
        node = parse(query)
    except InvalidQuery as invalid:
        assert invalid.faults
        lines = query.split("\n")
        for fault in invalid.faults:
            assert 1 <= fault.line <= len(lines)
            assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
            assert fault.length >= 1
            assert "^" in fault.render(query)
    else:
        assert parse(unparse(node)) == node


a, b, c = Word("a"), Word("b"), Word("c")


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
        ("Binance.US's", Word("Binance.US's")),
        ('"and" near', And((Phrase("and"), Word("near")))),
        ("a\n  AND\tb", And((a, b))),
    ],
)
def test_queries_mean_what_lucene_users_expect(query: str, node) -> None:
    assert parse(query, NAMES) == node


def test_a_word_with_marks_inside_is_its_parts_next_to_each_other() -> None:
    assert parse("1:23-cv-01599").terms == ("1", "23", "cv", "01599")


REFUSED = [
    ("", 1, 1, "empty"),
    ("  \n ", 1, 1, "empty"),
    ("titel:x", 1, 6, "no field"),
    ("a AND", 3, 3, "to the right of this AND"),
    ("a AND OR b", 3, 3, "to the right of this AND"),
    ("OR b", 1, 2, "to the left of this OR"),
    ("a (OR b)", 4, 2, "to the left of this OR"),
    ("NOT", 1, 3, "after this NOT"),
    ("a NOT", 3, 3, "after this NOT"),
    ("a (b NOT)", 6, 3, "after this NOT"),
    ("()", 1, 2, "nothing between"),
    ("a (b", 3, 1, "never closed"),
    ("a) b", 2, 1, "never opened"),
    ('""', 1, 2, "empty"),
    ('"..."', 1, 5, "no letter or digit"),
    ('"a b', 1, 4, "never closed"),
    ('"a*b"', 1, 5, "inside a phrase"),
    ('"a \\x"', 1, 6, "no escapes"),
    ("*motion", 1, 7, "cannot begin with *"),
    ("mo*ion", 1, 6, "only end a word"),
    ("a*", 1, 2, "two letters"),
    ("Binance.*", 1, 9, "must follow a letter"),
    ("wom?n", 1, 5, "wildcard"),
    ("...", 1, 3, "no letter or digit"),
    ("a and b", 3, 3, "AND in capitals"),
    ("a Or b", 3, 2, "OR in capitals"),
    ("not a", 1, 3, "NOT in capitals"),
    ("a && b", 3, 2, "write AND"),
    ("a || b", 3, 2, "write OR"),
    ("!a", 1, 2, "write NOT"),
    ("+a", 1, 2, "required already"),
    ("a - b", 3, 1, "lone -"),
    ("--a", 1, 2, "only one -"),
    ("'a b'", 1, 2, "double quotes"),
    ("a\\b", 1, 3, "no escapes"),
    ("a^2", 1, 3, "weights"),
    ("title: x", 1, 6, "right after the colon"),
    ("title:NOT", 1, 6, "right after the colon"),
    ("title:(body:x)", 8, 5, "cannot stand inside title:"),
    ("title:(kind:news)", 8, 9, "no part of the title"),
    ("source:", 1, 7, "needs a value"),
    ("source: dcd", 1, 7, "needs a value"),
    ("source:(dcd OR x)", 1, 17, "takes one value"),
    ("source:x*", 1, 9, "begins with"),
    ("kind:new*", 1, 9, "whole value"),
    ("lang:english", 1, 12, "language code"),
    ('tag:"..."', 1, 9, "no letter or digit"),
    ("entity:bin*", 1, 11, "whole id"),
    ("entity:@", 1, 8, "no tag"),
    (">=50M", 1, 5, "needs a field"),
]


@pytest.mark.parametrize(("query", "column", "length", "message"), REFUSED)
def test_faults_are_refused_where_they_stand(query: str, column: int, length: int, message: str) -> None:
    first = faults_of(query)[0]
    assert message in first.message
    assert (first.line, first.column, first.length) == (1, column, length)


@pytest.mark.parametrize(
    ("query", "length"),
    [
        *(("SEC NEAR/8 motion", 6), ("SEC near/8 motion", 6), ("SEC w/5 motion", 3), ("SEC /s motion", 2)),
        *(('"SEC motion"~8', 14), ("word~1", 6), ("word~", 5), ("/wells notice(s)?/", 18), ("[a TO b]", 8)),
        *(("amount:>=50M", 12), ("published:<2d", 13), ("published:[2024-01-01 TO 2024-02-01]", 36)),
        *(
            ("docket:1:23-cv-01599", 20),
            ("court:dcd", 9),
            ("by:SEC", 6),
            ('against:"x y"', 13),
            ("event:motion.compel", 19),
        ),
        *(("form:8-K", 8), ("item:2.01", 9), ("agency:sec", 10), ("topic:(a OR b)", 14)),
    ],
)
def test_constructs_of_a_later_version_are_refused_by_name_and_never_read_as_words(query: str, length: int) -> None:
    (fault,) = faults_of(query)
    assert "not supported in this version" in fault.message
    assert fault.length == length


@pytest.mark.parametrize(
    ("query", "suggestion"),
    [
        ("titel:x", "title:"),
        ("sorce:dcd", "source:"),
        ("kind:relase", "release"),
        ("source:sec-pres", "sec-press"),
        ("entity:binanceus", "entity:binance-us"),
        ("entity:@traked", "entity:@tracked"),
        ("https://example.org", None),
    ],
)
def test_a_name_that_does_not_exist_gets_the_one_that_was_meant(query: str, suggestion: str | None) -> None:
    (fault,) = faults_of(query)
    assert fault.suggestion == suggestion


def test_names_that_are_not_given_are_not_checked() -> None:
    parse("entity:anyone AND entity:@anything AND source:anywhere")


def test_all_faults_of_a_query_are_told_at_once_each_with_its_line_and_caret() -> None:
    query = 'motion AND titel:speech OR (reserve AND\n  "" foo~1'
    with pytest.raises(InvalidQuery) as caught:
        parse(query)
    places = [(fault.line, fault.column) for fault in caught.value.faults]
    assert places == [(1, 12), (1, 28), (2, 3), (2, 6)]
    assert str(caught.value).splitlines()[:3] == [
        'line 1, column 12: there is no field "titel:"; if you mean the text, put it in quotes; did you mean title:?',
        "    motion AND titel:speech OR (reserve AND",
        "               ^^^^^^",
    ]


def test_the_caret_stands_under_wide_characters_and_after_tabs() -> None:
    query = "\t証券 titel:x"
    (fault,) = faults_of(query)
    assert fault.render(query).splitlines()[1:] == ["    \t証券 titel:x", "    \t     ^^^^^^"]


@pytest.mark.parametrize(
    "query", ["(" * 60 + "a" + ")" * 60, "NOT " * 200 + "a", "-(" * 3000 + "a", "title:(" * 200 + "a"]
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
