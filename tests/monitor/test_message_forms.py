"""The text, HTML and JSON forms of a message: the same facts, and nothing of a document's own markup."""

from __future__ import annotations

import json
import re
from datetime import UTC
from html.parser import HTMLParser

import pytest
from deliveries import ALERT, AT, ENTRY, NOTICE, delivery
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.message import as_body, as_html, as_payload, as_text
from rules.model import Delivery, Message, Passage, Reason

TAGS = {
    "html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "span", "bdi", "h1", "h2", "p",
    "blockquote", "mark", "a", "code", "br",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "dir", "charset", "name", "content", "style", "class", "role", "width", "align", "valign", "cellpadding",
    "cellspacing", "border", "href", "rel",
}  # fmt: skip
HOSTILE = (
    '</title></style><script>alert(1)</script><img src="http://x.test/p.gif" onerror=x><a href="javascript:x">y</a>'
)


class Page(HTMLParser):
    """Collects what a mail program would see: tags, attributes, addresses and words."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.marked: list[str] = []
        self.words = ""
        self._inside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in ("meta", "br"):
            self._inside.append(tag)
        if tag == "mark":
            self.marked.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] in ("style", "title"):
            return
        self.words += data
        if "mark" in self._inside:
            self.marked[-1] += data


def squeezed(text: str) -> str:
    """Without what a form adds: blanks, the signs of quoting and of marking."""
    return re.sub(r"[\s>*]+", "", text)


@pytest.mark.parametrize(
    "fact",
    [
        "high", "Docket entry", "U.S. District Court, District of Columbia", "Motion for Order", ALERT.title, ENTRY,
        "Tue 5 Mar 2024, 20:58:41 UTC", "Tue 5 Mar 2024, 21:04:11 UTC", "SEC motion against a tracked exchange",
        "sec-motion", 'entity:us-sec AND motion* NOT "pro hac vice"', "motion*", "entity:us-sec",
        "ecf.dcd.uscourts.gov", delivery().key, "tipstaff alerts show",
    ],
)  # fmt: skip
def test_text_and_html_tell_the_same_facts(fact: str) -> None:
    assert squeezed(fact) in squeezed(as_text(delivery()))
    assert squeezed(fact) in squeezed(Page(as_html(delivery())).words)


def test_the_words_that_fired_are_marked_in_both_forms() -> None:
    page = Page(as_html(delivery()))
    assert page.marked == [
        "SECURITIES AND EXCHANGE COMMISSION",
        "Motion",
        "MOTION",
        "SECURITIES AND EXCHANGE COMMISSION",
    ]
    assert "[*Motion* for Order] *MOTION* for Order" in as_text(delivery())


def test_the_link_is_offered_once_and_leads_to_the_document() -> None:
    assert Page(as_html(delivery())).links == [ALERT.url]
    assert str(ALERT.url) in as_text(delivery())


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://x.example\\@evil.test/", "file:///etc/passwd"])
def test_an_address_that_is_no_web_address_is_not_shown(url: str) -> None:
    sent = delivery(url=url)
    assert Page(as_html(sent)).links == []
    assert url not in as_html(sent) + as_text(sent)
    assert "not a plain web address" in as_text(sent)
    assert as_payload(sent)["data"]["url"] is None


def test_nothing_is_fetched_when_the_mail_is_opened() -> None:
    page = as_html(delivery())
    for loading in ("src=", "url(", "@import", "<link", "<img", "<script", "<iframe", "background="):
        assert loading not in page


def test_a_notice_is_told_with_its_commands() -> None:
    page, text = Page(as_html(delivery(NOTICE))), as_text(delivery(NOTICE))
    for told in (page.words, text):
        assert "<Undeclared Automated Tool>" in told
        assert "tipstaff sources test sec" in told
        assert "About tipstaff itself" in told
        assert "Why you get this" not in told
    assert "code" in page.tags


def test_an_update_is_called_one() -> None:
    sent = delivery(type="alert.updated")
    assert "Updated" in Page(as_html(sent)).words
    assert as_text(sent).startswith("Updated: Motion for Order")


def test_a_document_cannot_speak_in_tipstaffs_own_lines() -> None:
    forged = "\n\nWhy you get this\n- Nothing to see (rule none, low)\n-- \nSent by tipstaff, delivery 0"
    text = as_text(delivery(kind="news", passages=(Passage(field="body", text=forged),)))
    assert [line for line in text.split("\n") if line.startswith("Sent by")] == [
        f"Sent by tipstaff, delivery {delivery().key}"
    ]


@given(st.text(alphabet=st.characters(), max_size=80) | st.just(HOSTILE))
def test_no_text_from_outside_becomes_markup(text: str) -> None:
    mark = ((0, len(text)),)
    sent = delivery(
        title=text,
        body=text,
        url=f"http://x.example/{text}",
        source_title=text,
        reasons=(Reason(rule=text, title=text, severity="low", when=text, clauses=(text,)),),
        passages=(Passage(field="body", text=text, marks=mark), Passage(field="title", text=text, marks=mark)),
    )
    page = Page(as_html(sent))
    assert page.tags <= TAGS and page.attributes <= ATTRIBUTES
    assert all(link.startswith("http://x.example/") for link in page.links)
    as_text(sent).encode("utf-8")


PAYLOAD = {"type", "timestamp", "data"}
DATA = {
    "delivery", "channel", "thread", "alerts", "severity", "title", "act", "body", "url", "document", "rules",
    "passages", "cut",
}  # fmt: skip


def test_the_payload_has_exactly_the_promised_fields() -> None:
    told = as_payload(delivery())
    assert told.keys() == PAYLOAD
    assert told["data"].keys() == DATA
    assert told["data"]["document"] == {
        "key": ALERT.document,
        "kind": "docket-entry",
        "source": "dcd",
        "source_title": "U.S. District Court, District of Columbia",
        "published": "2024-03-05T20:58:41Z",
        "first_seen": "2024-03-05T21:04:11Z",
    }
    assert told["data"]["rules"] == [
        {
            "id": "sec-motion",
            "title": "SEC motion against a tracked exchange",
            "severity": "high",
            "when": 'entity:us-sec AND motion* NOT "pro hac vice"',
            "clauses": ["motion*", "entity:us-sec"],
            "version": "0123456789ab",
        }
    ]
    assert told["data"]["passages"][1] == {"field": "body", "text": ENTRY, "marks": [[1, 7], [19, 25], [49, 83]]}
    assert (told["type"], told["timestamp"]) == ("alert.created", "2024-03-05T21:04:11Z")
    assert told["data"]["cut"] is False


def test_a_notice_has_no_document_and_its_text() -> None:
    told = as_payload(delivery(NOTICE))["data"]
    assert told["document"] is None and told["rules"] == [] and told["body"] == NOTICE.body


texts = st.text(alphabet=st.characters(), max_size=50).flatmap(lambda t: st.integers(0, 100).map(lambda n: t * n))
reasons = st.builds(
    Reason,
    rule=st.just("rule"),
    title=texts,
    severity=st.just("low"),
    when=texts,
    clauses=st.lists(texts, max_size=5).map(lambda found: tuple(found) * 20),
)
passages = st.builds(
    Passage,
    field=st.just("body"),
    text=texts,
    marks=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)).map(sorted).map(tuple), max_size=5).map(tuple),
)
messages = st.builds(
    Message,
    type=st.just("alert.created"),
    thread=st.just("t"),
    at=st.just(AT),
    title=texts,
    body=texts,
    document=st.just("d"),
    source_title=texts,
    reasons=st.lists(reasons, max_size=4).map(lambda found: tuple(found) * 10),
    passages=st.lists(passages, max_size=4).map(lambda found: tuple(found) * 10),
)


@settings(deadline=None, max_examples=40)
@given(messages)
def test_a_body_of_any_message_is_json_that_every_receiver_can_take(message: Message) -> None:
    sent = Delivery(key="k", channel="c", message=message, not_before=AT)
    body = as_body(sent)
    assert len(body) < 64 * 1024
    assert body == as_body(sent)
    told = json.loads(body, parse_constant=None)["data"]
    json.dumps(told, ensure_ascii=False).encode("utf-8")
    assert b"\\u0000" not in body
    for passage in told["passages"]:
        assert all(0 <= start < end <= len(passage["text"]) for start, end in passage["marks"])
    if len(body) > 20_000:
        assert told["cut"]


def test_a_long_message_is_cut_to_the_recommended_size_and_says_so() -> None:
    long = tuple(Passage(field="body", text="Ж" * 50_000, marks=((10, 20), (40_000, 40_010))) for _ in range(5))
    body = as_body(delivery(passages=long))
    told = json.loads(body)["data"]
    assert len(body) <= 20_000 and told["cut"]
    assert told["passages"][0]["text"].endswith("…")
    assert told["passages"][0]["marks"] == [[10, 20]]


def test_times_of_other_zones_are_told_in_utc() -> None:
    assert AT.tzinfo is UTC
    assert as_payload(delivery(published=None))["data"]["document"]["published"] is None
