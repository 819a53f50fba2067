"""What every source kind keeps, whatever it reads: run for each kind on bodies of its own format.

A new kind joins by one entry in KINDS_UNDER_TEST.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from urllib.parse import urlsplit

import pytest
from feeds import AT, URL, Site, atom, court_item, filing, item, rss

from monitor.sources import Page, Parse, Poll, Request, Source, SourceFailure
from monitor.sources.feed import Feed
from rules.model import KINDS, Document


@dataclass(frozen=True)
class Kind:
    """A source kind under test: how to make one, bodies it reads, and bodies that are not its format."""

    make: Callable[[], Source]
    good: tuple[bytes, ...]
    grown: bytes
    """The first good body with one more entry."""


JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "items": [{"id": "1", "url": "one", "title": "One", "date_published": "2024-03-05T20:00:00-05:00"}],
    }
).encode()
RELATIVE = "<item><title>r</title><link>/relative</link><pubDate>Tue, 05 Mar 2024 20:00:00 EST</pubDate></item>"
UNFIT = "<item><title>a\u0000&#xD800;b\ufffe</title><guid>g\u0001</guid><description>&amp;#0;x</description></item>"

KINDS_UNDER_TEST = {
    "feed": Kind(
        make=lambda: Feed(id="under-test", url=URL),
        good=(
            rss(*(item(n) for n in range(12))),
            rss(RELATIVE, UNFIT, court_item(1, "Motion"), court_item(1, "Order")),
            atom(filing(1, "A", "Filer"), filing(1, "B", "Issuer")),
            JSON_FEED,
            rss(item(1), "<!-- odd -->", item(2)),
        ),
        grown=rss(item(99), *(item(n) for n in range(12))),
    )
}
NOT_ITS_FORMAT = (
    b"",
    b"  ",
    b"<html><body>hello</body></html>",
    b'{"error": 1}',
    b"plain words",
    b"\xff\xfe",
    b"\x00" * 100,
)

kinds = pytest.mark.parametrize("kind", KINDS_UNDER_TEST.values(), ids=KINDS_UNDER_TEST.keys())


def polls(kind: Kind) -> list[Poll]:
    return [Site(body).poll(kind.make()) for body in kind.good]


def documents(kind: Kind) -> list[Document]:
    return [document for poll in polls(kind) for document in poll.documents]


@kinds
def test_it_has_an_id_and_a_url(kind: Kind) -> None:
    source = kind.make()
    assert (source.id, source.url) == ("under-test", URL)


@kinds
def test_it_performs_no_io_and_asks_for_its_own_url_first(kind: Kind) -> None:
    effect = next(kind.make().poll({}))
    assert isinstance(effect, Request)
    assert effect.url == URL
    assert effect.headers == ()


@kinds
def test_documents_name_their_source_and_have_a_known_kind(kind: Kind) -> None:
    assert all(d.source == "under-test" and d.kind in KINDS for d in documents(kind))


@kinds
def test_times_are_aware_and_utc(kind: Kind) -> None:
    times = [t for d in documents(kind) for t in (d.published, d.updated) if t]
    assert times
    assert all(t.tzinfo is UTC and t.utcoffset() == timedelta(0) for t in times)


@kinds
def test_links_are_absolute_web_addresses(kind: Kind) -> None:
    links = [urlsplit(d.url) for d in documents(kind) if d.url]
    assert links
    assert all(link.scheme in {"http", "https"} and link.hostname for link in links)


@kinds
def test_texts_are_plain_and_fit_to_be_stored(kind: Kind) -> None:
    for document in documents(kind):
        for text in (document.title, document.body, document.guid or "", *document.authors, *document.tags):
            text.encode("utf-8")
            assert "\x00" not in text
            assert "<a href" not in text
        assert "\n" not in document.title


@kinds
def test_the_same_bytes_give_the_same_documents_and_the_same_cursor(kind: Kind) -> None:
    assert polls(kind) == polls(kind)


@kinds
def test_a_cursor_survives_being_stored_as_json(kind: Kind) -> None:
    for body in kind.good:
        site = Site(body, fields={"etag": '"1"'})
        cursor = json.loads(json.dumps(site.poll(kind.make()).cursor))
        again = site.poll(kind.make(), cursor)
        assert again.unchanged
        assert not again.documents


@kinds
def test_304_is_unchanged_with_the_same_cursor(kind: Kind) -> None:
    site = Site(kind.good[0], fields={"etag": '"1"'})
    first = site.poll(kind.make())
    site.status = 304
    again = site.poll(kind.make(), first.cursor)
    assert (again.unchanged, again.documents, again.cursor) == (True, (), first.cursor)
    assert again.present == first.present


@kinds
def test_what_is_added_is_given_and_what_stayed_is_carried_or_given_again(kind: Kind) -> None:
    site = Site(kind.good[0])
    first = site.poll(kind.make())
    site.body = kind.grown
    again = site.poll(kind.make(), first.cursor)
    new = [d for d in again.documents if d not in first.documents]
    assert len(new) == 1
    assert again.present == first.present + 1
    assert len(again.carried) + len(again.documents) == again.present


@kinds
@pytest.mark.parametrize("body", NOT_ITS_FORMAT, ids=repr)
def test_another_format_is_a_failure_with_a_name_and_never_no_news(kind: Kind, body: bytes) -> None:
    cursor = Site(kind.good[0]).poll(kind.make()).cursor
    for known in ({}, cursor):
        with pytest.raises(SourceFailure) as told:
            Site(body).poll(kind.make(), known)
        assert told.value.kind
        assert told.value.reason


@kinds
def test_a_failure_of_the_fetcher_or_the_parser_passes_through(kind: Kind) -> None:
    refusal = SourceFailure("timeout", "late", network=True)
    effects = kind.make().poll({})
    next(effects)
    with pytest.raises(SourceFailure) as told:
        effects.throw(refusal)
    assert told.value is refusal
    effects = kind.make().poll({})
    request = next(effects)
    assert isinstance(request, Request)
    page = Page(url=URL, status=200, headers={}, body=kind.good[0], at=AT)
    parse = effects.send(page)
    assert isinstance(parse, Parse)
    with pytest.raises(SourceFailure):
        effects.throw(SourceFailure("parse-timeout", "slow"))


@kinds
@pytest.mark.parametrize(
    "cursor", [{"version": -1}, {"entries": 5}, {"etag": 7, "ttl": "x", "url": URL, "version": 1}, {"x": "y"}]
)
def test_a_cursor_of_another_making_does_not_stop_it(kind: Kind, cursor: dict[str, object]) -> None:
    assert Site(kind.good[0]).poll(kind.make(), cursor).documents
