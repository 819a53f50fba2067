"""Names every way in which an exchange can break, in a word and in a sentence; retrying is not decided here."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final, TypeVar

import aiohttp
import httpx
from aiohttp import http_exceptions

from monitor.fetching.guard import BlockedAddress
from monitor.sources import SourceFailure

_Kind = TypeVar("_Kind", bound=BaseException)

_UNREACHABLE: Final = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL, errno.EACCES}
)
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

# OpenSSL's X509_V_ERR_* numbers, as `SSLCertVerificationError.verify_code` gives them.
_CERTIFICATE: Final = {
    10: "The certificate has expired; the site's operator must renew it.",
    18: "The certificate is self-signed; give its file as the source's `ca`.",
    19: "The certificate is signed by a private authority; give the authority's file as the source's `ca`.",
    20: "The issuer is not known here; give the authority's file as the source's `ca`.",
    62: "The certificate is for another host; check the address.",
}

_OLD: Final = "The server must speak TLS 1.2 or later; check that the address should begin with https."


def name_failure(error: BaseException, host: str) -> SourceFailure:
    """Return the failure that an exception of the HTTP layers stands for."""
    causes = tuple(_causes(error))
    for read in (_blocked, _certificate, _clock, _line, _closed, _framing):
        failure = read(causes, host)
        if failure is not None:
            return failure
    return SourceFailure("protocol", f"{host}: {_words(causes[-1])}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}" if str(error) else type(error).__name__


def _first(causes: tuple[BaseException, ...], *kinds: type[_Kind]) -> _Kind | None:
    return next((cause for cause in causes if isinstance(cause, kinds)), None)


def _blocked(causes: tuple[BaseException, ...], host: str) -> SourceFailure | None:
    refused = _first(causes, BlockedAddress)
    if refused is None:
        return None
    return blocked(host, str(refused))


def blocked(host: str, reason: str) -> SourceFailure:
    """Return the failure for an address that the policy refuses."""
    return SourceFailure(
        "blocked-address",
        f"{host}: {reason}",
        advice="If this address is yours, allow it as ADDRESS/PREFIX:PORT in the configuration.",
    )


def _certificate(causes: tuple[BaseException, ...], host: str) -> SourceFailure | None:
    # aiohttp's own exception is one of these too, without the fields that say what is wrong
    unverified = next((c for c in causes if type(c) is ssl.SSLCertVerificationError), None)
    if unverified is not None:
        advice = _CERTIFICATE.get(unverified.verify_code, "Check the address and the certificate.")
        return SourceFailure("tls", f"{host}: {unverified.verify_message or unverified.reason}", advice=advice)
    if _first(causes, aiohttp.ClientConnectorError) and _first(causes, ConnectionResetError):
        return SourceFailure("tls", f"{host}: the server closed the connection during the TLS handshake", advice=_OLD)
    broken = _first(causes, ssl.SSLError, aiohttp.ClientSSLError)
    if broken is None or isinstance(broken, ssl.SSLEOFError):
        return None
    return SourceFailure("tls", f"{host}: {str(broken)[:200]}", advice=_OLD)


def _clock(causes: tuple[BaseException, ...], host: str) -> SourceFailure | None:
    if _first(causes, aiohttp.ConnectionTimeoutError, httpx.PoolTimeout) or (
        isinstance(causes[0], httpx.ConnectTimeout) and len(causes) == 1
    ):
        return SourceFailure("timeout", f"{host}: no connection in time", network=True)
    late = _first(causes, TimeoutError, httpx.TimeoutException)
    if late is None or (len(causes) > 1 and late is causes[0]):
        return None
    if isinstance(late, OSError) and late.errno == errno.ETIMEDOUT:
        return SourceFailure("timeout", f"{host}: no connection in time", network=True)
    return SourceFailure("timeout", f"{host}: connected, but no answer in time")


def _line(causes: tuple[BaseException, ...], host: str) -> SourceFailure | None:
    if unknown := _first(causes, socket.gaierror, aiohttp.ClientConnectorDNSError):
        return SourceFailure("dns", f"{host}: {_reason_of(unknown)}", network=True)
    numbers = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if numbers & _EXHAUSTED:
        return SourceFailure("resources", f"{host}: this machine has no more file descriptors or memory for sockets")
    if errno.ECONNREFUSED in numbers:
        return SourceFailure("refused", f"{host}: nobody accepts connections there", network=True)
    if numbers & _UNREACHABLE:
        return SourceFailure("unreachable", f"{host}: {_reason_of(causes[-1])}", network=True)
    if isinstance(causes[0], httpx.ConnectError | aiohttp.ClientConnectorError) and not _first(causes, *_CLOSED):
        return SourceFailure("unreachable", f"{host}: {_reason_of(causes[-1])}", network=True)
    return None


_CLOSED: Final = (ConnectionResetError, BrokenPipeError, aiohttp.ServerDisconnectedError, ssl.SSLEOFError)


def _closed(causes: tuple[BaseException, ...], host: str) -> SourceFailure | None:
    if _first(causes, aiohttp.ClientPayloadError):
        return None
    if _first(causes, *_CLOSED):
        return SourceFailure("reset", f"{host}: the connection was closed before the answer was complete")
    return None


def _reason_of(error: BaseException) -> str:
    number = error.strerror if isinstance(error, OSError) else None
    return str(number or error or type(error).__name__)[:200]


def _framing(causes: tuple[BaseException, ...], host: str) -> SourceFailure | None:
    if _first(causes, http_exceptions.LineTooLong):
        return SourceFailure("too-large", f"{host}: a header line is longer than accepted")
    if _first(causes, aiohttp.ClientPayloadError):
        return SourceFailure("truncated", f"{host}: the answer ended before its announced end")
    if _first(causes, httpx.InvalidURL, httpx.UnsupportedProtocol, aiohttp.InvalidURL):
        return SourceFailure("bad-url", f"{host}: the address cannot be requested")
    if _first(causes, httpx.NetworkError, aiohttp.ClientOSError):
        return SourceFailure("reset", f"{host}: {_words(causes[-1])}")
    return None
