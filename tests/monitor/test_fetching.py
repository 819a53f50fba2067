"""Fetching from origins that behave: conditions, redirects, fields, names and secrets; posting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import respx
from clocks import START, HandClock
from loopback import Origin, http, moved, origin, zipped

from monitor import __version__
from monitor.fetching.client import Fetcher, Limits
from monitor.fetching.guard import AddressPolicy
from monitor.sources import Request, SourceFailure

FEED = b"<rss version='2.0'><channel><title>t</title></channel></rss>"
QUICK = Limits(connect=2, read=2, total=3)


@asynccontextmanager
async def fetching(*origins: Origin, **options: object) -> AsyncIterator[Fetcher]:
    policy = AddressPolicy([f"127.0.0.1/32:{o.port}" for o in origins])
    fetcher = Fetcher(policy, **{"limits": QUICK, **options})  # type: ignore[arg-type]
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


async def failure(fetcher: Fetcher, url: str, **options: object) -> SourceFailure:
    with pytest.raises(SourceFailure) as raised:
        await fetcher.fetch(Request(url=url), **options)  # type: ignore[arg-type]
    return raised.value


async def test_a_page_comes_with_its_body_fields_and_time() -> None:
    async with (
        origin({"/feed": http(FEED, fields={"ETag": '"1"', "X-Two": "a"})}) as o,
        fetching(o, clock=HandClock()) as f,
    ):
        page = await f.fetch(Request(url=o.url + "/feed#top"))
        assert (page.status, page.body, page.url, page.moved) == (200, FEED, o.url + "/feed", None)
        assert page.headers["etag"] == '"1"'
        assert page.at == START


async def test_the_request_names_the_program_and_its_contact_and_asks_for_gzip_only() -> None:
    async with origin({"/": http(FEED)}) as o, fetching(o, contact="ops@example.com") as f:
        await f.fetch(Request(url=o.url + "/"))
        asked = o.asked[0].fields
        assert asked["user-agent"] == f"tipstaff/{__version__} (+ops@example.com)"
        assert asked["accept-encoding"] == "gzip"
        assert "cookie" not in asked
        assert "authorization" not in asked


async def test_a_contact_that_cannot_stand_in_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        Fetcher(contact="ops@example.com\r\nX-Other: 1")


async def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with origin({"/": http(FEED)}) as o, fetching(o) as f:
        assert (await f.fetch(Request(url=o.url + "/"))).body == FEED


async def test_validators_are_sent_and_304_is_an_answer() -> None:
    async with origin({"/": http(status=304, fields={"ETag": '"2"'})}) as o, fetching(o) as f:
        page = await f.fetch(Request(url=o.url + "/", headers=(("If-None-Match", '"2"'),)))
        assert (page.status, page.body) == (304, b"")
        assert o.asked[0].fields["if-none-match"] == '"2"'


async def test_304_to_an_unconditional_question_is_a_failure() -> None:
    async with origin({"/": http(status=304)}) as o, fetching(o) as f:
        assert (await failure(f, o.url + "/")).kind == "protocol"


async def test_gzip_is_inflated_also_in_several_members() -> None:
    import gzip  # noqa: PLC0415

    members = gzip.compress(FEED[:20]) + gzip.compress(b"") + gzip.compress(FEED[20:])
    answers = {
        "/one": zipped(FEED),
        "/three": http(members, fields={"Content-Encoding": "x-gzip"}),
        "/padded": http(gzip.compress(FEED) + b"\0" * 512, fields={"Content-Encoding": "gzip"}),
        "/surplus": http(gzip.compress(FEED) + b"<!-- cached -->", fields={"Content-Encoding": "gzip"}),
        "/identity": http(FEED, fields={"Content-Encoding": "identity"}),
    }
    async with origin(answers) as o, fetching(o) as f:
        for path in answers:
            assert (await f.fetch(Request(url=o.url + path))).body == FEED, path


async def test_cookies_are_not_kept() -> None:
    async with origin({"/": http(FEED, fields={"Set-Cookie": "session=1; Path=/"})}) as o, fetching(o) as f:
        for _ in range(2):
            await f.fetch(Request(url=o.url + "/"))
        assert all("cookie" not in asked.fields for asked in o.asked)


async def test_a_connection_serves_the_next_page_of_the_same_turn() -> None:
    async with origin({"/a": http(FEED), "/b": zipped(FEED)}) as o, fetching(o) as f:
        for path in ("/a", "/b", "/a"):
            await f.fetch(Request(url=o.url + path))
        assert o.connections == 1


async def test_an_answer_nobody_asked_for_is_never_taken_for_the_next_page() -> None:
    forged = http(b"<rss>forged</rss>")
    late = asyncio.Event()

    async def say_more(writer: asyncio.StreamWriter) -> None:
        writer.write(http(FEED))
        await writer.drain()
        await late.wait()
        writer.write(forged)
        await writer.drain()
        await asyncio.sleep(5)

    answers = {"/at-once": http(FEED) + forged, "/later": say_more, "/next": http(FEED)}
    async with origin(answers) as o, fetching(o) as f:
        assert (await f.fetch(Request(url=o.url + "/at-once"))).body == FEED
        assert (await f.fetch(Request(url=o.url + "/next"))).body == FEED
        assert (await f.fetch(Request(url=o.url + "/later"))).body == FEED
        late.set()
        await asyncio.sleep(0.05)
        assert (await f.fetch(Request(url=o.url + "/next"))).body == FEED


# --- redirects ---------------------------------------------------------------------------------------------------


async def test_redirects_are_followed_and_a_permanent_move_is_told() -> None:
    answers = {
        "/old": moved("/older", 301),
        "/older": moved("new?x=1", 308),
        "/new": http(FEED),
        "/mixed": moved("/briefly", 301),
        "/briefly": moved("/new", 302),
    }
    async with origin(answers) as o, fetching(o) as f:
        page = await f.fetch(Request(url=o.url + "/old"))
        assert (page.url, page.moved) == (o.url + "/new?x=1", o.url + "/new?x=1")
        page = await f.fetch(Request(url=o.url + "/mixed"))
        assert (page.url, page.moved) == (o.url + "/new", None)


async def test_five_redirects_are_followed_and_a_sixth_is_not() -> None:
    answers = {f"/{n}": moved(f"/{n + 1}") for n in range(10)} | {"/5": http(FEED), "/x0": moved("/x1")}
    answers |= {f"/x{n}": moved(f"/x{n + 1}") for n in range(10)}
    async with origin(answers) as o, fetching(o) as f:
        assert (await f.fetch(Request(url=o.url + "/0"))).body == FEED
        told = await failure(f, o.url + "/x0")
        assert (told.kind, "more than 5" in told.reason) == ("redirect", True)
        assert [a.path for a in o.asked if a.path.startswith("/x")] == [f"/x{n}" for n in range(6)]


async def test_a_circle_of_redirects_and_a_redirect_to_nowhere_are_named() -> None:
    answers = {"/a": moved("/b"), "/b": moved("/a"), "/self": moved("/self"), "/none": http(status=302)}
    async with origin(answers) as o, fetching(o) as f:
        for path in ("/a", "/self", "/none"):
            assert (await failure(f, o.url + path)).kind == "redirect"
        assert len(o.asked) == 4


async def test_secrets_go_to_the_first_origin_only_and_validators_everywhere() -> None:
    async with origin({"/": http(FEED)}) as second, origin() as first, fetching(first, second) as f:
        first.answers = {"/": moved("/again"), "/again": moved(second.url + "/")}
        secrets = {"Authorization": "Token s3cret", "X-Api-Key": "s3cret", "Cookie": "s3cret=1"}
        request = Request(url=first.url + "/", headers=(("If-None-Match", '"1"'), ("X-Other", "o")))
        await f.fetch(request, headers=secrets)
        assert all(a.fields["x-api-key"] == "s3cret" and a.fields["x-other"] == "o" for a in first.asked)
        there = second.asked[0].fields
        assert there["if-none-match"] == '"1"'
        assert not {"authorization", "x-api-key", "cookie", "x-other"} & there.keys()
        assert "s3cret" not in str(there)


async def test_from_https_to_http_is_not_followed() -> None:
    router = respx.Router(assert_all_called=False)
    router.get("https://news.example/feed").respond(302, headers={"Location": "http://news.example/feed"})
    plain = router.get("http://news.example/feed").respond(200, content=FEED)
    f = Fetcher(transport=lambda *_: httpx.MockTransport(router.async_handler))
    told = await failure(f, "https://news.example/feed")
    assert (told.kind, "not encrypted" in told.reason, plain.called) == ("redirect", True, False)


# --- statuses and waiting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, "http-204"),
        (206, "http-206"),
        (300, "http-300"),
        (400, "http-400"),
        (401, "http-401"),
        (403, "http-403"),
        (404, "http-404"),
        (410, "gone"),
        (429, "rate-limited"),
        (500, "http-500"),
        (503, "unavailable"),
    ],
)
async def test_every_other_status_is_a_failure_with_its_name(status: int, kind: str) -> None:
    body = b"" if status == 204 else b"<html><title>Oh no</title>"
    async with origin({"/": http(body, status=status)}) as o, fetching(o) as f:
        told = await failure(f, o.url + "/")
        assert (told.kind, told.network) == (kind, False)
        assert f"127.0.0.1: {status}" in told.reason


async def test_retry_after_reaches_the_caller() -> None:
    answer = http(status=503, fields={"Retry-After": "Tue, 05 Mar 2024 21:02:00 GMT"})
    async with origin({"/": answer}) as o, fetching(o, clock=HandClock()) as f:
        assert (await failure(f, o.url + "/")).retry_after == 120.0


@pytest.mark.parametrize("host", ["www.sec.gov", "sec.gov", "data.sec.gov", "EFTS.SEC.GOV"])
async def test_the_sec_is_not_asked_without_a_contact(host: str) -> None:
    router = respx.Router(assert_all_called=False)
    route = router.get(url__regex=".*").respond(200, content=FEED)
    f = Fetcher(transport=lambda *_: httpx.MockTransport(router.async_handler))
    told = await failure(f, f"https://{host}/news/pressreleases.rss")
    assert (told.kind, "`contact`" in told.advice, route.called) == ("contact-missing", True, False)
    f = Fetcher(contact="ops@example.com", transport=lambda *_: httpx.MockTransport(router.async_handler))
    assert (await f.fetch(Request(url=f"https://{host}/news/pressreleases.rss"))).body == FEED


async def test_a_redirect_to_the_sec_needs_a_contact_too() -> None:
    router = respx.Router()
    router.get("https://news.example/").respond(301, headers={"Location": "https://www.sec.gov/x.rss"})
    f = Fetcher(transport=lambda *_: httpx.MockTransport(router.async_handler))
    assert (await failure(f, "https://news.example/")).kind == "contact-missing"


@pytest.mark.parametrize(
    ("error", "kind", "network"),
    [
        (httpx.ConnectTimeout("late"), "timeout", True),
        (httpx.PoolTimeout("late"), "timeout", True),
        (httpx.ReadTimeout("late"), "timeout", False),
        (httpx.ConnectError("no"), "unreachable", True),
        (httpx.ReadError("cut"), "reset", False),
        (httpx.RemoteProtocolError("odd"), "protocol", False),
        (ConnectionRefusedError(111, "refused"), "refused", True),
        (OSError(101, "Network is unreachable"), "unreachable", True),
        (OSError(24, "Too many open files"), "resources", False),
    ],
)
async def test_what_the_layers_below_raise_has_a_name(error: Exception, kind: str, network: bool) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise error

    told = await failure(
        Fetcher(transport=lambda *_: httpx.MockTransport(broken)), "https://news.example/?key=s3cret"
    )
    assert (told.kind, told.network) == (kind, network)
    assert "s3cret" not in str(told)


async def test_nobody_listening_is_refused_and_may_be_our_own_line() -> None:
    async with origin() as o, fetching(o):
        url = o.url
    fetcher = Fetcher(AddressPolicy([f"127.0.0.1/32:{o.port}"]), limits=QUICK)
    told = await failure(fetcher, url + "/")
    assert (told.kind, told.network) == ("refused", True)
    await fetcher.aclose()


async def test_an_unknown_name_is_a_dns_failure_and_may_be_our_own_line() -> None:
    def lookup(_: str) -> list[tuple[int, str]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with fetching(lookup=lookup) as f:
        told = await failure(f, "http://nobody.example/")
        assert (told.kind, told.network) == ("dns", True)
        assert "Name or service not known" in told.reason


async def test_a_name_is_resolved_checked_and_connected_to() -> None:
    def lookup(_: str) -> list[tuple[int, str]]:
        return [(socket.AF_INET, "127.0.0.1")]

    async with origin({"/": http(FEED)}) as o, fetching(o, lookup=lookup) as f:
        assert (await f.fetch(Request(url=f"http://news.example:{o.port}/"))).body == FEED
        assert o.asked[0].fields["host"] == f"news.example:{o.port}"


async def test_the_next_address_is_tried_when_the_first_is_dead() -> None:
    def lookup(_: str) -> list[tuple[int, str]]:
        return [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")]

    async with origin({"/": http(FEED)}) as o:
        policy = AddressPolicy([f"127.0.0.1/32:{o.port}", f"[::1]/128:{o.port}"])
        f = Fetcher(policy, limits=QUICK, lookup=lookup)
        assert (await f.fetch(Request(url=f"http://news.example:{o.port}/"))).body == FEED
        await f.aclose()


# --- posting -----------------------------------------------------------------------------------------------------


async def test_a_post_carries_its_bytes_and_brings_the_answer() -> None:
    async with origin({"/hook": http(b"thanks", status=202, fields={"X-Id": "7"})}) as o, fetching(o) as f:
        said = await f.post(
            o.url + "/hook", b'{"a":1}', {"Content-Type": "application/json", "webhook-id": "m1"}, total=3
        )
        assert (said.status, said.body, said.headers["x-id"]) == (202, b"thanks", "7")
        asked = o.asked[0]
        assert (asked.method, asked.body) == ("POST", b'{"a":1}')
        assert asked.fields["webhook-id"] == "m1"
        assert asked.fields["user-agent"].startswith("tipstaff/")


async def test_a_post_is_never_redirected_and_any_status_is_an_answer() -> None:
    async with (
        origin({"/hook": moved("/other", 307), "/other": http(), "/gone": http(status=410)}) as o,
        fetching(o) as f,
    ):
        assert (await f.post(o.url + "/hook", b"{}", {}, total=3)).status == 307
        assert (await f.post(o.url + "/gone", b"{}", {}, total=3)).status == 410
        assert [a.path for a in o.asked] == ["/hook", "/gone"]


async def test_a_long_or_endless_answer_to_a_post_is_cut() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x" * 4096)
            await writer.drain()

    async with origin({"/long": http(b"y" * 50_000), "/endless": endless}) as o, fetching(o) as f:
        assert (await f.post(o.url + "/long", b"{}", {}, total=3)).body == b"y" * 4096
        said = await f.post(o.url + "/endless", b"{}", {}, total=3, answer_limit=10)
        assert (said.status, said.body) == (500, b"x" * 10)


async def test_a_receiver_that_hangs_is_a_timeout_in_total() -> None:
    async def hang(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(20)

    async with origin({"/hook": hang}) as o, fetching(o) as f:
        with pytest.raises(SourceFailure) as told:
            await f.post(o.url + "/hook", b"{}", {}, total=0.2)
        assert told.value.kind == "timeout"


async def test_fetches_that_hang_take_no_connection_from_deliveries() -> None:
    async def hang(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(20)

    async with (
        origin({"/feed": hang, "/hook": http()}) as o,
        fetching(o, limits=Limits(concurrent=4, per_host=2)) as f,
    ):
        stuck = [asyncio.ensure_future(f.fetch(Request(url=o.url + "/feed"))) for _ in range(8)]
        while len(o.asked) < 2:
            await asyncio.sleep(0.01)
        assert (await asyncio.wait_for(f.post(o.url + "/hook", b"{}", {}, total=5), 5)).status == 200
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
