"""Documents made to hang, crash or mislead the parser; each is answered soon, and others are not kept waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from feeds import URL, item, rss

from monitor.parsing.cleaning import is_known, make_harmless
from monitor.parsing.pool import ParsePool
from monitor.parsing.reading import read_feed
from monitor.sources import Parse

DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
ATTRIBUTES = " ".join(f'a{n}="1"' for n in range(100_000))
GOOD = item(7, title="Good")

BOMBS = {
    "a long author": f"<item><title>a</title><author>{'a' * 60_000}</author></item>",
    "a long author of many parts": f"<item><title>a</title><author>{'a@' * 30_000}</author></item>",
    "a long creator": f"<item {DC}><title>a</title><dc:creator>{'a' * 60_000}</dc:creator></item>",
    "a long author in CDATA": f"<item><title>a</title><author><![CDATA[{'a.' * 30_000}]]></author></item>",
    "a long editor": f"<managingEditor>{'a' * 60_000}</managingEditor>",
    "a long style": f'<item><title>a</title><description>&lt;p style="{"a:b;" * 15_000}"&gt;x</description></item>',
    "open comments": f"<item><title>a</title><description><![CDATA[{'<!--' * 50_000}]]></description></item>",
    "raw open comments": "<!--" * 50_000,
    "attributes": f"<item {ATTRIBUTES}><title>a</title></item>",
    "attributes in an ill-formed feed": f"<item {ATTRIBUTES}><title>a&x</title></item>",
    "open brackets": "<" * 100_000,
    "open tags": "<a " * 50_000,
    "open quotes": '<a b="' * 20_000,
    "ampersands": f"<item><title>{'&' * 100_000}</title></item>",
    "deep elements": "<a>" * 20_000,
    "deep markup": f"<item><title>a</title><description>{'&lt;div&gt;' * 50_000}</description></item>",
    "a surrogate": "<item><title>a&#xD800;b</title></item>",
    "a surrogate in CDATA": "<item><title><![CDATA[a&#xD800;b]]></title></item>",
    "a surrogate, escaped twice": "<item><title>a&amp;#xD800;b</title></item>",
    "a number beyond Unicode": "<item><title>a&#1114112;b</title></item>",
    "a huge number": "<item><title>a&#99999999999;b</title></item>",
    "a number of 5,000 digits": f"<item><title>a&#{'9' * 5000};b</title></item>",
    "a number of 5,000 digits, escaped twice": f"<item><title>a&amp;#{'9' * 5000};b</title></item>",
    "many categories": "<item><title>a</title>" + "<category>c</category>" * 10_000 + "</item>",
    "many namespaces": "".join(f'<a xmlns:n{n}="u{n}"/>' for n in range(10_000)),
    "a long date": f"<item><title>a</title><pubDate>{'1' * 60_000}</pubDate></item>",
    "a date of many parts": f"<item><title>a</title><pubDate>{'2020-' * 20_000}</pubDate></item>",
    "a long link": f"<item><title>a</title><link>{'&a' * 60_000}</link></item>",
    "open instructions": "<?" * 50_000,
}


def typed(subset: bytes, title: str) -> bytes:
    """Write a feed with a document type that declares these."""
    declaration, feed = rss(item(1, title=title), GOOD).split(b"\n", 1)
    return declaration + b"<!DOCTYPE rss [" + subset + b"]>" + feed


DOCUMENTS = {name: rss(bomb, GOOD) for name, bomb in BOMBS.items()} | {
    "nested entities": typed(b'<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">', "&c;"),
    "an external entity": typed(b'<!ENTITY a SYSTEM "file:///etc/passwd">', "&a;"),
    "many entities": b"<!DOCTYPE rss [" + b"<!ENTITY a 'b'>" * 20_000 + b"]>" + rss(GOOD),
    "an endless declaration": b"<?xml " + b"encoding='" * 30_000 + rss(GOOD),
    "a codec that decompresses": rss(GOOD).replace(b"utf-8", b"zlib_codec"),
    "a codec that raises": rss(GOOD).replace(b"utf-8", b"undefined"),
    "a codec for names": rss(GOOD).replace(b"utf-8", b"punycode"),
}


@asynccontextmanager
async def pool(**options: object) -> AsyncIterator[ParsePool]:
    parsing = ParsePool(**options)  # type: ignore[arg-type]
    try:
        yield parsing
    finally:
        await parsing.aclose()


async def test_bombs_are_answered_soon_while_healthy_feeds_go_on() -> None:
    healthy = Parse(body=rss(*(item(n) for n in range(20))), url=URL)
    async with pool() as parsing:
        await parsing.parse(healthy)
        waits: list[float] = []
        bombing = True

        async def live() -> None:
            while bombing:
                began = time.monotonic()
                assert len((await parsing.parse(healthy)).entries) == 20
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.1)

        living = asyncio.ensure_future(live())
        slow = {}
        for name, body in DOCUMENTS.items():
            began = time.monotonic()
            feed = await parsing.parse(Parse(body=body, url=URL, content_type="text/html; charset=undefined"))
            assert feed.version == "rss20", name
            slow[name] = time.monotonic() - began
        bombing = False
        await living
    assert max(slow.values()) < 15, max(slow, key=lambda name: slow[name])
    assert max(waits) < 5


SWALLOWING = {"raw open comments", "open brackets", "open tags", "open quotes", "deep elements", "open instructions"}
"""What follows these in the feed is part of them; that they are answered at all is shown above."""


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - SWALLOWING - {"an endless declaration"}))
def test_a_bomb_in_one_entry_leaves_the_good_one_readable(name: str) -> None:
    feed = read_feed(DOCUMENTS[name], "", URL)
    assert feed.entries[-1].title == "Good"
    assert feed.entries[-1].guid == "id-7"


@pytest.mark.parametrize("body", [b"/etc/passwd", b"/dev/zero", b"file:///etc/passwd", b"http://127.0.0.1:9/", b"."])
async def test_a_body_that_is_a_path_or_an_address_is_never_opened(body: bytes) -> None:
    async with pool() as parsing:
        feed = await parsing.parse(Parse(body=body, url=URL))
    assert (feed.version, feed.entries) == ("", ())
    assert "root:" not in str(feed)


def test_an_external_entity_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    feed = read_feed(typed(f'<!ENTITY a SYSTEM "file://{secret}">'.encode(), "x&a;"), "", URL)
    assert "s3cret" not in str(feed)


def test_known_charsets_pass_and_other_codecs_do_not() -> None:
    for name in (
        "UTF-8",
        "utf_16",
        "ISO-8859-15",
        "windows-1251",
        "KOI8-R",
        "Shift_JIS",
        "GB2312",
        "gbk",
        "big5",
        "euc-kr",
    ):
        assert is_known(name), name
    for name in (
        "undefined",
        "punycode",
        "idna",
        "zlib_codec",
        "base64",
        "rot13",
        "utf-7",
        "mbcs",
        "unicode_escape",
        "",
    ):
        assert not is_known(name), name


def test_a_sound_feed_passes_the_cleaning_byte_by_byte() -> None:
    body = rss(
        item(1, text="&lt;p&gt;a &amp;amp; b&lt;/p&gt; &#8211; &#x2014;"), item(2, text="<![CDATA[<b>x</b>]]>")
    )
    assert make_harmless(body, "application/rss+xml; charset=utf-8") == (body, "application/rss+xml; charset=utf-8")
