"""The one client of the program: every outgoing HTTP request is built here and goes through the guard.

What a page says, when to ask again and whether a failure matters are decided elsewhere. There are no proxies,
no cookies, no HTTP/2 and no environment variables that could change where a request goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError

from monitor import __version__
from monitor.clock import Clock, SystemClock
from monitor.fetching.failures import blocked, name_failure
from monitor.fetching.guard import (
    AddressPolicy,
    Lookup,
    Target,
    check_text,
    check_url,
    literal,
    system_lookup,
)
from monitor.fetching.inflating import Inflater, is_gzip
from monitor.fetching.pages import diagnose
from monitor.fetching.transport import Limits, Purpose, Tls, TransportFactory, guarded_transport
from monitor.sources import Page, Request, SourceFailure

__all__ = ["Answer", "Fetcher", "Limits", "Tls"]

ERROR_PAGE_LIMIT: Final = 64 * 1024
_ACCEPT: Final = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5"
)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PERMANENT: Final = frozenset({301, 308})
_EVERYWHERE: Final = frozenset({"accept", "accept-language", "if-none-match", "if-modified-since"})
"""Fields that may follow a redirect to another origin; whatever else is asked for may be a secret."""
_BREATH: Final = 1024 * 1024
"""After inflating so many bytes the event loop gets its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver said to a POST; the body is cut at the limit that was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetcher:
    """Fetches pages and posts bodies, each exchange within limits and through one guard.

    Args:
        policy: which addresses may be connected to.
        contact: an e-mail address or URL for the User-Agent; sec.gov is not asked without one.
        transport: builds the transport for a purpose and a TLS choice; for tests.
        lookup: resolves names, blocking; for tests.

    Raises:
        ValueError: the contact cannot stand in a header field.
    """

    def __init__(
        self,
        policy: AddressPolicy | None = None,
        *,
        contact: str | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        transport: TransportFactory | None = None,
        lookup: Lookup = system_lookup,
    ) -> None:
        if contact is not None and not (contact.isascii() and contact.isprintable() and contact.strip()):
            raise ValueError(f"contact {contact!r} must be printable ASCII, for example ops@example.com")
        self._policy = policy or AddressPolicy()
        self._contact = contact
        self._limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._make_transport = transport or self._guarded
        self._lookup = lookup
        self._transports: dict[tuple[Purpose, Tls | None], httpx.AsyncBaseTransport] = {}
        # the transport reads `pool` as the time for pool, name and connection together
        self._timeout = httpx.Timeout(self._limits.read, connect=self._limits.connect, pool=self._limits.connect)
        self._slots = asyncio.Semaphore(self._limits.concurrent)

    @property
    def agent(self) -> str:
        """The User-Agent that goes out."""
        return f"tipstaff/{__version__}" + (f" (+{self._contact})" if self._contact else "")

    async def fetch(
        self, request: Request, *, headers: Mapping[str, str] | None = None, tls: Tls | None = None
    ) -> Page:
        """GET a page, following at most five redirects, and return it if it is a 200 or a 304.

        `headers` are the source's own (they may be secrets): they go to the first origin only.

        Raises:
            SourceFailure: everything else, named.
        """
        async with self._slots:
            try:
                async with asyncio.timeout(self._limits.total):
                    return await self._follow(request, headers or {}, tls)
            except TimeoutError:
                host = check_url(request.url).host
                raise SourceFailure("timeout", f"{host}: no complete answer in {self._limits.total:g} s") from None

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        total: float,
        answer_limit: int = 4096,
        tls: Tls | None = None,
    ) -> Answer:
        """POST a body within `total` seconds and return what was said, whatever the status; follow no redirect.

        Raises:
            SourceFailure: there was no answer, or the address is off limits.
        """
        target = check_url(url)
        sent = {"Accept-Encoding": "identity", **headers, "User-Agent": self.agent}
        try:
            async with (
                asyncio.timeout(total),
                self._exchange("post", target, sent, tls, body) as response,
            ):
                said = await _beginning(response, answer_limit)
                return Answer(status=response.status_code, headers=_fields(response), body=said)
        except TimeoutError:
            raise SourceFailure("timeout", f"{target.host}: no answer in {total:g} s") from None

    async def aclose(self) -> None:
        """Close every connection."""
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.aclose()

    async def _follow(self, request: Request, own: Mapping[str, str], tls: Tls | None) -> Page:
        target = first = check_url(request.url)
        visited = [target.url]
        permanent = True
        while True:
            sent = self._fields_for(target, first, request.headers, own)
            async with self._exchange("fetch", target, sent, tls) as response:
                if response.status_code not in _REDIRECTS:
                    moved = target.url if permanent and len(visited) > 1 else None
                    return await self._read(response, target, moved, sent)
                permanent = permanent and response.status_code in _PERMANENT
                target = self._next_hop(target, response, visited)
            visited.append(target.url)

    def _next_hop(self, target: Target, response: httpx.Response, visited: list[str]) -> Target:
        location = response.headers.get("location", "")
        if not location:
            raise SourceFailure("redirect", f"{target.host}: answered {response.status_code} without a new address")
        if len(visited) > self._limits.redirects:
            raise SourceFailure("redirect", f"{target.host}: more than {self._limits.redirects} redirects")
        check_text(location)
        following = check_url(urljoin(target.url, location))
        if target.scheme == "https" and following.scheme == "http":
            raise SourceFailure(
                "redirect",
                f"{target.host}: redirects from https to {following.shown}, which is not encrypted",
                advice="If the site is to be read without encryption, configure its http address.",
            )
        if following.url in visited:
            raise SourceFailure(
                "redirect",
                f"{target.host}: redirects in a circle",
                advice="The site probably wants a cookie or a login; look for another address of the feed.",
            )
        return following

    def _fields_for(
        self, target: Target, first: Target, asked: tuple[tuple[str, str], ...], own: Mapping[str, str]
    ) -> dict[str, str]:
        fields = {"accept": _ACCEPT, **{name.lower(): value for name, value in asked}}
        fields |= {name.lower(): value for name, value in own.items()}
        if target.origin != first.origin:
            fields = {name: value for name, value in fields.items() if name in _EVERYWHERE}
        return fields | {"user-agent": self.agent, "accept-encoding": "gzip"}

    async def _read(
        self, response: httpx.Response, target: Target, moved: str | None, sent: Mapping[str, str]
    ) -> Page:
        status, fields, now = response.status_code, _fields(response), self._clock.now()
        if status == 304:
            if not {"if-none-match", "if-modified-since"} & sent.keys():
                raise SourceFailure("protocol", f"{target.host}: answered 304 to a question without validators")
            return Page(url=target.url, status=304, headers=fields, body=b"", at=now, moved=moved)
        if status != 200:
            diagnose(status, fields, await _beginning(response, ERROR_PAGE_LIMIT), host=target.host, now=now)
        body = await self._body(response, fields, target)
        return Page(url=target.url, status=200, headers=fields, body=body, at=self._clock.now(), moved=moved)

    async def _body(self, response: httpx.Response, fields: Mapping[str, str], target: Target) -> bytes:
        inflater = Inflater() if is_gzip(fields) else None
        pieces: list[bytes] = []
        wire = decoded = rested = 0
        with _named(target.host):
            async for chunk in _stream(response):
                wire += len(chunk)
                if wire > self._limits.wire:
                    raise _too_large(target, self._limits.wire)
                for piece in inflater.feed(chunk) if inflater else (chunk,):
                    decoded += len(piece)
                    if decoded > self._limits.decoded:
                        raise _too_large(target, self._limits.decoded)
                    pieces.append(piece)
                    if decoded - rested > _BREATH:
                        rested = decoded
                        await asyncio.sleep(0)
        if inflater:
            inflater.close()
        return b"".join(pieces)

    @asynccontextmanager
    async def _exchange(
        self, purpose: Purpose, target: Target, fields: Mapping[str, str], tls: Tls | None, body: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        self._admit(target)
        transport = self._transport(purpose, tls)
        with _named(target.host):
            request = httpx.Request(
                "GET" if body is None else "POST",
                target.url,
                headers=dict(fields),
                content=body,
                extensions={"timeout": self._timeout.as_dict()},
            )
            # Not through httpx.AsyncClient: it keeps cookies, reads netrc and parses Location before we see it.
            response = await transport.handle_async_request(request)
        try:
            size = sum(len(name) + len(value) + 4 for name, value in response.headers.raw)
            if size > self._limits.headers:
                raise SourceFailure("too-large", f"{target.host}: header fields of {size} bytes")
            yield response
        finally:
            await response.aclose()

    def _admit(self, target: Target) -> None:
        """Check what the connector does not: address literals and what a site demands of its visitors."""
        address = literal(target.host)
        if address is not None:
            reason = self._policy.objection(address, target.port)
            if reason is not None:
                raise blocked(target.host, f"port {target.port}: {reason}")
        if self._contact is None and (target.host == "sec.gov" or target.host.endswith(".sec.gov")):
            # https://www.sec.gov/os/accessing-edgar-data: a declared user agent with a contact is required.
            raise SourceFailure(
                "contact-missing",
                f"{target.host}: refuses programs that do not say whom to contact",
                advice="Set `contact` in the configuration to an e-mail address that is read.",
            )

    def _transport(self, purpose: Purpose, tls: Tls | None) -> httpx.AsyncBaseTransport:
        """Return the transport for a purpose: deliveries never wait for connections that fetching holds."""
        key = (purpose, tls)
        if key not in self._transports:
            self._transports[key] = self._make_transport(purpose, tls)
        return self._transports[key]

    def _guarded(self, _: Purpose, tls: Tls | None) -> httpx.AsyncBaseTransport:
        return guarded_transport(self._policy, self._limits, tls, self._lookup)


@contextmanager
def _named(host: str) -> Iterator[None]:
    """Turn what the HTTP layers raise into a named failure; without its cause, whose text may hold a secret."""
    try:
        yield
    except SourceFailure:
        raise
    except (
        httpx.HTTPError,
        httpx.InvalidURL,
        aiohttp.ClientError,
        HttpProcessingError,
        OSError,
        ValueError,
    ) as error:
        raise name_failure(error, host) from None


def _fields(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _beginning(response: httpx.Response, limit: int) -> bytes:
    """Read the first bytes of an answer that is only looked at; what breaks on the way does not matter."""
    fields = _fields(response)
    said = bytearray()
    with suppress(SourceFailure), _named(""):
        inflater = Inflater() if is_gzip(fields) else None
        async for chunk in _stream(response):
            for piece in inflater.feed(chunk) if inflater else (chunk,):
                said += piece
                if len(said) >= limit:
                    return bytes(said[:limit])
    return bytes(said)


def _stream(response: httpx.Response) -> httpx.AsyncByteStream:
    """Return the bytes as they come over the wire."""
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the transport gives no asynchronous stream")
    return stream


def _too_large(target: Target, limit: int) -> SourceFailure:
    return SourceFailure("too-large", f"{target.host}: the answer is larger than {limit / (1024 * 1024):g} MB")
