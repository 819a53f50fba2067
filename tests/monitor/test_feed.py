"""The source kind `feed`, driven without a network: conditions, memory, what is new, and what is wrong."""

from __future__ import annotations

import json

import pytest
from feeds import URL, Site, atom, court_item, filing, item, rss, titles

from monitor.sources import ParsedFeed, SourceFailure
from monitor.sources.feed import SLICE_COUNT, Feed
from rules.change import guid_print

FEED = Feed(id="news", url=URL)


def failure(site: Site, cursor: object = None) -> SourceFailure:
    with pytest.raises(SourceFailure) as told:
        site.poll(FEED, cursor)  # type: ignore[arg-type]
    return told.value


def test_the_first_poll_brings_every_entry_in_the_feeds_order() -> None:
    poll = Site(rss(*(item(n) for n in range(5)))).poll(FEED)
    assert titles(poll) == [f"Item {n}" for n in range(5)]
    assert (poll.present, poll.carried, poll.unchanged, poll.complete) == (5, frozenset(), False, True)
    first = poll.documents[1]
    assert (first.source, first.kind, first.guid, first.url) == ("news", "news", "id-1", "https://news.example/1")
    assert first.published is not None
    assert first.published.isoformat() == "2024-03-05T01:00:00+00:00"


def test_kind_and_language_are_the_operators_word() -> None:
    feed = Feed(id="court", url=URL, kind="docket-entry", lang="en-US")
    document = Site(rss(item(1), head="<language>de</language>")).poll(feed).documents[0]
    assert (document.kind, document.lang) == ("docket-entry", "en-US")
    assert Site(rss(item(1), head="<language>de</language>")).poll(FEED).documents[0].lang == "de"


def test_only_new_entries_are_parsed_the_next_time_and_the_rest_is_carried() -> None:
    site = Site(rss(*(item(n) for n in range(20))))
    cursor = site.poll(FEED).cursor
    site.body = rss(item(99), *(item(n) for n in range(19)), head="<lastBuildDate>now</lastBuildDate>")
    poll = site.poll(FEED, cursor)
    assert titles(poll) == ["Item 99"]
    assert site.entries_parsed() == 1
    assert poll.present == 20
    assert poll.carried == {guid_print(f"id-{n}") for n in range(19)}


def test_an_edited_entry_is_read_again() -> None:
    site = Site(rss(item(1), item(2)))
    cursor = site.poll(FEED).cursor
    site.body = rss(item(1), item(2, title="Corrected"))
    poll = site.poll(FEED, cursor)
    assert titles(poll) == ["Corrected"]
    assert poll.carried == {guid_print("id-1")}


def test_touched_bytes_without_a_changed_entry_parse_nothing() -> None:
    site = Site(rss(item(1), item(2)))
    cursor = site.poll(FEED).cursor
    site.body = rss(item(1), item(2), head="<title>News, rebuilt</title>")
    poll = site.poll(FEED, cursor)
    assert (poll.documents, site.parses, poll.present, poll.unchanged) == ((), [], 2, False)
    assert poll.cursor["body"] != cursor["body"]


def test_entries_that_left_are_forgotten_and_come_back_as_read() -> None:
    site = Site(rss(item(1), item(2)))
    cursor = site.poll(FEED).cursor
    site.body = rss(item(2))
    cursor = site.poll(FEED, cursor).cursor
    site.body = rss(item(1), item(2))
    assert titles(site.poll(FEED, cursor)) == ["Item 1"]


def test_several_filings_under_one_id_are_all_given() -> None:
    site = Site(atom(filing(1, "DOE JOHN", "Reporting"), filing(2, "ACME (HOLDINGS) - INC", "Issuer")))
    poll = site.poll(FEED)
    assert len(poll.documents) == 2
    assert len({d.guid for d in poll.documents}) == 1
    assert "Item 8.01: Other Events" in poll.documents[0].body
    assert poll.documents[0].updated is not None
    assert poll.documents[0].updated.isoformat() == "2024-03-05T21:01:02+00:00"
    assert poll.documents[0].published is None
    assert poll.documents[0].tags == ("4",)


def test_the_words_of_a_docket_entry_survive() -> None:
    poll = Site(rss(court_item(286, "Motion for Order"), court_item(287, "Set Deadlines"))).poll(FEED)
    document = poll.documents[0]
    assert document.title == "1:23-cv-01599 SECURITIES AND EXCHANGE COMMISSION v. BINANCE HOLDINGS LIMITED et al"
    assert document.body == "[Motion for Order] (286)"
    assert document.guid == "https://ecf.court.example/cgi-bin/DktRpt.pl?256060&286"
    assert document.url == "https://ecf.court.example/cgi-bin/DktRpt.pl?256060"


