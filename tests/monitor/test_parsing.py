"""What is read out of a feed: formats, links, texts, dates, encodings, limits. In this process, without a child."""

from __future__ import annotations

import codecs
import json
from datetime import UTC, datetime

import pytest
from feeds import URL, court_item, item, rss

from monitor.parsing.entries import ENTRIES, GUID_LIMIT, TITLE_LIMIT
from monitor.parsing.reading import read_feed
from monitor.sources import ParsedEntry, ParsedFeed


def read(body: bytes | str, content_type: str = "") -> ParsedFeed:
    return read_feed(body.encode() if isinstance(body, str) else body, content_type, URL)


def only(*parts: str, head: str = "") -> ParsedEntry:
    (entry,) = read(rss(f"<item>{''.join(parts)}</item>", head=head)).entries
    return entry


# --- formats -----------------------------------------------------------------------------------------------------


ITEM = "<item><title>a</title><link>http://a.example/1</link></item>"


@pytest.mark.parametrize(
    ("body", "version"),
    [
        (f'<rss version="0.91"><channel>{ITEM}</channel></rss>', "rss"),
        (f'<rss version="0.92"><channel>{ITEM}</channel></rss>', "rss"),
        (f'<rss version="2.0"><channel>{ITEM}</channel></rss>', "rss"),
        (
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
            '<item rdf:about="http://a.example/1"><title>a</title><link>http://a.example/1</link></item></rdf:RDF>',
            "rss10",
        ),
        (
            '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><title>a</title>'
            '<link rel="alternate" href="http://a.example/1"/></entry></feed>',
            "atom03",
        ),
        (
            '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>a</title><link href="http://a.example/1"/></entry></feed>',
            "atom10",
        ),
        (
            '{"version": "https://jsonfeed.org/version/1", "items": [{"title": "a", "url": "http://a.example/1"}]}',
            "json10",
        ),
        (
            '\ufeff{"version": "https://jsonfeed.org/version/1.1", "items": [{"title": "a", "url": "http://a.example/1"}]}',
            "json11",
        ),
    ],
)  # fmt: skip
def test_every_format_is_read(body: str, version: str) -> None:
    feed = read(body)
    assert feed.version.startswith(version)
    assert [(e.title, e.link) for e in feed.entries] == [("a", "http://a.example/1")]


@pytest.mark.parametrize(
    "body", ["", "words", "<html><body>x</body></html>", "/etc/passwd", "http://127.0.0.1/", "{}", "[]"]
)
def test_what_is_no_feed_has_no_version_and_no_entries(body: str) -> None:
    feed = read(body)
    assert (feed.version, feed.entries) == ("", ())


def test_the_feed_itself_is_described() -> None:
    head = (
        "<title>Press &amp;amp; News</title><language>en-us</language><ttl>30</ttl>"
        "<lastBuildDate>Tue, 05 Mar 2024 20:00:00 GMT</lastBuildDate>"
    )
    feed = read(rss(item(1), head=head))
    assert (feed.title, feed.lang, feed.ttl) == ("Press & News", "en-us", 1800.0)
    assert feed.built == datetime(2024, 3, 5, 20, tzinfo=UTC)


@pytest.mark.parametrize("ttl", ["", "0", "-5", "soon", "99999999999999", "1.5", "\u0663"])
def test_a_ttl_that_makes_no_sense_is_no_wish(ttl: str) -> None:
    assert read(rss(item(1), head=f"<ttl>{ttl}</ttl>")).ttl is None


# --- entries -----------------------------------------------------------------------------------------------------


def test_the_label_and_number_of_a_docket_entry_stay_in_the_body() -> None:
    (entry,) = read(rss(court_item(286, "Motion for Order"))).entries
    assert entry.body == "[Motion for Order] (286)"
    assert not entry.title.endswith(" ")


def test_an_entry_without_a_document_link_keeps_its_label() -> None:
    entry = only("<title>22-1120 Acosta v. Wilson, et al</title><description>[ruling]</description>")
    assert (entry.title, entry.body, entry.link, entry.guid) == (
        "22-1120 Acosta v. Wilson, et al",
        "[ruling]",
        None,
        None,
    )


