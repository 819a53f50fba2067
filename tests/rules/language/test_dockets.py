"""Docket numbers in every way in which they are written, stated by a source or standing in a text."""

from __future__ import annotations

import html
import re

import pytest
from captured_feeds import ABSENT, CAPTURES
from hypothesis import given
from hypothesis import strategies as st

from rules import dockets
from rules.entities import Gazetteer, View
from rules.language.parse import parse
from rules.language.query import evaluate
from rules.model import Document


def holds(query: str, text: str = "", *facts: tuple[str, str]) -> bool:
    return evaluate(parse(query), View(Document(source="s", body=text, facts=facts), Gazetteer())).holds


VARIANTS = [
    *("1:23-cv-01599", "1:23-cv-01599-ABJ", "1:23-cv-01599-ABJ-ZMF", "1:23-cv-01599 (ABJ)", "1-23-cv-01599-ABJ-ZMF"),
    *("No. 23-cv-1599", "1:23-CV-01599", "23-cv-1599", "1:23-cv-1599", "1:2023-cv-01599", "1:23-cv-001599"),
    *("Case No. 1:23-cv-01599", "Case 1:23-cv-01599-ABJ", "Civil Action No. 1:23-cv-01599 (ABJ)", "no 23-cv-1599"),
    *("１:２３-ｃｖ-０１５９９", "1:23–cv–01599", "1:23-cv-01599 (ABJ/ZMF)"),
]


@pytest.mark.parametrize("written", VARIANTS)
def test_one_docket_is_found_in_every_way_of_writing_it(written: str) -> None:
    assert dockets.read(written) == dockets.DocketNumber("23", "cv", 1599)
    assert holds("docket:1:23-cv-01599", f"SEC v. Binance, {written}, filed today")
    assert holds(f'docket:"{written}"', "See 1:23-cv-01599-ABJ-ZMF.")
    assert holds("docket:1:23-cv-01599", "", ("docket", written))


@pytest.mark.parametrize(
    "other",
    [
        *("1:23-cv-01598", "1:22-cv-01599", "1:23-cr-01599", "1:23-cv-15990", "1:23-cv-11599", "1:23-cv-", "23-1599"),
        *("1:23-cv-0159", "cv-01599", "1599", "23 motions, 01599 cv"),
    ],
)
def test_another_docket_is_not_it(other: str) -> None:
    assert not holds("docket:1:23-cv-01599", f"SEC v. Binance, {other}, filed today")
    assert not holds("docket:1:23-cv-01599", "", ("docket", other))


def test_a_criminal_docket_has_numbers_of_its_defendants() -> None:
    assert dockets.read("1:17-cr-00201-ABJ-2") == dockets.DocketNumber("17", "cr", 201)
    assert holds("docket:1:17-cr-00201", "USA v. Manafort, 1:17-cr-00201-ABJ-2")


def test_the_court_counts_where_both_sides_know_it() -> None:
    asked, text = 'docket:"dcd 1:23-cv-01599"', "1:23-cv-01599-ABJ"
    assert holds(asked, text)
    assert holds(asked, text, ("court", "DCD"))
    assert not holds(asked, text, ("court", "nysd"))
    assert holds(asked, "", ("court", "dcd"), ("docket", text))
    assert not holds(asked, "", ("court", "nysd"), ("docket", text))
    assert holds(asked, "", ("docket", f"dcd {text}"))
    assert not holds(asked, "", ("docket", f"nysd {text}"))
    assert holds("docket:1:23-cv-01599", text, ("court", "nysd"))


@pytest.mark.parametrize("written", ["Case No. 1:23-cv-01599", "no 23-cv-1599", "docket no. 1:23-cv-01599"])
def test_the_word_before_a_number_is_not_taken_for_a_court(written: str) -> None:
    assert holds(f'docket:"{written}"', "", ("court", "dcd"), ("docket", "1:23-cv-01599"))


@pytest.mark.parametrize(
    "written",
    ["23-5123", "09-2030 (CKK)", "16-10992-smb", "1:23-cv-", "D.D.C. 1:23-cv-01599", "23 Civ. 1599", "1599", "x"],
)
def test_numbers_without_a_type_and_truncated_ones_are_not_taken_for_dockets(written: str) -> None:
    assert dockets.read(written) is None


YEARS, TYPES, SERIALS = st.integers(0, 99), st.sampled_from(("cv", "cr", "mc", "md")), st.integers(1, 99_999)


@given(
    YEARS,
    TYPES,
    SERIALS,
    st.integers(0, 7),
    st.sampled_from(("", "1:", "2-", "12:")),
    st.sampled_from(("", "-ABJ-2")),
)
def test_leading_zeros_offices_and_initials_make_no_difference(
    year: int, kind: str, serial: int, width: int, office: str, initials: str
) -> None:
    written = f"{office}{year:02}-{kind}-{serial:0{width}}{initials}"
    assert dockets.read(written) == dockets.DocketNumber(f"{year:02}", kind, serial)
    assert holds(f"docket:{year:02}-{kind}-{serial}", f"No. {written}.")
    assert not holds(f"docket:{year:02}-{kind}-{serial + 1}", f"No. {written}.")


@pytest.mark.realworld
@pytest.mark.skipif(not CAPTURES.is_dir(), reason=ABSENT)
def test_every_docket_of_a_captured_court_feed_is_found_in_its_own_titles_and_no_others() -> None:
    feed = (CAPTURES / "pacer-rss" / "sdny_1.xml").read_text("utf-8", "replace")
    titles = {html.unescape(title) for title in re.findall(r"<title>([^<]+)</title>", feed)}
    numbers = {
        title: match[1] for title in titles if (match := re.match(r"([0-9]:[0-9]{2}-[a-z]{2}-[0-9]{5}) ", title))
    }
    assert len(numbers) > 100
    for asked in sorted(set(numbers.values()))[:40]:
        node = parse(f"docket:{asked}")
        for title, number in numbers.items():
            view = View(Document(source="nysd", kind="docket-entry", title=title), Gazetteer())
            assert evaluate(node, view).holds == (number == asked)