# --- conditions --------------------------------------------------------------------------------------------------


def test_validators_come_back_as_they_were_given() -> None:
    site = Site(rss(item(1)), fields={"etag": 'W/"abc"', "last-modified": "Tue, 05 Mar 2024 20:00:00 GMT"})
    cursor = site.poll(FEED).cursor
    assert site.requests[0].headers == ()
    site.poll(FEED, cursor)
    assert site.requests[0].headers == (
        ("If-None-Match", 'W/"abc"'),
        ("If-Modified-Since", "Tue, 05 Mar 2024 20:00:00 GMT"),
    )


def test_half_a_pair_of_validators_does_not_survive_a_new_body() -> None:
    site = Site(rss(item(1)), fields={"etag": '"1"', "last-modified": "Tue, 05 Mar 2024 20:00:00 GMT"})
    cursor = site.poll(FEED).cursor
    site.body, site.fields = rss(item(2)), {"etag": '"2"'}
    cursor = site.poll(FEED, cursor).cursor
    site.poll(FEED, cursor)
    assert site.requests[0].headers == (("If-None-Match", '"2"'),)
    site.fields = {}
    site.body = rss(item(3))
    cursor = site.poll(FEED, cursor).cursor
    site.poll(FEED, cursor)
    assert site.requests[0].headers == ()


def test_304_leaves_the_cursor_alone_and_counts_as_present() -> None:
    site = Site(rss(item(1), item(2)), fields={"etag": '"1"'})
    cursor = site.poll(FEED).cursor
    site.status, site.body, site.fields = 304, b"", {"etag": '"other"'}
    poll = site.poll(FEED, cursor)
    assert (poll.unchanged, poll.present, poll.cursor, poll.documents) == (True, 2, cursor, ())
    assert poll.carried == {guid_print("id-1"), guid_print("id-2")}


def test_the_same_bytes_are_unchanged_and_bring_new_validators() -> None:
    site = Site(rss(item(1)), fields={"etag": '"1"'})
    cursor = site.poll(FEED).cursor
    site.fields = {"etag": '"2"'}
    poll = site.poll(FEED, cursor)
    assert (poll.unchanged, site.parses, poll.present) == (True, [], 1)
    assert poll.cursor["etag"] == '"2"'
    assert poll.carried == {guid_print("id-1")}


@pytest.mark.parametrize("etag", ["", "x" * 2000, '"a\nb"', '"\u00e4"'])
def test_a_validator_that_cannot_be_sent_back_is_not_kept(etag: str) -> None:
    assert "etag" not in Site(rss(item(1)), fields={"etag": etag}).poll(FEED).cursor


def test_a_cursor_is_json_and_belongs_to_its_address() -> None:
    site = Site(rss(item(1)), fields={"etag": '"1"'})
    cursor = json.loads(json.dumps(site.poll(FEED).cursor))
    assert site.poll(FEED, cursor).unchanged
    elsewhere = Feed(id="news", url="https://news.example/moved.xml")
    poll = site.poll(elsewhere, cursor)
    assert (site.requests[0].headers, len(poll.documents)) == ((), 1)


@pytest.mark.parametrize(
    "damage",
    [{"version": 0}, {"entries": "???"}, {"entries": "YWJj"}, {"entries": 7}, {"url": None}, {"entries": "ä"}],
)
def test_a_cursor_that_cannot_be_read_counts_as_none(damage: dict[str, object]) -> None:
    site = Site(rss(item(1)), fields={"etag": '"1"'})
    cursor = {**site.poll(FEED).cursor, **damage}
    poll = site.poll(FEED, cursor)
    assert (site.requests[0].headers, len(poll.documents)) == ((), 1)


def test_the_feeds_own_wish_to_wait_is_passed_on() -> None:
    site = Site(rss(item(1), head="<ttl>15</ttl>"), fields={"cache-control": "max-age=60"})
    poll = site.poll(FEED)
    assert poll.wait == 900.0
    site.status = 304
    assert site.poll(FEED, poll.cursor).wait == 900.0
    assert Site(rss(item(1)), fields={"cache-control": "max-age=60"}).poll(FEED).wait == 60.0
    assert Site(rss(item(1))).poll(FEED).wait is None