def test_the_longest_text_becomes_the_body() -> None:
    content = '<content:encoded xmlns:content="http://purl.org/rss/1.0/modules/content/">{}</content:encoded>'
    assert only("<description>short</description>", content.format("a much longer text")).body == "a much longer text"
    assert only("<description>the longer summary</description>", content.format("")).body == "the longer summary"


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("Food &amp;amp; Water Watch", "Food & Water Watch"),
        ("<![CDATA[<b>Bin</b>ance &amp; Co]]>", "Binance & Co"),
        ("&lt;i&gt;SEC&lt;/i&gt; v. X", "SEC v. X"),
        ("a\n   b\t c&amp;nbsp;d", "a b c d"),
        ("5 &lt; 6", "5 < 6"),
        ("caf&eacute; &nbsp; &euro;5", "caf\u00e9 \u20ac5"),
        ("a\x01b\x0cc", "abc"),
    ],
)
def test_a_title_is_plain_and_on_one_line(markup: str, title: str) -> None:
    assert only(f"<title>{markup}</title>").title == title


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/a/b?c=d", "https://news.example/a/b?c=d"),
        ("b", "https://news.example/feeds/b"),
        ("//other.example/x", "https://other.example/x"),
        ("\n https://news.example/x \n", "https://news.example/x"),
        ("https://news.example/long\n/path", "https://news.example/long/path"),
        ("https://news.example/a b", "https://news.example/a%20b"),
        ("<![CDATA[https://news.example/?a=1&b=2]]>", "https://news.example/?a=1&b=2"),
        ("javascript:alert(1)", None),
        ("mailto:a@b.example", None),
        ("file:///etc/passwd", None),
        ("http://[broken", None),
        ("https://news.example/" + "a" * 5000, None),
        ("", None),
    ],
)
def test_a_link_is_an_absolute_web_address_or_none(link: str, expected: str | None) -> None:
    assert only(f"<title>a</title><link>{link}</link>").link == expected


def test_xml_base_counts_for_links() -> None:
    body = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://base.example/x/"><entry><id>1</id>'
        '<link href="y"/></entry></feed>'
    )
    assert read(body).entries[0].link == "https://base.example/x/y"


def test_a_guid_that_is_a_permalink_is_the_link_and_one_that_is_not_is_not() -> None:
    assert only("<guid>https://news.example/7</guid>").link == "https://news.example/7"
    entry = only('<guid isPermaLink="false">7</guid>')
    assert (entry.guid, entry.link) == ("7", None)


def test_a_very_long_guid_is_its_digest() -> None:
    long = only(f"<guid isPermaLink='false'>{'g' * (GUID_LIMIT + 1)}</guid>").guid
    longer = only(f"<guid isPermaLink='false'>{'g' * (GUID_LIMIT + 2)}</guid>").guid
    assert long is not None
    assert len(long) < 100
    assert long != longer


def test_authors_and_categories_are_given() -> None:
    entry = only(
        "<author>ops@example.com (Jane Doe)</author>",
        '<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">LR-26450</dc:creator>',
        "<category>Enforcement</category><category>Enforcement</category><category>Crypto</category>",
    )
    assert "LR-26450" in " ".join(entry.authors)
    assert entry.tags == ("Enforcement", "Crypto")


# --- dates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Tue, 05 Mar 2024 15:49:00 EST", datetime(2024, 3, 5, 20, 49, tzinfo=UTC)),
        ("Tue, 05 Mar 2024 20:49:00 GMT", datetime(2024, 3, 5, 20, 49, tzinfo=UTC)),
        ("2024-03-05T20:49:00Z", datetime(2024, 3, 5, 20, 49, tzinfo=UTC)),
        ("2024-03-05T16:49:00-04:00", datetime(2024, 3, 5, 20, 49, tzinfo=UTC)),
        ("Thu, 27 Aug 2026", datetime(2026, 8, 27, tzinfo=UTC)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Sat, 30 Dec 2023 23:59:60 GMT", None),
        ("Seg, 24 Set 2018", None),
        ("0000-00-00", None),
        ("99999999999999999999", None),
        ("yesterday", None),
    ],
)
def test_a_date_is_utc_or_unknown_and_never_raises(date: str, expected: datetime | None) -> None:
    assert only(f"<title>a</title><pubDate>{date}</pubDate>").published == expected


def test_a_changed_date_is_not_taken_for_the_published_one() -> None:
    entry = read(
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><updated>2024-03-05T00:00:00Z</updated></entry></feed>'
    ).entries[0]
    assert (entry.published, entry.updated) == (None, datetime(2024, 3, 5, tzinfo=UTC))


def test_a_time_element_in_the_text_dates_an_entry_that_has_no_other_date() -> None:
    text = '&lt;div&gt;&lt;time datetime="2026-01-12T10:30:00Z"&gt;12 January&lt;/time&gt; Statement&lt;/div&gt;'
    assert only(f"<title>a</title><description>{text}</description>").published == datetime(
        2026, 1, 12, 10, 30, tzinfo=UTC
    )
    dated = only(f"<title>a</title><description>{text}</description><pubDate>2024-03-05T00:00:00Z</pubDate>")
    assert dated.published == datetime(2024, 3, 5, tzinfo=UTC)


# --- encodings ---------------------------------------------------------------------------------------------------

