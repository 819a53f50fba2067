"""Feeds in the shapes that courts, agencies and newsrooms publish, made up; and the driver of a source's poll."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.parsing.reading import read_feed
from monitor.sources import Page, Parse, ParsedFeed, Poll, Request, Source

URL = "https://news.example/feeds/all.xml"
AT = datetime(2024, 3, 5, 21, 0, tzinfo=UTC)


def rss(*entries: str, head: str = "<title>News</title><link>https://news.example/</link>", tail: str = "") -> bytes:
    """Write an RSS 2.0 feed."""
    inner = "\n".join(entries)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel>{head}\n{inner}\n{tail}</channel></rss>"
    ).encode()


def item(number: int, *, title: str | None = None, text: str = "", more: str = "") -> str:
    """Write an RSS item."""
    return (
        f"<item><title>{title or f'Item {number}'}</title><link>https://news.example/{number}</link>"
        f'<guid isPermaLink="false">id-{number}</guid><pubDate>Tue, 05 Mar 2024 {number % 24:02}:00:00 GMT</pubDate>'
        f"<description>{text or f'Text {number}'}</description>{more}</item>"
    )


def atom(*entries: str) -> bytes:
    """Write an Atom 1.0 feed."""
    return (
        '<?xml version="1.0" encoding="ISO-8859-1" ?><feed xmlns="http://www.w3.org/2005/Atom"><title>Filings</title>'
        "<updated>2024-03-05T16:00:00-05:00</updated>" + "".join(entries) + "</feed>"
    ).encode("iso-8859-1")


def filing(number: int, name: str, role: str) -> str:
    """Write an entry as a filings index does: one id for each of a filing's parties."""
    return (
        f"<entry><title>4 - {name} ({number:010}) ({role})</title>"
        f'<link rel="alternate" type="text/html" href="https://filings.example/data/{number}/index.htm"/>'
        '<summary type="html"> &lt;b&gt;Filed:&lt;/b&gt; 2024-03-05 &lt;br&gt;Item 8.01: Other Events</summary>'
        '<updated>2024-03-05T16:01:02-05:00</updated><category label="form type" term="4"/>'
        "<id>urn:tag:filings.example,2008:accession-number=0001</id></entry>"
    )


COURT_ITEM = (
    "<item><title>1:23-cv-01599 SECURITIES AND EXCHANGE COMMISSION v. BINANCE HOLDINGS LIMITED et al      </title>"
    "<pubDate>Tue, 05 Mar 2024 20:49:00 GMT</pubDate>"
    '<guid isPermaLink="true">https://ecf.court.example/cgi-bin/DktRpt.pl?256060&amp;{seq}</guid>'
    '<description>[{event}] (&lt;a href="https://ecf.court.example/doc1/045110{seq}?caseid=256060&amp;amp;'
    'de_seq_num={seq}" &gt;{seq}&lt;/a&gt;)</description>'
    "<link>https://ecf.court.example/cgi-bin/DktRpt.pl?256060</link></item>"
)


def court_item(seq: int, event: str) -> str:
    """Write a docket entry as court feeds do: padded title, bracketed event, linked number."""
    return COURT_ITEM.format(seq=seq, event=event)


class Site:
    """What a source meets: a page to give and a parser to use; keeps what was asked of it."""

    def __init__(self, body: bytes = b"", *, fields: Mapping[str, str] | None = None, status: int = 200) -> None:
        self.body = body
        self.fields = dict(fields or {})
        self.status = status
        self.requests: list[Request] = []
        self.parses: list[Parse] = []
        self.read: Callable[[Parse], ParsedFeed] = lambda p: read_feed(p.body, p.content_type, p.url)

    def poll(self, source: Source, cursor: Mapping[str, Any] | None = None) -> Poll:
        """Run one poll to its end."""
        self.requests, self.parses = [], []
        effects = source.poll(cursor or {})
        answer: Any = None
        try:
            while True:
                effect = effects.send(answer)
                if isinstance(effect, Request):
                    self.requests.append(effect)
                    answer = Page(url=effect.url, status=self.status, headers=self.fields, body=self.body, at=AT)
                else:
                    self.parses.append(effect)
                    answer = self.read(effect)
        except StopIteration as end:
            poll: Poll = end.value
            return poll

    def entries_parsed(self) -> int:
        """Count the raw entries that were given to the parser."""
        return sum(p.body.count(b"<item>") + p.body.count(b"<entry>") for p in self.parses)


def titles(poll: Poll) -> Sequence[str]:
    """Return the documents' titles in order."""
    return [document.title for document in poll.documents]