# --- what is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b"<html><title>Just a moment...</title></html>", "challenge"),
        (b"<html><title>Press</title></html>", "html"),
        (b'{"error": "no"}', "json-error"),
        (b"<channel><nothing/></channel>", "not-a-feed"),
    ],
)
def test_a_page_that_is_no_feed_is_a_failure_also_after_a_good_one(body: bytes, kind: str) -> None:
    site = Site(rss(item(1)))
    cursor = site.poll(FEED).cursor
    site.body = body
    assert failure(site, cursor).kind == kind


def test_a_feed_that_is_empty_from_the_beginning_is_fine() -> None:
    poll = Site(rss()).poll(FEED)
    assert (poll.documents, poll.present, poll.complete) == ((), 0, True)


def test_a_feed_that_has_lost_all_its_entries_is_a_failure_until_they_return() -> None:
    site = Site(rss(item(1), item(2)))
    cursor = site.poll(FEED).cursor
    site.body = rss()
    for _ in range(3):
        assert failure(site, cursor).kind == "emptied"
    site.body = rss(item(3), item(2))
    assert titles(site.poll(FEED, cursor)) == ["Item 3"]


@pytest.mark.parametrize("end", ["</channel></rss>", "</item>", "on>", "pubDate>", "<description>Text 3"])
def test_a_feed_that_is_cut_gives_its_whole_entries_and_moves_nothing(end: str) -> None:
    whole = rss(*(item(n) for n in range(1, 4)))
    site = Site(whole[: whole.rindex(end.encode())], fields={"etag": '"cut"'})
    old = Site(rss(item(1)), fields={"etag": '"1"'}).poll(FEED).cursor
    poll = site.poll(FEED, old)
    assert poll.documents[0].title == "Item 2"
    assert all(d.body == f"Text {d.title[-1]}" for d in poll.documents)
    assert (poll.complete, poll.cursor) == (False, old)
    site.body = whole
    assert titles(site.poll(FEED, old)) == ["Item 2", "Item 3"]


def test_a_cut_feed_that_is_read_whole_gives_no_half_entry() -> None:
    whole = rss(item(1), "<!-- among the entries -->", item(2), item(3))
    poll = Site(whole[: whole.rindex(b"3</description>")]).poll(FEED)
    assert titles(poll) == ["Item 1", "Item 2"]
    assert not poll.complete


def test_a_feed_that_is_cut_before_its_first_entry_is_a_failure() -> None:
    whole = rss(item(1))
    assert failure(Site(whole[: whole.index(b"<guid")])).kind == "truncated"
    assert failure(Site(whole[: whole.index(b"<item")])).kind == "truncated"


def test_where_the_parser_counts_other_entries_the_whole_is_parsed() -> None:
    site = Site(rss(item(1), item(2), item(3)))
    honest = site.read

    def miscount(parse: object) -> ParsedFeed:
        feed = honest(parse)  # type: ignore[arg-type]
        if len(site.parses) == 1:
            return ParsedFeed(version=feed.version, entries=feed.entries[:-1])
        return feed

    site.read = miscount
    poll = site.poll(FEED)
    assert len(poll.documents) == 3
    assert [p.body == site.body for p in site.parses] == [False, True]


def test_many_new_entries_are_parsed_in_slices() -> None:
    site = Site(rss(*(item(n) for n in range(2 * SLICE_COUNT + 1))))
    poll = site.poll(FEED)
    assert len(poll.documents) == poll.present == 2 * SLICE_COUNT + 1
    assert [p.body.count(b"<item>") for p in site.parses] == [SLICE_COUNT, SLICE_COUNT, 1]
    assert titles(poll)[:2] == ["Item 0", "Item 1"]


def test_an_odd_feed_is_parsed_whole_but_unchanged_entries_are_still_carried() -> None:
    site = Site(rss(item(1), "<!-- ad -->", item(2)))
    cursor = site.poll(FEED).cursor
    site.body = rss(item(3), "<!-- another ad -->", item(1), item(2))
    poll = site.poll(FEED, cursor)
    assert titles(poll) == ["Item 3"]
    assert poll.carried == {guid_print("id-1"), guid_print("id-2")}


def test_entries_without_any_name_are_given_and_carried_by_their_bytes() -> None:
    nameless = "<item><title>No name</title></item>"
    site = Site(rss(nameless, item(1)))
    poll = site.poll(FEED)
    assert len(poll.documents) == 2
    site.body = rss(nameless, item(1), item(2))
    poll = site.poll(FEED, poll.cursor)
    assert titles(poll) == ["Item 2"]
    assert poll.carried == {guid_print("id-1")}