NOISE = (
    '<?xml version="1.0"{}?><rss version="2.0"><channel>'
    "<item><title>Caf\u00e9 \u2013 \u00fcber</title></item></channel></rss>"
)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (NOISE.format("").encode(), ""),
        (NOISE.format("").encode(), "text/xml"),
        (codecs.BOM_UTF8 + NOISE.format("").encode(), "application/xml"),
        (NOISE.format(' encoding="windows-1252"').encode("cp1252"), ""),
        (NOISE.format(' encoding="windows-1252"').encode("cp1252"), "application/rss+xml"),
        (NOISE.format("").encode("cp1252"), "text/xml; charset=windows-1252"),
        (codecs.BOM_UTF16_LE + NOISE.format(' encoding="utf-16"').encode("utf-16-le"), "application/xml"),
        (codecs.BOM_UTF16_BE + NOISE.format("").encode("utf-16-be"), "text/html; charset=iso-8859-1"),
        (NOISE.format(' encoding="utf-16"').encode("utf-16-le"), ""),
        (codecs.BOM_UTF32_LE + NOISE.format("").encode("utf-32-le"), ""),
        (NOISE.format(' encoding="punycode"').encode(), ""),
        (NOISE.format(' encoding="undefined"').encode(), "text/xml; charset=undefined"),
        (NOISE.format(' encoding="rot13"').encode(), "application/xml; charset=zip"),
        (NOISE.format(' encoding="\u00e4"').encode(), "application/xml; charset=\u00e4"),
    ],
)
def test_an_encoding_is_found_whatever_the_labels_say(body: bytes, content_type: str) -> None:
    assert read(body, content_type).entries[0].title == "Caf\u00e9 \u2013 \u00fcber"


@pytest.mark.parametrize("encoding", ["shift_jis", "euc-jp", "iso-2022-jp"])
def test_japanese_encodings_are_read(encoding: str) -> None:
    text = NOISE.format(f' encoding="{encoding}"').replace("Caf\u00e9 \u2013 \u00fcber", "\u88c1\u5224\u6240")
    assert read(text.encode(encoding)).entries[0].title == "\u88c1\u5224\u6240"


# --- JSON Feed ---------------------------------------------------------------------------------------------------


def json_feed(*items: object, **more: object) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items, **more}).encode()


def test_a_json_feed_is_read_with_its_fields() -> None:
    row = {
        "id": 7,
        "url": "/7",
        "title": "A &amp; B",
        "content_html": "<p>one</p><p>two</p>",
        "summary": "s",
        "date_published": "2024-03-05T16:00:00-05:00",
        "date_modified": "2024-03-06",
        "tags": ["x", 1, None],
        "authors": [{"name": "Jane"}, {}],
    }
    feed = read(json_feed(row, title="T", language="en"))
    (entry,) = feed.entries
    assert (feed.title, feed.lang) == ("T", "en")
    assert (entry.guid, entry.link, entry.title, entry.body) == ("7", "https://news.example/7", "A & B", "one\ntwo")
    assert (entry.published, entry.updated) == (
        datetime(2024, 3, 5, 21, tzinfo=UTC),
        datetime(2024, 3, 6, tzinfo=UTC),
    )
    assert (entry.tags, entry.authors) == (("x", "1"), ("Jane",))


def test_plain_text_of_a_json_feed_is_not_taken_for_markup() -> None:
    (entry,) = read(json_feed({"id": "1", "content_text": "if a <b> c &amp; d"})).entries
    assert entry.body == "if a <b> c &amp; d"


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"id": None, "url": 5, "title": ["a"], "tags": "x", "authors": "y", "author": [], "date_published": 5},
        {"id": 10**17, "url": "javascript:alert(1)"},
        {"id": True, "title": "\ud800", "date_published": "9999-99-99"},
        {"id": "a" * 10_000, "date_published": "0001-01-01T00:00:00+23:59"},
    ],
)
def test_odd_rows_of_a_json_feed_harm_nobody(row: object) -> None:
    feed = read(json_feed(row, "not a row", {"id": "good", "title": "good"}))
    assert feed.entries[-1].title == "good"
    assert len(feed.entries) == 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"version": "https://jsonfeed.org/version/1", "items": [NaN]}',
        b'{"version": "https://jsonfeed.org/version/1", "items": [Infinity]}',
        b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": "cut',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_json_that_is_not_json_is_no_feed(body: bytes) -> None:
    feed = read(body)
    assert (feed.version, feed.entries) == ("", ())
    assert feed.problem


def test_a_number_of_a_million_digits_stays_text() -> None:
    body = b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": ' + b"9" * 1_000_000 + b"}]}"
    assert (read(body).entries[0].guid or "").startswith("digest:")


# --- limits ------------------------------------------------------------------------------------------------------


def test_fields_are_cut_to_their_limits() -> None:
    entry = only(
        f"<title>{'t' * 100_000}</title><description>{'d ' * 100_000}</description>"
        + "".join(f"<category>c{n}</category>" for n in range(500))
    )
    assert (len(entry.title), entry.title[-1]) == (TITLE_LIMIT, "\u2026")
    assert len(entry.body) <= 64 * 1024
    assert len(entry.tags) == 50


def test_at_most_so_many_entries_are_read_and_it_says_so() -> None:
    feed = read(json_feed(*({"id": n} for n in range(ENTRIES + 1))))
    assert (len(feed.entries), feed.problem) == (ENTRIES, f"only the first {ENTRIES} entries are read")


def test_the_same_bytes_always_read_the_same() -> None:
    body = rss(court_item(1, "Order"), item(2))
    assert read(body) == read(body)


def test_an_ill_formed_feed_is_read_and_its_fault_told() -> None:
    feed = read(rss(item(1, title="AT&T <br> unclosed"), item(2)))
    assert len(feed.entries) == 2
    assert feed.problem is not None
    assert feed.problem.startswith("SAXParseException")
