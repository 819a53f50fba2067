"""Cutting raw feeds at their entries: what is cut, what is left whole, and that feedparser cannot tell."""

from __future__ import annotations

import codecs
import random

import pytest
from feeds import URL, atom, court_item, filing, item, rss
from hypothesis import given
from hypothesis import strategies as st

from monitor.parsing.reading import read_feed
from monitor.sources.splitting import is_cut, split_feed

RDF = (
    b'<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    b'xmlns="http://purl.org/rss/1.0/"><channel rdf:about="https://a.example/"><title>t</title><items><rdf:Seq>'
    b'<rdf:li resource="https://a.example/1"/></rdf:Seq></items></channel>\n'
    b'<item rdf:about="https://a.example/1"><title>one</title><link>https://a.example/1</link></item>\n'
    b'<item rdf:about="https://a.example/2"><title>two</title><link>https://a.example/2</link></item>\n'
    b"<textinput><title>Search</title></textinput></rdf:RDF>"
)
SOUND = {
    "RSS": rss(item(1), item(2), item(3)),
    "RSS with channel elements after the items": rss(item(1), item(2), tail="<image><url>x</url></image>"),
    "Atom": atom(filing(1, "A", "Filer"), filing(2, "B (C) - D", "Issuer")),
    "RDF": RDF,
    "court feed": rss(court_item(1, "Motion for Order"), court_item(2, "Order on Motion")),
    "comments outside the entries": rss(item(1), item(2), head="<!-- made by hand -->", tail="<!-- the end -->"),
    "CDATA in the entries": rss(item(1, text="<![CDATA[<b>bold</b> & <p>]]>"), item(2)),
    "a document type": rss(item(1), item(2)).replace(b"<rss", b'<!DOCTYPE rss SYSTEM "rss.dtd">\n<rss', 1),
    "one ill-formed entry": rss(item(1, text="a & b <br>"), item(2)),
    "xml:base and xml:lang": rss(item(1), item(2)).replace(
        b"<channel>", b'<channel xml:base="https://base.example/" xml:lang="fr">'
    ),
}
ODD = {
    "entry tags in CDATA": rss(item(1, text="<![CDATA[</item>]]>"), item(2)),
    "entry tags in a comment": rss(item(1), item(2), head="<!-- <item></item> -->"),
    "a comment among the entries": rss(item(1), "<!-- x -->", item(2)),
    "a comment in an entry": rss(item(1, more="<!-- x -->"), item(2)),
    "a channel element among the entries": rss(item(1), "<ttl>5</ttl>", item(2)),
    "capital letters": rss(item(1), item(2).replace("<item>", "<ITEM>").replace("</item>", "</ITEM>")),
    "prefixed entries": rss(item(1), "<x:item>a</x:item>"),
    "a prefixed tag in an entry": rss(item(1, more="<media:item/>"), item(2)),
    "an entry in an entry": rss(item(1, more="<item></item>"), item(2)),
    "items and entries": rss(item(1), "<entry></entry>"),
    "an empty tag": rss(item(1), "<item/>"),
    "an entry that is not closed": rss(item(1), "<item><title>open</title>"),
    "text among the entries": rss(item(1), "words", item(2)),
    "no entries": rss(),
    "UTF-16": codecs.BOM_UTF16_LE + rss(item(1)).decode().encode("utf-16-le"),
    "UTF-16 without a mark": rss(item(1)).decode().encode("utf-16-be"),
    "ISO-2022-JP": rss(item(1)).decode().replace("News", "\u65b0\u805e").encode("iso-2022-jp"),
    "junk before the root": b"<br/>Warning" + rss(item(1)),
    "not XML": b'{"items": []}',
    "nothing": b"",
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_feed_is_cut_and_put_together_again_byte_by_byte(name: str) -> None:
    split = split_feed(SOUND[name])
    assert split is not None
    assert not split.cut
    together = split.only(range(len(split.entries)))
    assert together.translate(None, b" \n") == SOUND[name].translate(None, b" \n")


@pytest.mark.parametrize("name", SOUND)
def test_every_entry_alone_reads_as_it_does_in_the_whole(name: str) -> None:
    split = split_feed(SOUND[name])
    assert split is not None
    whole = read_feed(SOUND[name], "", URL)
    assert len(whole.entries) == len(split.entries)
    for index, expected in enumerate(whole.entries):
        assert read_feed(split.only([index]), "", URL).entries == (expected,)


@pytest.mark.parametrize("name", ODD)
def test_an_unusual_feed_is_left_whole(name: str) -> None:
    assert split_feed(ODD[name]) is None


def test_an_entry_left_open_at_the_end_is_never_taken_for_the_epilogue() -> None:
    assert split_feed(rss(item(1), item(2), tail="<item><title>open</title>")) is None


def test_the_print_of_an_entry_depends_on_its_bytes_and_on_how_they_are_to_be_read() -> None:
    first, again = split_feed(rss(item(1), item(2))), split_feed(rss(item(2), item(3), head="<title>Other</title>"))
    assert first is not None
    assert again is not None
    assert first.prints()[1] == again.prints()[0]
    assert first.prints()[0] != again.prints()[1]
    other = split_feed(rss(item(1)).replace(b"utf-8", b"iso-8859-1"))
    assert other is not None
    assert other.prints()[0] != first.prints()[0]


def test_slices_keep_the_order_and_stay_within_count_and_size() -> None:
    split = split_feed(rss(*(item(n, text="x" * 1000 * (n % 3)) for n in range(30))))
    assert split is not None
    slices = list(split.slices(range(30), count=7, size=6000))
    assert [i for group in slices for i in group] == list(range(30))
    assert max(len(group) for group in slices) <= 7
    assert all(sum(len(split.entries[i]) for i in group) <= 6000 for group in slices if len(group) > 1)


@pytest.mark.parametrize("feed", [SOUND["RSS"], SOUND["Atom"], RDF], ids=["RSS", "Atom", "RDF"])
def test_wherever_a_feed_is_cut_only_whole_entries_remain(feed: bytes) -> None:
    whole = split_feed(feed)
    assert whole is not None
    for end in range(len(feed)):
        split = split_feed(feed[:end])
        if split is None:
            continue
        assert split.entries == whole.entries[: len(split.entries)]
        assert split.cut or b"</channel>" in split.epilogue or split.epilogue.strip().endswith(b">")
        parsed = read_feed(split.only(range(len(split.entries))), "", URL)
        assert len(parsed.entries) == len(split.entries)
        assert parsed.problem is None or not split.cut


def test_a_feed_is_cut_where_its_root_does_not_end() -> None:
    assert not is_cut(SOUND["RSS"])
    assert not is_cut(SOUND["RSS"] + b"\n<!-- served in 3 ms -->\n")
    assert not is_cut(SOUND["RSS"].removesuffix(b"</rss>"))
    assert is_cut(SOUND["RSS"].removesuffix(b"</channel></rss>"))
    assert not is_cut(ODD["UTF-16"])
    assert not is_cut(ODD["UTF-16 without a mark"])
    assert is_cut(ODD["UTF-16"][:-40])
    assert not is_cut(b"<html>")


ENTRY_TAGS = ["<item>", "</item>", "<entry>", "</entry>", "<item/>", "<ITEM>", "<a:item>", "<items>", "</items>"]
SECTIONS = ["<!--", "-->", "<![CDATA[", "]]>", "<?pi?>", "</channel></rss>", "\x00", "\x1b", "x"]
PIECES = st.sampled_from([*ENTRY_TAGS, *SECTIONS, " ", "<title>a</title>", item(1), item(2)])


@given(st.lists(PIECES, max_size=12), st.booleans())
def test_in_any_mixture_of_tags_what_is_cut_reads_as_the_whole(pieces: list[str], ended: bool) -> None:
    body = b'<rss version="2.0"><channel>' + "".join(pieces).encode() + (b"</channel></rss>" if ended else b"")
    split = split_feed(body)
    if split is None or split.cut:
        return
    whole = read_feed(body, "", URL)
    parts = read_feed(split.only(range(len(split.entries))), "", URL)
    # where the counts differ the source parses the whole; where they agree the entries must be the same
    if len(parts.entries) == len(split.entries):
        assert parts.entries == whole.entries


def test_cutting_is_linear_in_the_length() -> None:
    import time  # noqa: PLC0415

    chance = random.Random(7)
    bodies = [rss(*(item(n) for n in range(20_000)))]
    for filler in (
        b"<!--",
        b"<![CDATA[",
        b"<item>",
        b"<item",
        b"</item>",
        b"<",
        b"<item><![CDATA[]]>",
        b"<!--<item>-->",
    ):
        bodies.append(b"<rss><channel>" + filler * (1_000_000 // len(filler)))
        bodies.append(
            b"<rss><channel>" + item(1).encode() + filler * chance.randint(50_000, 60_000) + b"</channel></rss>"
        )
    began = time.monotonic()
    for body in bodies:
        split_feed(body)
        is_cut(body)
    assert time.monotonic() - began < 10
