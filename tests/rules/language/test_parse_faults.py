"""What is no query: every fault with its words, its place and its length, all of a query at once."""

from __future__ import annotations

import pytest

from rules.language.parse import InvalidQuery, Names, QueryFault, parse
from rules.language.wording import FURTHEST, Word

NAMES = Names(
    entities={"binance-us", "us-sec"},
    tags={"tracked"},
    sources={"sec-press", "sec-litigation", "dcd"},
    fragments={"asks-court": Word("a")},
)


def faults_of(query: str, names: Names | None = NAMES) -> tuple[QueryFault, ...]:
    with pytest.raises(InvalidQuery) as caught:
        parse(query, names)
    return caught.value.faults


EMPTY = [
    ("", 1, 1, "this query is empty"),
    ("  \n ", 1, 1, "this query is empty"),
    ("()", 1, 2, "there is nothing between these brackets"),
    ('""', 1, 2, "this phrase is empty"),
    ('" "~3', 1, 5, "this phrase is empty"),
    ('"..."', 1, 5, "this phrase has no letter or digit"),
    ("...", 1, 3, '"..." has no letter or digit to look for'),
    ("//", 1, 2, "this regular expression is never closed"),
]
OPERATORS = [
    ("a AND", 3, 3, "nothing to the right of this AND"),
    ("a AND OR b", 3, 3, "nothing to the right of this AND"),
    ("OR b", 1, 2, "nothing to the left of this OR"),
    ("a (OR b)", 4, 2, "nothing to the left of this OR"),
    ("NOT", 1, 3, "nothing after this NOT"),
    ("a NOT", 3, 3, "nothing after this NOT"),
    ("a (b NOT)", 6, 3, "nothing after this NOT"),
    ("a and b", 3, 3, 'write AND in capitals if you mean the operator, "and" in quotes if you mean the word'),
    ("a Or b", 3, 2, 'write OR in capitals if you mean the operator, "Or" in quotes'),
    ("not a", 1, 3, "write NOT in capitals"),
    ("a && b", 3, 2, "&& is not an operator here; write AND"),
    ("a & b", 3, 1, "& is not an operator here; write AND"),
    ("a || b", 3, 2, "|| is not an operator here; write OR"),
    ("a | b", 3, 1, "| is not an operator here; write OR"),
    ("a ! b", 3, 1, "! is not an operator here; write NOT"),
    ("a + b", 3, 1, "+ is not an operator here; write AND"),
    ("!a", 1, 2, "! is not an operator here; write NOT"),
    ("+a", 1, 2, "every word is required already; take the + out"),
    ("a - b", 3, 1, "a lone - means nothing"),
    ("a -", 3, 1, "a lone - means nothing"),
    ("(a -)", 4, 1, "a lone - means nothing"),
    ("--a", 1, 2, "only one - may stand before a word"),
    ("a (b", 3, 1, "this bracket is never closed"),
    ("a) b", 2, 1, "this closing bracket was never opened"),
]
WORDS = [
    ("@client", 1, 7, "asked for by entity:@client"),
    ("title=motion", 1, 12, "a field takes a colon"),
    (":motion", 1, 7, "a colon needs a field right before it"),
    ("sec NOT-football", 5, 12, "write NOT football, with a blank"),
    ("wells\x08", 6, 1, "there is a control character here"),
    ('"a b', 1, 4, "this quotation mark is never closed"),
    ("“a b", 1, 4, "this quotation mark is never closed"),
    ('"a*b"', 1, 5, "a * inside a phrase is not supported"),
    ('"a b"*', 1, 6, "a * may follow a word, not a phrase"),
    ('"a b"^2', 1, 7, "weights (^2) mean nothing here"),
    ('"a \\x"', 1, 6, "there are no escapes: marks do not count inside a phrase"),
    ("*motion", 1, 7, "a word cannot begin with *"),
    ("mo*ion", 1, 6, "a * may only end a word"),
    ("a*", 1, 2, "give two letters or more"),
    ("Binance.*", 1, 9, "a * must follow a letter or digit"),
    ("wom?n", 1, 5, "? is not supported as a wildcard"),
    ("'a b'", 1, 2, "phrases stand in double quotes"),
    ("a\\b", 1, 3, "there are no escapes"),
    ("a \x08b", 3, 1, "there is a control character here; a query with a backslash stands in single quotes in TOML"),
    ("a^2", 1, 3, "weights (^2) mean nothing here"),
    (">=50M", 1, 5, "a comparison needs a field before it"),
    ("[a TO b]", 1, 8, "a range needs a field before it"),
    ("{1", 1, 2, "a range needs a field before it"),
    ("a[1]", 1, 4, "a range needs a field before it"),
]
NEARNESS = [
    ("coinbase~3", 1, 10, "a near-spelling takes one edit (~1) or two (~2)"),
    ("coinbase~0", 1, 10, "a near-spelling takes one edit (~1) or two (~2)"),
    (f"coinbase~{'9' * 5000}", 1, 5009, "a near-spelling takes one edit (~1) or two (~2)"),
    ("sec~1", 1, 5, "~1 needs a word of 4 letters or more"),
    ("motion~2", 1, 8, "~2 needs a word of 7 letters or more"),
    ("8-K~1", 1, 5, "a near-spelling is for one word of letters only"),
    ("web3com~1", 1, 9, "a near-spelling is for one word of letters only"),
    (f"{'x' * 41}~1", 1, 43, "a near-spelling takes a word of 40 letters at most"),
    ("mot~ion", 1, 7, "a ~ stands after a whole word"),
    ("~1", 1, 2, "a ~ stands after a whole word"),
    ("mot*~1", 1, 6, "a * may only end a word"),
    ('"motion"~8', 1, 10, "a distance needs a phrase of two words or more"),
    ('"a b"~', 1, 6, "a distance stands right after the ~, without a blank"),
    ('"a b c"~1', 1, 9, "3 words do not fit into a distance of 1; the least is ~2"),
    ('"a b"~201', 1, 9, f"a phrase takes a distance of {FURTHEST} words at most"),
    (f'"a b"~{"9" * 5000}', 1, 5006, f"a phrase takes a distance of {FURTHEST} words at most"),
    ("a NEAR b", 3, 4, "a distance is written NEAR/8, in capitals and with a number"),
    ("a NEAR/ b", 3, 5, "a distance is written NEAR/8"),
    ("a NEAR/x b", 3, 6, "a distance is written NEAR/8"),
    ("a near/5 b", 3, 6, "a distance is written NEAR/5"),
    ("a w/5 b", 3, 3, "a distance is written NEAR/5"),
    ("a WITHIN/12 b", 3, 9, "a distance is written NEAR/12"),
    ("a /s b", 3, 2, "a distance is written NEAR/8"),
    ("a /5 b", 3, 2, "a distance is written NEAR/5"),
    ("a NEAR 3 b", 3, 6, "a distance is written NEAR/3"),
    ("a NEAR/ 3 b", 3, 7, "a distance is written NEAR/3"),
    ("a WITHIN 3 b", 3, 8, "a distance is written NEAR/3"),
    ("a ADJ3 b", 3, 4, "a distance is written NEAR/3"),
    ("a AND/5 b", 3, 5, "a distance is written NEAR/5"),
    ("a NEAR/0 b", 3, 6, f"NEAR takes a distance from 1 to {FURTHEST} words"),
    ("a NEAR/201 b", 3, 8, f"NEAR takes a distance from 1 to {FURTHEST} words"),
    ("a NEAR/3", 3, 6, "nothing to the right of this NEAR"),
    ("a NEAR/3 OR b", 3, 6, "nothing to the right of this NEAR"),
    ("(a NEAR/3) b", 4, 6, "nothing to the right of this NEAR"),
    ("NEAR/3 a", 1, 6, "nothing to the left of this NEAR"),
    ("a NEAR/3 NEAR/4 b", 3, 6, "nothing to the right of this NEAR"),
    ("a NEAR/3 NOT b", 10, 3, "a NOT cannot stand beside NEAR"),
    ("a NEAR/3 -b", 10, 1, "a NOT cannot stand beside NEAR"),
    ("a NEAR/3 NOT", 10, 3, "a NOT cannot stand beside NEAR"),
    (
        "a NEAR/3 (b c)",
        10,
        1,
        "NEAR joins words, phrases, entities and groups of them with OR; inside its brackets only OR",
    ),
    ("(a NOT b) NEAR/3 c", 1, 1, "inside its brackets only OR may stand"),
    ("a NEAR/3 (b OR (c d))", 10, 1, "NEAR joins words, phrases, entities and groups of them with OR"),
    ("title:a NEAR/3 b", 1, 6, "write title:(... NEAR/8 ...)"),
    ("a NEAR/3 body:b", 10, 5, "write body:(... NEAR/8 ...)"),
    ("a NEAR/3 /b+/", 10, 4, "NEAR joins words, phrases, entities"),
    ("a NEAR/3 kind:news", 10, 9, "NEAR joins words, phrases, entities"),
]
EXPRESSIONS = [
    ("/wells notice", 1, 13, "this regular expression is never closed"),
    ("/x/i", 1, 4, "a regular expression takes no flags here; case never counts"),
    ("/(?=x)y/", 1, 8, "RE2 has no look-around"),
    ("/(?<!x)y/", 1, 9, "RE2 has no look-around"),
    (r"/(x)\1/", 1, 7, "RE2 has no back-references"),
    ("/x(/", 1, 4, "RE2 refuses this regular expression: missing )"),
    ("/x{2000}/", 1, 9, "RE2 refuses this regular expression"),
    ("/x*/", 1, 4, "also finds the empty text"),
    ("/^$|x/", 1, 6, "also finds the empty text"),
    (f"/{'x' * 501}/", 1, 503, "has 501 characters; at most 500 are read"),
    ("title:/(/", 7, 3, "RE2 refuses this regular expression"),
]
FIELDS = [
    ("titel:x", 1, 6, 'there is no field "titel:"; if you mean the text, put it in quotes'),
    ("title: x", 1, 6, "title: needs a word, a phrase or a group in brackets right after the colon"),
    ("title:NOT", 1, 6, "right after the colon"),
    ("title:-x", 1, 6, "right after the colon"),
    ("title:body:x", 1, 6, "right after the colon"),
    ("title:(body:x)", 8, 5, "body: cannot stand inside title:"),
    ("title:(kind:news)", 8, 9, "kind: is no part of the title; write it outside title:"),
    ("title:form:8-K", 7, 8, "form: is no part of the title"),
    ("body:(x docket:1:23-cv-1)", 9, 16, "docket: is no part of the body"),
    ("title:published:<2d", 7, 13, "published: is no part of the title"),
    ("source:", 1, 7, "source: needs a value right after the colon, without a blank"),
    ("source: dcd", 1, 7, "source: needs a value"),
    ('tag:""', 1, 6, "tag: needs a value"),
    ("form:*", 1, 6, "form: needs a value"),
    ("source:(dcd OR x)", 1, 17, "source: takes one value; write (source:this OR source:that) for several"),
    ("topic:(a OR b)", 1, 14, "topic: takes one value"),
    ("source:x*", 1, 9, 'no source has an id that begins with "x"'),
    ("source:nowhere", 1, 14, 'there is no source "nowhere"'),
    ("kind:new*", 1, 9, "kind: takes a whole value; only source:, tag:, form:, item: and topic: may end in *"),
    ("court:d*", 1, 8, "court: takes a whole value"),
    ("docket:1:23-cv-*", 1, 16, "docket: takes a whole value"),
    ("amount:5*", 1, 9, "amount: takes a whole value"),
    ("kind:book", 1, 9, 'there is no kind "book"; kinds are news, release, filing'),
    ("lang:english", 1, 12, '"english" is not a language code such as en or pt-BR'),
    ('tag:"..."', 1, 9, 'the tag "..." has no letter or digit'),
    ("item:-", 1, 6, 'the item "-" has no letter or digit'),
    ("docket:1599", 1, 11, '"1599" is not a docket number such as 1:23-cv-01599 or "dcd 1:23-cv-01599"'),
    ("docket:1:23-cv-", 1, 15, '"1:23-cv-" is not a docket number'),
    ("entity:bin*", 1, 11, "entity: takes a whole id; give the entities a tag and write entity:@tag"),
    ("entity:@", 1, 8, "there is no tag after the @"),
    ("entity:nobody", 1, 13, 'there is no entity with the id "nobody"'),
    ("entity:@nothing", 1, 15, 'no entity has the tag "nothing"'),
    ("fragment:other", 1, 14, 'there is no [[fragment]] with the id "other"'),
    ("fragment:asks*", 1, 14, 'there is no [[fragment]] with the id "asks"'),
    ("fragment:", 1, 9, "fragment: needs a value"),
]
RANGES = [
    ("amount:>50 million", 1, 18, "a sum is written without blanks: amount:>50million"),
    ("amount:>=50M USD", 1, 16, "a sum is written without blanks: amount:>=USD50M"),
    ("amount:1M TO 50M", 1, 12, "a range stands in brackets: amount:[1M TO ...]"),
    ("published:2d", 1, 12, "published: an age needs < (younger) or > (older): <2d"),
    ("published:<2y", 1, 13, 'published: "2y" is neither a date such as 2024-03-05 nor an age such as 2d'),
    ("published:yesterday", 1, 19, '"yesterday" is neither a date'),
    ("updated:>=2024-13-01", 1, 20, 'updated: "2024-13-01" is neither a date'),
    ("published:>0001-01-01T00:00+14:00", 1, 33, "is neither a date"),
    ("published:<", 1, 11, "after < a value is missing; write it without a blank: <2024-03-01"),
    ("published:< 2d", 1, 11, "after < a value is missing"),
    ("published:[2024-03-31 TO 2024-03-01]", 1, 36, "holds nothing: its first limit is above its last"),
    ("published:[* TO *]", 1, 18, "published: [* TO *] has no limit"),
    ("published:[1d TO 2d]", 1, 20, '"1d" is neither a date'),
    ("published:{2024-01-01 TO *}", 1, 27, "a range is written [2024-03-01 TO 2024-03-01], with * for an open end"),
    ("amount:[1M", 1, 10, "amount: a range is written [50M TO 50M], with * for an open end"),
    ("amount:>=", 1, 9, "after >= a value is missing; write it without a blank: >=50M"),
    ("amount:much", 1, 11, 'amount: "much" is not a sum such as 50M, 4.3bn, $10k or EUR10m'),
    ("amount:50Mx", 1, 11, "is not a sum"),
    ("amount:XYZ50", 1, 12, "is not a sum"),
    ("amount:>=1,5Mrd", 1, 15, "is not a sum"),
    ("amount:[5M TO 1M]", 1, 17, "amount: [5M TO 1M] holds nothing"),
    ("amount:[$1M TO €5M]", 1, 19, "amount: both limits need the same currency"),
    ("amount:[1M TO $5M]", 1, 18, "both limits need the same currency"),
]
LATER = [
    ("event:motion.compel", 1, 19, "the field event: is not supported in this version of the query language"),
    ("by:SEC", 1, 6, "the field by: is not supported in this version"),
    ('against:"x y"', 1, 13, "the field against: is not supported in this version"),
    ("a (by:x OR b)", 4, 4, "the field by: is not supported in this version"),
]


