"""The local web origin, asked by a plain client."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import aiohttp
import pytest

from monitor.demo.origin import Asked, Origin
from monitor.demo.replies import Reply

FEED = b"<rss><channel><title>x</title></channel></rss>"


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as opened:
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def ask(client: aiohttp.ClientSession, url: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.get(url, headers={"Accept-Encoding": "identity", **sent}) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_a_published_body_is_served_with_validators(origin: Origin, client: aiohttp.ClientSession) -> None:
    origin.publish("/feed?a=b", FEED, modified=datetime(2024, 3, 5, 21, tzinfo=UTC))
    status, headers, body = await ask(client, origin.url("/feed?a=b"))
    assert (status, body) == (200, FEED)
    assert headers["Last-Modified"] == "Tue, 05 Mar 2024 21:00:00 GMT" and headers["ETag"].startswith('"')
    assert headers["Content-Type"].startswith("application/rss+xml")


async def test_what_has_not_changed_is_304_and_what_has_is_not(origin: Origin, client: aiohttp.ClientSession) -> None:
    origin.publish("/feed", FEED, modified=datetime(2024, 3, 5, 21, tzinfo=UTC))
    _, headers, _ = await ask(client, origin.url("/feed"))
    known, since = headers["ETag"], headers["Last-Modified"]
    assert (await ask(client, origin.url("/feed"), If_None_Match=known))[::2] == (304, b"")
    assert (await ask(client, origin.url("/feed"), If_Modified_Since=since))[0] == 304
    assert (await ask(client, origin.url("/feed"), If_None_Match='"x"', If_Modified_Since=since))[0] == 200
    origin.publish("/feed", FEED + b" ")
    assert (await ask(client, origin.url("/feed"), If_None_Match=known))[0] == 200
    assert origin.count("/feed") == 5 and origin.count("/feed", 304) == 2


async def test_gzip_is_given_to_who_takes_it(origin: Origin, client: aiohttp.ClientSession) -> None:
    origin.publish("/feed", FEED)
    _, headers, body = await ask(client, origin.url("/feed"), Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip" and gzip.decompress(body) == FEED


async def test_other_answers_come_as_often_as_told(origin: Origin, client: aiohttp.ClientSession) -> None:
    origin.publish("/feed", FEED)
    origin.instead("/feed", Reply(status=503, headers={"Retry-After": "9"}), times=2)
    assert [(await ask(client, origin.url("/feed")))[0] for _ in range(3)] == [503, 503, 200]
    origin.instead("/feed", Reply(drop=True))
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(client, origin.url("/feed"))
    origin.normally("/feed")
    assert (await ask(client, origin.url("/feed")))[0] == 200


async def test_what_is_not_there_is_404(origin: Origin, client: aiohttp.ClientSession) -> None:
    origin.publish("/feed", FEED)
    origin.withdraw("/feed")
    assert (await ask(client, origin.url("/feed")))[0] == 404


async def test_each_request_is_told_with_its_headers(client: aiohttp.ClientSession) -> None:
    asked: list[Asked] = []
    async with Origin(on_request=asked.append) as origin:
        await ask(client, origin.url("/x"), User_Agent="tipstaff/1")
    assert asked[0].path == "/x" and asked[0].headers["user-agent"] == "tipstaff/1"
    assert origin.requests == asked


def test_an_origin_that_is_not_open_has_no_address() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        Origin().url("/")
