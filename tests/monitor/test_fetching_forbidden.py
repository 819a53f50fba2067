"""No way in leads to a forbidden address: canaries on loopback that must never be reached."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from loopback import Origin, http, moved, origin

from monitor.fetching.client import Fetcher, Limits
from monitor.fetching.guard import AddressPolicy
from monitor.sources import Request, SourceFailure

FORMS = [
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}",
    "HTTP://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http://127.0.0.2:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0x0.0x0.0x1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://0.0.0.0:{port}/",
    "http://0:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://inside.example:{port}/",
    "http://mapped.example:{port}/",
    "http://mixed.example:{port}/",
    "http://nat64.example:{port}/",
    "http://zero.example:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://news.example@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@news.example/",
    "http://127.0.0.1:{port}#@news.example/",
    "http://127\u30020\u30020\u30021:{port}/",
    "http://\u2460\u2461\u2466.0.0.1:{port}/",
    "http:/\\127.0.0.1:{port}/",
    "\\\\127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\t",
    "http://127%2e0%2e0%2e1:{port}/",
]
NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "inside.example": ["127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "mixed.example": ["8.8.8.8", "127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "zero.example": ["0.0.0.0"],
}


def lookup(host: str) -> list[tuple[int, str]]:
    """Know the names above; read odd numbers as the C library does."""
    addresses = NAMES.get(host)
    if addresses is None:
        try:
            addresses = [socket.inet_ntoa(socket.inet_aton(host))]
        except OSError:
            raise socket.gaierror(socket.EAI_NONAME, "unknown") from None
    return [(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in addresses]


@asynccontextmanager
async def scene() -> AsyncIterator[tuple[Fetcher, Origin, list[Origin]]]:
    """An origin that is allowed, and canaries beside it that are not, on IPv4 and IPv6."""
    async with origin() as allowed, origin({"/": http(b"canary")}) as canary:
        fetcher = Fetcher(
            AddressPolicy([f"127.0.0.1/32:{allowed.port}"]), limits=Limits(connect=1, read=1, total=2), lookup=lookup
        )
        try:
            yield fetcher, allowed, [canary]
        finally:
            await fetcher.aclose()


async def asked_directly(fetcher: Fetcher, _: Origin, target: str) -> None:
    await fetcher.fetch(Request(url=target))


async def asked_by_redirect(fetcher: Fetcher, allowed: Origin, target: str) -> None:
    allowed.answers = {"/": raw_redirect(target)}
    await fetcher.fetch(Request(url=allowed.url + "/"))


async def asked_by_the_second_redirect(fetcher: Fetcher, allowed: Origin, target: str) -> None:
    allowed.answers = {"/": moved("/second", 301), "/second": raw_redirect(target)}
    await fetcher.fetch(Request(url=allowed.url + "/"))


async def posted_to(fetcher: Fetcher, _: Origin, target: str) -> None:
    await fetcher.post(target, b"{}", {}, total=2)


def raw_redirect(target: str) -> bytes:
    return b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + target.encode() + b"\r\n\r\n"


Way = Callable[[Fetcher, Origin, str], Awaitable[None]]
WAYS: list[Way] = [asked_directly, asked_by_redirect, asked_by_the_second_redirect, posted_to]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_no_way_in_reaches_a_canary(way: Way) -> None:
    refusals = []
    async with scene() as (fetcher, allowed, canaries):
        for form in FORMS:
            target = form.format(port=canaries[0].port)
            with pytest.raises(SourceFailure) as told:
                await way(fetcher, allowed, target)
            refusals.append((form, told.value.kind))
            assert told.value.kind in {"blocked-address", "bad-url"}, (form, told.value)
        assert [c.connections for c in canaries] == [0]
    assert {kind for _, kind in refusals} == {"blocked-address", "bad-url"}


async def test_a_post_whose_answer_redirects_reaches_no_canary() -> None:
    async with scene() as (fetcher, allowed, canaries):
        allowed.answers = {"/hook": moved(f"http://127.0.0.1:{canaries[0].port}/", 307)}
        assert (await fetcher.post(allowed.url + "/hook", b"{}", {}, total=2)).status == 307
        assert canaries[0].connections == 0


async def test_the_canary_would_be_reached_if_it_were_allowed() -> None:
    async with scene() as (_, _, canaries):
        fetcher = Fetcher(AddressPolicy([f"127.0.0.1/32:{canaries[0].port}"]), lookup=lookup)
        for form in ("http://127.0.0.1:{port}/", "http://inside.example:{port}/"):
            page = await fetcher.fetch(Request(url=form.format(port=canaries[0].port)))
            assert page.body == b"canary"
        await fetcher.aclose()


async def test_a_name_that_changes_its_mind_a_thousand_times_never_leads_inside() -> None:
    flips = itertools.cycle([["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1"]])

    def flipping(_: str) -> list[tuple[int, str]]:
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in next(flips)]

    async with origin({"/": http(b"canary")}) as canary:
        fetcher = Fetcher(limits=Limits(connect=1, read=1, total=2, concurrent=100), lookup=flipping)

        async def ask(number: int) -> str:
            with pytest.raises(SourceFailure) as told:
                await fetcher.fetch(Request(url=f"http://flip{number % 40}.example:{canary.port}/"))
            return told.value.kind

        kinds: set[str] = set()
        for start in range(0, 1000, 40):
            kinds |= set(await asyncio.gather(*(ask(n) for n in range(start, start + 40))))
        assert (kinds, canary.connections) == ({"blocked-address"}, 0)
        await fetcher.aclose()


async def test_a_literal_that_slips_past_the_first_check_is_stopped_at_the_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as (fetcher, _, canaries):
        monkeypatch.setattr("monitor.fetching.client.literal", lambda _: None)
        with pytest.raises(SourceFailure) as told:
            await fetcher.fetch(Request(url=f"http://127.0.0.1:{canaries[0].port}/"))
        assert (told.value.kind, canaries[0].connections) == ("blocked-address", 0)


async def test_a_refusal_says_how_to_allow_the_address() -> None:
    with pytest.raises(SourceFailure) as told:
        await Fetcher().fetch(Request(url="http://10.1.2.3/feed"))
    assert "10.1.2.3" in told.value.reason
    assert "ADDRESS/PREFIX:PORT" in told.value.advice
