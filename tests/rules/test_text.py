"""`clean` and `plain`: what is dropped, what stays, and that hostile input costs linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.text import ELLIPSIS, clean, plain

anything = st.text(st.characters(), max_size=60)
markup = st.lists(
    st.sampled_from(
        (
            *(
                "<b>",
                "</b>",
                "<p>",
                "<br/>",
                "<!--",
                "-->",
                "<script>",
                "</script>",
                "<",
                ">",
                '"',
                "'",
                "&amp;",
                "&#",
            ),
            *("<a href='", "x", " y ", "\n", "<![CDATA[", "]]>", "&lt;", "<3", "&#xD800;", "\x00", "\ud83d", "<?xml"),
        )
    ),
    max_size=20,
).map("".join)


@given(anything, st.integers(min_value=-1, max_value=70))
def test_clean_text_is_fit_to_store_and_never_longer_than_its_limit(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= max(0, limit)
    cleaned.encode("utf-8")
    for character in cleaned:
        code = ord(character)
        assert character in "\t\n\r" or not (code < 0x20 or 0x7F <= code <= 0x9F)
        assert not (0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE)
    assert clean(cleaned, limit) == cleaned


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn"))))
def test_clean_leaves_ordinary_text_alone(text: str) -> None:
    assert clean(text, len(text)) == text


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("a\x00b\x1bc\x7f", "abc"),
        ("line\tone\r\nline two", "line\tone\r\nline two"),
        ("half \ud800 and \udc00 lost", "half \ufffd and \ufffd lost"),
        ("\ud83d\ude00 joined", "😀 joined"),
        ("non\ufffe\ufdd0\U0001ffffcharacters", "noncharacters"),
        ("Binance\x92s \x93motion\x94\x81", "Binance’s “motion”"),
    ],
)
def test_clean_drops_or_replaces(raw: str, kept: str) -> None:
    assert clean(raw, 100) == kept


def test_a_cut_text_ends_in_an_ellipsis_within_the_limit() -> None:
    assert clean("abcdef", 4) == "abc" + ELLIPSIS
    assert clean("abcd", 4) == "abcd"
    assert clean("abc", 0) == ""


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Bin<b>ance</b>", "Binance"),
        ("<p>One</p><p>Two</p>three<br>four", "One\nTwo\nthree\nfour"),
        ("<td>a</td><td>b</td>", "a b"),
        ("<script>var a = '<b>';</script>ok<style>p{}</style>", "ok"),
        ("<SCRIPT type=x>1</SCRIPT >ok", "ok"),
        ("a<!-- hidden -->b<!-- never closed", "ab never closed"),
        ("x < y and y > z", "x < y and y > z"),
        ("I <3 this, 5<6>4", "I <3 this, 5<6>4"),
        ("a <b and c> d", "a <b and c> d"),
        (
            "John <john@example.org> at <https://example.org/?a=b>",
            "John <john@example.org> at <https://example.org/?a=b>",
        ),
        ("<a title=\"x > y <b>\" href='z'>link</a>", "link"),
        ("<p class=don't>hi</p>", "hi"),
        ("<input disabled value=3>after", "after"),
        ("<o:p></o:p><my-tag>z</my-tag>", "z"),
        ("AT&amp;T &amp;amp; &lt;b&gt;", "AT&T &amp; <b>"),
        ("caf&eacute;&nbsp;&#8217;s", "café ’s"),
        ('teaser <img src="https://example.org/very-lo', "teaser"),
        ("<![CDATA[<b>bold</b>]]> text", "bold text"),
        ("<!DOCTYPE html><?xml version='1'?><html><body>T</body></html><![endif]>", "T"),
        ("plain\r\ntext  with\t blanks \n\n\n kept", "plain\ntext with blanks\nkept"),
        ("<div>line\nends are\nblanks</div>", "line ends are blanks"),
        ("", ""),
    ],
)
def test_plain_gives_the_text_a_reader_would_see(source: str, text: str) -> None:
    assert plain(source, 1000) == text


def test_character_references_of_absurd_length_are_survived() -> None:
    assert plain(f"a &#{'9' * 6000}; &#x{'f' * 6000}; b", 100) == "a \ufffd \ufffd b"


@given(markup, st.integers(min_value=0, max_value=80))
def test_no_markup_raises_and_the_result_is_clean(source: str, limit: int) -> None:
    text = plain(source, limit)
    assert clean(text, limit) == text
    assert len(text) <= limit


@given(
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"), exclude_characters="<&"), max_size=60)
)
def test_text_without_markup_only_has_its_blanks_tidied(text: str) -> None:
    assert plain(text, 100).split() == text.split()


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<!--",
        "<b>",
        '<a "',
        "<a '\"<a \"'",
        "<script>",
        "&",
        "&#",
        "&#1",
        "<?x",
        "<a ",
        " \n",
        '<a x="<',
        "<a =' ",
    ],
)
def test_hostile_markup_costs_linear_time(piece: str) -> None:
    def seconds(times: int) -> float:
        started = time.process_time()
        plain(piece * times, 1000)
        return time.process_time() - started

    small = min(seconds(6_250) for _ in range(3))
    assert seconds(50_000) < 30 * max(small, 0.004), "eight times the input may not cost thirty times the time"


def test_a_tag_that_swallows_everything_costs_linear_time() -> None:
    started = time.process_time()
    plain("<a " + '"<a "' * 40_000, 1000)
    plain('<a x="' + "<" * 100_000, 1000)
    plain("<div>" * 50_000 + "text" + "</div>" * 50_000, 1000)
    assert time.process_time() - started < 5
