"""Certificates: verified always, a source's own authority where there is one, and no silence where it fails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from certificates import Authority, new_authority
from loopback import Origin, http

from monitor.fetching.client import Fetcher, Limits, Tls
from monitor.fetching.guard import AddressPolicy
from monitor.sources import Request, SourceFailure

BODY = b"<rss/>"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[tuple[Fetcher, str]]:
    served = Origin({"/": http(BODY, fields={"Connection": "close"})})
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    fetcher = Fetcher(AddressPolicy([f"127.0.0.1/32:{port}"]), limits=Limits(connect=3, read=3, total=5))
    try:
        yield fetcher, f"https://127.0.0.1:{port}/"
    finally:
        await fetcher.aclose()
        server.close()
        await asyncio.sleep(0.05)


async def test_an_unknown_authority_is_refused_and_the_way_out_is_told(authority: Authority) -> None:
    async with serving(authority.server("IP:127.0.0.1")) as (fetcher, url):
        with pytest.raises(SourceFailure) as told:
            await fetcher.fetch(Request(url=url))
        assert (told.value.kind, told.value.network) == ("tls", False)
        assert "`ca`" in told.value.advice
        with pytest.raises(SourceFailure, match="tls"):
            await fetcher.post(url, b"{}", {}, total=3)


async def test_a_source_may_have_its_own_authority_and_others_stay_strict(authority: Authority) -> None:
    async with serving(authority.server("IP:127.0.0.1")) as (fetcher, url):
        page = await fetcher.fetch(Request(url=url), tls=Tls(ca=authority.file))
        assert page.body == BODY
        with pytest.raises(SourceFailure, match="tls"):
            await fetcher.fetch(Request(url=url))


async def test_a_source_may_be_read_without_verification(authority: Authority) -> None:
    async with serving(authority.server("DNS:elsewhere.example")) as (fetcher, url):
        assert (await fetcher.fetch(Request(url=url), tls=Tls(insecure=True))).body == BODY


async def test_a_certificate_for_another_host_is_refused(authority: Authority) -> None:
    async with serving(authority.server("DNS:elsewhere.example")) as (fetcher, url):
        with pytest.raises(SourceFailure) as told:
            await fetcher.fetch(Request(url=url), tls=Tls(ca=authority.file))
        assert told.value.kind == "tls"
        assert "127.0.0.1" in told.value.reason


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_below_1_2_is_refused(authority: Authority) -> None:
    context = authority.server("IP:127.0.0.1")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with serving(context) as (fetcher, url):
        with pytest.raises(SourceFailure) as told:
            await fetcher.fetch(Request(url=url), tls=Tls(ca=authority.file))
        assert told.value.kind == "tls"


async def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        if path.name.startswith("empty"):
            path.write_text("no certificate")
        with pytest.raises(SourceFailure) as told:
            await Fetcher().fetch(Request(url="https://news.example/"), tls=Tls(ca=str(path)))
        assert told.value.kind == "tls"
        assert str(path) in told.value.reason