@pytest.mark.parametrize(
    ("query", "column", "length", "message"),
    [*EMPTY, *OPERATORS, *WORDS, *NEARNESS, *EXPRESSIONS, *FIELDS, *RANGES, *LATER],
)
def test_faults_are_refused_where_they_stand(query: str, column: int, length: int, message: str) -> None:
    first = faults_of(query)[0]
    assert message in first.message
    assert (first.line, first.column, first.length) == (1, column, length)


@pytest.mark.parametrize(
    ("query", "suggestion"),
    [
        *(("titel:x", "title:"), ("sorce:dcd", "source:"), ("amont:>5M", "amount:"), ("fragmnt:x", "fragment:")),
        *(("headline:x", "title:"), ("Subject:x", "title:"), ("text:x", "body:"), ("category:x", "tag:")),
        *(("type:x", "kind:"), ("language:en", "lang:"), ("date:<2d", "published:"), ("company:x", "entity:")),
        *(("case:1:23-cv-1", "docket:"), ("money:>5", "amount:"), ("https://example.org", None), ("zzz:x", None)),
        *(("kind:relase", "release"), ("source:sec-pres", "sec-press"), ("source:zzz*", None)),
        *(("entity:binanceus", "entity:binance-us"), ("entity:@traked", "entity:@tracked"), ("entity:zzz", None)),
        *(("fragment:ask-court", "fragment:asks-court"), ("fragment:zzz", None)),
    ],
)
def test_a_name_that_does_not_exist_gets_the_one_that_was_meant(query: str, suggestion: str | None) -> None:
    (fault,) = faults_of(query)
    assert fault.suggestion == suggestion
    assert str(fault).endswith(f"; did you mean {suggestion}?") == (suggestion is not None)


