"""Fetching from origins that are broken or want to do harm: cut, endless, slow, swollen and malformed answers."""

from __future__ import annotations

import asyncio
import gzip
import os
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import Origin, http, moved, origin

from monitor.fetching.client import Fetcher, Limits
from monitor.fetching.guard import AddressPolicy
from monitor.sources import Request, SourceFailure

SMALL = Limits(connect=2, read=1.0, total=2.0, wire=200_000, decoded=400_000, headers=20_000)
FEED = b"<rss version='2.0'><channel><title>t</title></channel></rss>"
HEAD = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def fetching(*origins: Origin, limits: Limits = SMALL) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(AddressPolicy([f"127.0.0.1/32:{o.port}" for o in origins]), limits=limits)
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(b"\0" * 1_000_000) for _ in range(size // 1_000_000)]) + packer.flush()


PACKED = gzip.compress(os.urandom(2000))
GZIP = {"Content-Encoding": "gzip"}

CASES: dict[str, tuple[bytes, str]] = {
    "cut by length": (HEAD + b"Content-Length: 5000\r\nConnection: close\r\n\r\n" + FEED, "truncated"),
    "cut in a chunk": (HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n100\r\n" + FEED, "truncated"),
    "cut between chunks": (
        HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n",
        "truncated",
    ),
    "cut in gzip": (http(PACKED[:1500], fields=GZIP), "truncated"),
    "cut in gzip's last bytes": (http(PACKED[:-4], fields=GZIP), "truncated"),
    "cut in the second gzip member": (http(PACKED + PACKED[:1000], fields=GZIP), "truncated"),
    "no gzip at all": (http(FEED, fields=GZIP), "encoding"),
    "broken gzip": (http(PACKED[:500] + b"\xff" * 500 + PACKED[1000:], fields=GZIP), "encoding"),
    "brotli": (http(FEED, fields={"Content-Encoding": "br"}), "encoding"),
    "zstandard": (http(FEED, fields={"Content-Encoding": "zstd"}), "encoding"),
    "deflate": (http(zlib.compress(FEED), fields={"Content-Encoding": "deflate"}), "encoding"),
    "stacked gzip": (http(gzip.compress(PACKED), fields={"Content-Encoding": "gzip, gzip"}), "encoding"),
    "a gzip bomb": (http(bomb(50_000_000), fields=GZIP), "too-large"),
    "a bomb of members": (http(gzip.compress(b"x" * 100_000) * 10, fields=GZIP), "too-large"),
    "too much on the wire": (http(b"x" * 300_000), "too-large"),
    "a header line without end": (HEAD + b"X: " + b"y" * 50_000 + b"\r\n\r\n", "too-large"),
    "large header lines": (
        HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(60)) + b"Content-Length: 0\r\n\r\n",
        "too-large",
    ),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "protocol"),
    "two lengths": (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "protocol"),
    "a negative length": (HEAD + b"Content-Length: -5\r\n\r\nabcdef", "protocol"),
    "an odd chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", "protocol"),
    "length and chunks": (
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "protocol",
    ),
    "a line feed in a field": (HEAD + b"Content-Length: 0\r\nX: a\x00b\r\n\r\n", "protocol"),
    "nothing": (b"", "reset"),
    "half a status line": (b"HTTP/1.", "reset"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_broken_answer_has_a_name_and_is_no_page(case: str) -> None:
    answer, kind = CASES[case]

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with origin({"/": say}) as o, fetching(o) as f:
        with pytest.raises(SourceFailure) as told:
            await f.fetch(Request(url=o.url + "/"))
        assert told.value.kind == kind, told.value


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _drip_head(writer: asyncio.StreamWriter) -> None:
    for byte in HEAD * 1000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def _hang(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(20)


async def _hang_in_body(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 100000\r\n\r\nabc")
    await asyncio.sleep(20)


async def _informational(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 20)
        await writer.drain()
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("say", [_drip, _drip_head, _hang, _hang_in_body, _informational])
async def test_a_slow_origin_meets_the_deadline(say: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
    async with origin({"/": say}) as o, fetching(o) as f:
        began = asyncio.get_running_loop().time()
        with pytest.raises(SourceFailure) as told:
            await f.fetch(Request(url=o.url + "/"))
        assert told.value.kind in {"timeout", "protocol", "too-large"}, told.value
        assert not told.value.network
        assert asyncio.get_running_loop().time() - began < 3


async def test_an_endless_body_stops_at_the_wire_limit() -> None:
    sent = 0

    async def say(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        while sent < 100_000_000:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with origin({"/": say}) as o, fetching(o) as f:
        with pytest.raises(SourceFailure, match="too-large"):
            await f.fetch(Request(url=o.url + "/"))
    assert sent < 20_000_000


async def test_redirects_share_one_deadline() -> None:
    async def later(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.25)
        writer.write(moved(f"/{os.urandom(4).hex()}"))
        await writer.drain()

    class Any(dict):  # type: ignore[type-arg]
        def get(self, *_: object) -> object:
            return later

    async with origin() as o, fetching(o, limits=replace(SMALL, total=0.6)) as f:
        o.answers = Any()
        with pytest.raises(SourceFailure) as told:
            await f.fetch(Request(url=o.url + "/"))
        assert told.value.kind == "timeout"
        assert len(o.asked) <= 4


async def test_a_name_that_hangs_counts_in_the_deadline_and_may_be_our_own_line() -> None:
    import threading  # noqa: PLC0415

    release = threading.Event()

    def lookup(_: str) -> list[tuple[int, str]]:
        release.wait(20)
        return []

    f = Fetcher(limits=Limits(connect=0.2, read=1, total=2), lookup=lookup)
    try:
        with pytest.raises(SourceFailure) as told:
            await f.fetch(Request(url="http://slow.example/"))
        assert (told.value.kind, told.value.network) == ("timeout", True)
    finally:
        release.set()
        await f.aclose()


async def test_an_error_page_that_is_broken_keeps_its_status() -> None:
    answers = {
        "/cut": HEAD.replace(b"200 OK", b"503 No") + b"Content-Length: 5000\r\nConnection: close\r\n\r\nmaintenance",
        "/bomb": http(bomb(50_000_000), status=500, fields=GZIP),
        "/brotli": http(b"\x0b\x02", status=403, fields={"Content-Encoding": "br"}),
    }
    async with origin(answers) as o, fetching(o) as f:
        for path, kind in (("/cut", "unavailable"), ("/bomb", "http-500"), ("/brotli", "http-403")):
            with pytest.raises(SourceFailure) as told:
                await f.fetch(Request(url=o.url + path))
            assert told.value.kind == kind


async def test_a_bomb_does_not_hold_up_the_event_loop() -> None:
    longest, running = 0.0, True

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while running:
            began = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - began)

    limits = Limits(decoded=100_000_000, total=20, read=10)
    async with origin({"/": http(bomb(150_000_000), fields=GZIP)}) as o, fetching(o, limits=limits) as f:
        watcher = asyncio.ensure_future(watch())
        with pytest.raises(SourceFailure, match="too-large"):
            await f.fetch(Request(url=o.url + "/"))
        running = False
        await watcher
    assert longest < 0.25  # tens of milliseconds here; the bound allows for a busy machine


async def test_failures_leak_no_file_descriptors() -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def late(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.6)

    answers = {"/ok": http(FEED), "/cut": CASES["cut by length"][0], "/late": late, "/big": http(b"x" * 300_000)}
    limits = Limits(connect=5, read=0.3, total=5, wire=200_000)
    async with origin(answers) as o, fetching(o, limits=limits) as f:
        await f.fetch(Request(url=o.url + "/ok"))
        before = count()
        for path in [*(["/ok", "/cut", "/big"] * 20), *(["/late"] * 3)]:
            with pytest.raises(SourceFailure) if path != "/ok" else nullcontext():
                await f.fetch(Request(url=o.url + path))
        for _ in range(100):
            if count() <= before + 4:
                break
            await asyncio.sleep(0.02)
        assert count() <= before + 4
