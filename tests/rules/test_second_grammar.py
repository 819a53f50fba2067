"""The parser against a second grammar of the language, which was written apart from it: one text, one tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queries import NAMES, nodes
from query_texts import SIGNS, damaged, spelt
from second_grammar import Refused, read

from rules.language.parse import InvalidQuery, parse
from rules.language.query import Node, unparse

spellings = nodes.flatmap(lambda node: st.tuples(st.just(node), spelt(node)))


def _parsed(query: str) -> Node | None:
    try:
        return parse(query, NAMES)
    except InvalidQuery:
        return None


def _read(query: str) -> Node | None:
    try:
        return read(query, NAMES)
    except Refused:
        return None


@given(spellings)
def test_both_read_a_query_in_any_of_its_spellings_as_what_was_meant(case: tuple[Node, str]) -> None:
    node, query = case
    assert parse(query, NAMES) == node
    assert read(query, NAMES) == node


@given(nodes.map(unparse).flatmap(damaged) | spellings.flatmap(lambda case: damaged(case[1])))
def test_both_read_a_damaged_query_alike_or_both_refuse_it(query: str) -> None:
    assert _parsed(query) == _read(query)


@given(st.lists(st.sampled_from((*SIGNS, "motion", '"a b"', "kind:news", "/x+/", "mot*")), max_size=9).map("".join))
def test_both_read_any_heap_of_signs_alike_or_both_refuse_it(query: str) -> None:
    assert _parsed(query) == _read(query)


@pytest.mark.parametrize(
    "query",
    [
        *("", "a AND", "a NEAR/3 NOT b", "-", "a -", "title:", "title: a", "a NEAR/0 b", "a NEAR/201 b", "AND"),
        *('"a b"~0', "wom?n", "sec~", "near/5", "a w/5 b", "/x", "/x/i", "nofield:x", "fragment:none", "event:x"),
        *("title:(kind:news)", "title:fragment:official", "a NEAR/3 (b c)", "a NEAR/3 title:b", "source:(a OR b)"),
    ],
)
def test_both_refuse_what_is_no_query(query: str) -> None:
    assert _parsed(query) is None
    assert _read(query) is None