def test_all_faults_of_a_query_are_told_at_once_each_with_its_line_and_caret() -> None:
    query = 'motion AND titel:speech OR (reserve AND\n  "" foo~3 /(/ NEAR/4\n\tkind:x amount:y'
    with pytest.raises(InvalidQuery) as caught:
        parse(query)
    places = [(fault.line, fault.column) for fault in caught.value.faults]
    assert places == [(1, 12), (1, 28), (2, 3), (2, 6), (2, 12), (3, 2), (3, 9)]
    assert str(caught.value).splitlines()[:3] == [
        'line 1, column 12: there is no field "titel:"; if you mean the text, put it in quotes; did you mean title:?',
        "    motion AND titel:speech OR (reserve AND",
        "               ^^^^^^",
    ]


def test_the_caret_stands_under_wide_characters_and_after_tabs() -> None:
    (fault,) = faults_of("\t証券 titel:x")
    assert fault.render("\t証券 titel:x").splitlines()[1:] == ["    \t証券 titel:x", "    \t     ^^^^^^"]


def test_lines_are_counted_in_queries_with_any_line_ends() -> None:
    query = "a OR\r\nb OR titel:x"
    (fault,) = faults_of(query)
    assert (fault.line, fault.column) == (2, 6)
    assert fault.render(query).splitlines()[1] == "    b OR titel:x"
