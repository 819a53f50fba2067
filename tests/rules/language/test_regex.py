"""Regular expressions against Python's own, what they need of a text, and how what they find is shown."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from queries import REGEXES, is_usable, patterns, texts

from rules.entities import Gazetteer, View
from rules.language.parse import parse
from rules.language.query import ANYWHERE, evaluate
from rules.language.regex import LONGEST_TEXT, MOST_EVIDENCE, Regex, required
from rules.model import Document
from rules.text import normalise
from rules.words import Text

FLAGS = re.IGNORECASE | re.ASCII
"""\\w, \\d, \\s and \\b are about ASCII in RE2."""


def twin(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern for Python's `re`, or None if it reads it otherwise than RE2 or not at all."""
    if "[:" in pattern:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(pattern, FLAGS)
        except re.error:
            return None


shared = st.one_of(patterns, st.sampled_from(REGEXES)).filter(twin)


def view_of(body: str) -> View:
    return View(Document(source="s", body=body), Gazetteer())


def folded(text: str) -> str:
    """Fold a text as regular expressions see it, the slow way."""
    return " ".join(filter(None, (" ".join(normalise(run).split()) for run in text.split())))


@given(shared, texts)
def test_a_pattern_holds_where_pythons_own_engine_finds_it_in_the_folded_text(pattern: str, text: str) -> None:
    other = twin(pattern)
    assert other is not None
    match = other.search(folded(text))
    node = Regex(pattern)
    assert node.holds(view_of(text), ANYWHERE) == (match is not None)
    if match is not None and match.end() > match.start():
        first = evaluate(node, view_of(text)).evidence[0]
        assert (first.start, first.end) == Text(text).unfold(*match.span())


@given(st.data())
def test_every_text_that_a_pattern_matches_has_the_pieces_that_it_requires(data: st.DataObject) -> None:
    pattern = data.draw(shared)
    twin_ = twin(pattern)
    assert twin_ is not None
    text = Text(data.draw(st.from_regex(twin_)))
    assume(Regex(pattern).holds(view_of(text.original), ANYWHERE))
    for pieces in required(pattern):
        assert any(piece in text.folded.lower() for piece in pieces)


@given(st.one_of(patterns, st.sampled_from(REGEXES)), texts)
def test_every_text_of_the_vocabulary_that_a_pattern_matches_has_them_too(pattern: str, text: str) -> None:
    if Regex(pattern).holds(view_of(text), ANYWHERE):
        for pieces in required(pattern):
            assert any(piece in Text(text).folded.lower() for piece in pieces)


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("wells notices?", [["wells notice"]]),
        ("wells notice(s)?", [["wells notice"]]),
        ("(?i)Wells", [["wells"]]),
        ("(kraken|coinbase) motion", [["coinbase", "kraken"], [" motion"]]),
        ("(kraken|.*) motion", [[" motion"]]),
        ("motions?|orders?", [["motion", "order"]]),
        ("motion|", []),
        ("(motion)?", []),
        ("(motion)*x(order)+", [["order"]]),
        ("(?:motion){0}order", [["order"]]),
        ("(?:motion){0,3}order", [["order"]]),
        ("(?:motion){2,3}", [["motion"]]),
        ("moti?on", [["mot"]]),
        ("motion+s", [["motion"]]),
        ("mo[t]ion", [["ion"]]),
        (r"mo\btion", [["tion"]]),
        ("form 8-k", [["form 8"]]),
        ("ab|cd", []),
        ("(?P<paper>order)", [["order"]]),
        ("(?P<éabc>x)", []),
        ("sec+(?i){0}", []),
        (r"\bSEC\b.{0,40}motion", [["sec"], ["motion"]]),
    ],
)
def test_what_a_pattern_requires(pattern: str, pieces: list[list[str]]) -> None:
    assert [sorted(some) for some in required(pattern)] == pieces


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("/wells notice(s)?/", "WELLS\u00a0  Notices", True),
        ("/wells notice/", "wells – notice", False),
        (r"/\$\d+ ?m/", "pays $50M", True),
        ("/straße/", "STRASSE", False),
        ("/strasse/", "Straße", True),
        ("/cafe/", "cafe\u0301", False),
        ("/café/", "cafe\u0301", True),
        ("/binance/", "Bin\u200bance", True),
        ("/binance/", "Bіnance", False),
        ("/don't/", "don’t", True),
        ("/証券.引/", "証券取引委員会", True),
        ("/^motion/", "Motion", True),
        ("/^order/", "Motion order", False),
        ("/order$/", "Motion order ", True),
        ("title:/motion/", "motion", True),
        ("body:/motion/", "motion", False),
    ],
)
def test_a_pattern_reads_the_normal_form(query: str, text: str, expected: bool) -> None:
    view = View(Document(source="s", title=text), Gazetteer())
    assert evaluate(parse(query), view).holds is expected


def test_what_is_found_is_shown_in_the_original() -> None:
    text = "A  WELLS\u00a0\n Ｎotice\u00ads, and wells notice"
    verdict = evaluate(parse("/wells notice(s)?/"), view_of(text))
    assert [text[one.start : one.end] for one in verdict.evidence] == ["WELLS\u00a0\n Ｎotice\u00ads", "wells notice"]


def test_no_more_places_are_told_than_may_be_and_those_of_nothing_are_left_out() -> None:
    verdict = evaluate(Regex("x"), view_of("x " * 100))
    assert len(verdict.evidence) == MOST_EVIDENCE
    boundary = evaluate(Regex(r"\b"), view_of("ab"))
    assert (boundary.holds, boundary.evidence, boundary.reason) == (True, (), "finds a place in the title or body")


def test_only_the_beginning_of_a_very_long_text_is_searched() -> None:
    assert Regex("needle").holds(view_of("x" * (LONGEST_TEXT - 6) + "needle"), ANYWHERE)
    assert not Regex("needle").holds(view_of("x" * (LONGEST_TEXT - 5) + "needle"), ANYWHERE)
    cut = view_of("x" + "é" * (LONGEST_TEXT // 2))
    assert Regex("é$").holds(cut, ANYWHERE)
    assert evaluate(Regex("é$"), cut).holds


@pytest.mark.parametrize("pattern", ["", "x*", "(a|)", "^", "$", "(?=a)b", r"(a)\1", "(", "a{1001}", "x" * 501])
def test_patterns_that_find_nothing_or_everything_or_are_refused_are_not_usable(pattern: str) -> None:
    assert not is_usable(pattern)
