"""How connections are made: httpx's interface over aiohttp, with the guard in its resolver and at its sockets.

What is sent over them, and redirects, are the client's part. No proxies, no cookies, no HTTP/2, no environment.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from monitor.fetching.guard import AddressPolicy, GuardingResolver, Lookup, guarded_socket
from monitor.sources import SourceFailure

Purpose = Literal["fetch", "post"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds, bytes and counts that bound one exchange."""

    connect: float = 10.0
    """For waiting in the pool, the name and the connection together."""
    read: float = 15.0
    total: float = 30.0
    wire: int = 10 * 1024 * 1024
    decoded: int = 20 * 1024 * 1024
    headers: int = 100 * 1024
    redirects: int = 5
    concurrent: int = 32
    per_host: int = 2
    keep_alive: float = 5.0
    """Long enough for the next page of the same host's turn, too short to be found closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How one source's certificate is verified, where the usual authorities do not do."""

    ca: str | None = None
    """A PEM file; only what it holds is trusted then."""
    insecure: bool = False


TransportFactory = Callable[[Purpose, Tls | None], httpx.AsyncBaseTransport]


class GuardedConnector(aiohttp.TCPConnector):
    """A connector that never uses a connection again on which bytes arrived that nobody asked for."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()


def tls_context(tls: Tls | None) -> ssl.SSLContext:
    """Build the verification of a connection: TLS 1.2 or later; certifi's and the system's authorities.

    Raises:
        SourceFailure: kind "tls": the source's CA file cannot be read.
    """
    if tls is None:
        return _usual_context()
    if tls.ca is not None:
        try:
            context = ssl.create_default_context(cafile=tls.ca)
        except (OSError, ssl.SSLError) as error:
            raise SourceFailure("tls", f"the CA file {tls.ca} cannot be read ({error})") from None
    else:
        context = _usual_authorities()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _usual_context() -> ssl.SSLContext:
    # Reading the authorities takes the loop's time, a tenth of a second: once, and not again for the first alert.
    context = _usual_authorities()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _usual_authorities() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def guarded_transport(
    policy: AddressPolicy, limits: Limits, tls: Tls | None, lookup: Lookup
) -> httpx.AsyncBaseTransport:
    """Build a transport whose every connection has passed the guard; it connects when first used.

    Raises:
        SourceFailure: kind "tls": the CA file cannot be read.
    """
    context = tls_context(tls)

    def open_session() -> aiohttp.ClientSession:
        connector = GuardedConnector(
            resolver=GuardingResolver(policy, lookup),
            socket_factory=guarded_socket(policy),
            use_dns_cache=False,
            ssl=context,
            limit=limits.concurrent,
            limit_per_host=limits.per_host,
            keepalive_timeout=limits.keep_alive,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=16 * 1024,
            max_field_size=32 * 1024,
        )

    return AiohttpTransport(verify=context, trust_env=False, client=open_session)
