"""Subjects, headlines, times and links of messages."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from deliveries import ALERT, AT, NOTICE, delivery
from hypothesis import given
from hypothesis import strategies as st

from monitor.message import as_text, headline, link_to, subject
from monitor.message.wording import cleaned, pieces, shortened, stamp
from rules.model import Message, Passage


def news(title: str, **changes: object) -> Message:
    return delivery(kind="news", title=title, **changes).message


def test_a_subject_begins_with_the_severity_so_that_no_title_can_claim_a_higher_one() -> None:
    assert subject(news("[critical] Motion", severity="low")) == "[low] [critical] Motion"


def test_a_docket_entry_says_first_what_was_filed() -> None:
    assert headline(ALERT) == f"Motion for Order: {ALERT.title}"
    assert subject(ALERT).startswith("[high] Motion for Order: 1:23-cv-01599 SECURITIES")


def test_what_was_filed_is_not_said_twice() -> None:
    told = delivery(title="Motion for Order in SEC v. Binance").message
    assert headline(told) == "Motion for Order in SEC v. Binance"


def test_a_bracket_in_a_news_text_is_not_taken_for_a_docket_label() -> None:
    assert headline(news("Regulator asks judge")) == "Regulator asks judge"


def test_an_update_says_so() -> None:
    assert subject(news("Motion", type="alert.updated")) == "[high] Updated: Motion"


def test_a_notice_is_from_tipstaff() -> None:
    assert subject(NOTICE).startswith("[tipstaff high] Source failing")
    assert subject(delivery(NOTICE, severity="normal").message).startswith("[tipstaff] Source failing")


def test_a_long_subject_is_cut_at_a_word() -> None:
    cut = subject(news("compel production " * 40))
    assert 160 < len(cut) <= 200
    assert cut.removesuffix("…").split()[-1] in ("compel", "production")


def test_a_title_of_nothing_still_has_a_subject() -> None:
    assert subject(news(" \r\n\x00 ")) == "[high] (untitled)"


def test_encoded_words_are_broken_up() -> None:
    assert "=?" not in subject(news("=?utf-8?q?Bcc:_x?= and =\x00?"))


@given(st.text(alphabet=st.characters()), st.integers(2, 300))
def test_shortening_never_exceeds_the_length(text: str, length: int) -> None:
    assert len(shortened(text, length)) <= length


@given(st.text(alphabet=st.characters()))
def test_cleaning_twice_is_cleaning_once_and_leaves_utf8(text: str) -> None:
    once = cleaned(text)
    assert cleaned(once) == once
    once.encode("utf-8")


def test_times_are_told_in_the_readers_zone_with_its_name() -> None:
    zone = ZoneInfo("America/New_York")
    assert stamp(AT, zone) == "Tue 5 Mar 2024, 16:04:11 EST"
    assert stamp(AT + timedelta(days=7), zone) == "Tue 12 Mar 2024, 17:04:11 EDT"
    assert "Published:  Tue 5 Mar 2024, 15:58:41 EST" in as_text(delivery(), zone=zone)


def test_how_late_a_document_was_seen_is_told_while_it_matters() -> None:
    assert "21:04:11 UTC (5 min later)" in as_text(delivery())
    assert "(26 h 05 min later)" in as_text(delivery(published=AT - timedelta(hours=26, minutes=5)))
    assert "later)" not in as_text(delivery(published=AT - timedelta(days=400)))
    assert "later)" not in as_text(delivery(published=AT + timedelta(days=1)))


def test_a_date_that_the_source_does_not_give_is_said_to_be_missing() -> None:
    assert "Published:  not stated by the source" in as_text(delivery(published=None))


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(-5, 70), st.integers(-5, 70)), max_size=6))
def test_marks_that_make_no_sense_lose_no_text(text: str, marks: list[tuple[int, int]]) -> None:
    shown = "".join(piece for piece, _ in pieces(Passage(field="body", text=text, marks=tuple(marks))))
    assert cleaned(shown) == cleaned(text)


@pytest.mark.parametrize(
    ("url", "href", "host"),
    [
        ("https://www.sec.gov/a?b=c&d=%20#e", "https://www.sec.gov/a?b=c&d=%20#e", "www.sec.gov"),
        ("HTTPS://WWW.SEC.GOV/News", "https://www.sec.gov/News", "www.sec.gov"),
        ("https://ecf.nysd.uscourts.gov/cgi-bin/DktRpt.pl?492165&10",) * 2 + ("ecf.nysd.uscourts.gov",),
        (" http://x.example/ a b ", "http://x.example/%20a%20b", "x.example"),
        ("http://x.example/ü", "http://x.example/%C3%BC", "x.example"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://straße.example/", "http://xn--strae-oqa.example/", "xn--strae-oqa.example"),
        ("http://sес.gov/", "http://xn--s-jtb0b.gov/", "xn--s-jtb0b.gov"),  # Cyrillic е and с
        ("http://sec.gov@evil.test/", "http://evil.test/", "evil.test"),
        ("http://user:pass@x.example:8080/", "http://x.example:8080/", "x.example"),
        ("http://[::1]:80/", "http://[::1]:80/", "[::1]"),
        ('http://x.example/"><script>', "http://x.example/%22%3E%3Cscript%3E", "x.example"),
    ],
)
def test_a_web_address_becomes_a_link_with_the_host_as_the_network_sees_it(url: str, href: str, host: str) -> None:
    link = link_to(url)
    assert link is not None
    assert (link.href, link.host) == (href, host)


@pytest.mark.parametrize(
    "url",
    [None, "", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "file:///etc/passwd",
     "ftp://x.example/", "mailto:x@y.example", "//x.example/", "/relative", "http://", "http:///x", "http://x.example\\@evil.test/",
     "http://x.example/\u202etxt.exe", "http://x.example/\x00", "http://x.example:99999/", "http://[::1/",
     "http://x y.example/", "http://x.example/" + "a" * 5000, "http://\ud800.example/"],
)  # fmt: skip
def test_nothing_else_becomes_a_link(url: str | None) -> None:
    assert link_to(url) is None
