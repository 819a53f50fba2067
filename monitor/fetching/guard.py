"""Which addresses tipstaff may connect to, and which texts it takes for an address; nothing is fetched here.

The decision is made where the connection is made: a name is resolved, every answer is checked, and only
checked answers are handed to the connector, which connects to exactly these. Literals are checked before the
request, and each socket once more when it is opened, so a difference between two URL parsers cannot help anybody.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import httpx
from aiohttp.abc import AbstractResolver, ResolveResult

from monitor.sources import SourceFailure

Address = IPv4Address | IPv6Address
Lookup = Callable[[str], Sequence[tuple[int, str]]]
"""Blocking: a name to (address family, address literal) pairs; raises OSError."""

PORTS: Final = frozenset({80, 443, 8080, 8443})
URL_LIMIT: Final = 4096
LOOKUPS: Final = 64
"""Names that may be looked up at one time; each takes a thread that cannot be stopped."""

# The IANA special-purpose registries, written out: `is_private` and `is_global` differ between Python releases.
# https://www.iana.org/assignments/iana-ipv4-special-registry/ ; 168.63.129.16 is Azure's host service.
_FORBIDDEN_4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_6: Final = IPv6Network("2000::/3")
_FORBIDDEN_6: Final = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")

_HOST: Final = re.compile(r"(?=.{1,253}\.?$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_NUMBER: Final = re.compile(r"(\d+|0x[0-9a-f]*)")


class BlockedAddress(PermissionError):
    """An address that the policy refuses; an OSError, so that it passes through the connector."""

    def __init__(self, address: str, port: int, reason: str) -> None:
        super().__init__(f"{address} port {port}: {reason}")
        self.reason = reason


class AddressPolicy:
    """Says no to every address that is not a public one on a web port, except for what the operator allows.

    Args:
        allow: "ADDRESS/PREFIX:PORT" such as "127.0.0.1/32:18080", "10.1.2.0/24:443" or "[::1]/128:8080".
        ports: the ports that public addresses may be reached on.

    Raises:
        ValueError: an entry of `allow` is not of that form.
    """

    def __init__(self, allow: Iterable[str] = (), ports: Iterable[int] = PORTS) -> None:
        self._allowed = tuple(read_allowance(entry) for entry in allow)
        self._ports = frozenset(ports)

    def objection(self, address: str, port: int) -> str | None:
        """Return why this address and port may not be connected to, or None: they may."""
        try:
            plain = unwrap(ip_address(address))
        except ValueError:
            return "is not an address"
        if any(port == open_port and plain in network for network, open_port in self._allowed):
            return None
        reason = _special(plain)
        if reason is None and port not in self._ports:
            reason = "is not a web port"
        return reason

    def check(self, address: str, port: int) -> None:
        """Raise BlockedAddress if there is an objection."""
        reason = self.objection(address, port)
        if reason is not None:
            raise BlockedAddress(address, port, reason)


def read_allowance(entry: str) -> tuple[IPv4Network | IPv6Network, int]:
    """Read one entry of an allow list: "127.0.0.1/32:18080", "[::1]/128:8080"; no prefix means one address.

    Raises:
        ValueError: the text is not of that form.
    """
    where, colon, port = entry.strip().rpartition(":")
    network = where.replace("[", "").replace("]", "")
    in_brackets = where.startswith("[") and "]" in where
    try:
        parsed = ip_network(network)
        if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("no port")
        if (parsed.version == 6) is not in_brackets:
            raise ValueError("an IPv6 address is written in brackets")
    except ValueError as error:
        raise ValueError(
            f"{entry!r} is not ADDRESS/PREFIX:PORT ({error}); write for example 127.0.0.1/32:18080 or [::1]/128:8080"
        ) from None
    return parsed, int(port)


def unwrap(address: Address) -> Address:
    """Return the IPv4 address inside a v4-mapped or NAT64 one; without a zone; others as they are."""
    if isinstance(address, IPv6Address):
        address = IPv6Address(int(address))
        if address in _MAPPED or address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _special(address: Address) -> str | None:
    if isinstance(address, IPv4Address):
        forbidden = any(address in network for network in _FORBIDDEN_4)
    else:
        forbidden = address not in _GLOBAL_6 or any(address in network for network in _FORBIDDEN_6)
    return "is not a public address" if forbidden else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A checked URL: ASCII, without fragment and without user name."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """What secrets belong to."""
        return (self.scheme, self.host, self.port)

    @property
    def shown(self) -> str:
        """The URL as far as it is fit for logs: without its query, which may hold a key."""
        return self.url.partition("?")[0]


def check_url(raw: str) -> Target:
    """Take a URL as it was written or sent, or refuse it.

    The raw text is looked at, not a parsed form: clients repair backslashes and white space before one sees
    them, and two parsers may then disagree about the host.

    Raises:
        SourceFailure: kind "bad-url", with the reason in words.
    """
    check_text(raw)
    if not re.match(r"https?://[^/?#]", raw, re.IGNORECASE):
        raise _bad(raw, "only addresses that begin with http:// or https:// and a host are fetched")
    try:
        parts = urlsplit(raw)
        url = httpx.URL(raw).copy_with(fragment=None)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = url.raw_host.decode("ascii").lower()
    except (ValueError, httpx.InvalidURL) as error:
        raise _bad(raw, f"the address cannot be read ({error})") from None
    if "@" in parts.netloc:
        raise _bad(raw, "the address contains a user name", advice="Give credentials as a header of the source.")
    if parts.port == 0:
        raise _bad(raw, "port 0 cannot be connected to")
    _check_host(raw, host)
    return Target(url=str(url), scheme=parts.scheme, host=host, port=port)


def check_text(raw: str) -> None:
    """Refuse characters that URL parsers silently drop or turn into others; also for the text of a Location field.

    Raises:
        SourceFailure: kind "bad-url".
    """
    if len(raw) > URL_LIMIT:
        raise _bad(raw, f"the address is longer than {URL_LIMIT} characters")
    if "\\" in raw:
        raise _bad(raw, "the address contains a backslash")
    if any(_is_odd(character) for character in raw):
        raise _bad(raw, "the address contains white space or a control character")


def _is_odd(character: str) -> bool:
    if character < "\x7f":
        return character <= " "
    return unicodedata.category(character)[0] in "CZ"


def _check_host(raw: str, host: str) -> None:
    if ":" in host:
        try:
            IPv6Address(host)
        except ValueError:
            raise _bad(raw, "the host is not an IPv6 address") from None
        if "%" in host:
            raise _bad(raw, "the address names a network interface")
        return
    if not _HOST.fullmatch(host) or len(max(host.split("."), key=len)) > 63:
        raise _bad(raw, "the host is not a name")
    if _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]) and literal(host) is None:
        raise _bad(
            raw,
            "the host is a number that some programs read as an address",
            advice="Write an IPv4 address as four decimal numbers.",
        )


def _bad(raw: str, reason: str, *, advice: str = "") -> SourceFailure:
    shown = re.sub(r"//[^/?#]*@", "//", raw).partition("?")[0]
    return SourceFailure("bad-url", f"{reason}: {shown[:120]!a}", advice=advice)


def literal(host: str) -> str | None:
    """Return the host if it is an address literal, else None: it is a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def system_lookup(host: str) -> Sequence[tuple[int, str]]:
    """Ask the system's resolver. Blocking."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [(int(family), str(where[0])) for family, _, _, _, where in found]


class GuardingResolver(AbstractResolver):
    """Resolves names to addresses that were checked; one forbidden answer forbids the name.

    Each look-up has a thread of its own (daemonic: a resolver that hangs must not hold up the end of the program)
    and is shared by all who ask for the same name meanwhile. Deadlines are the caller's.
    """

    def __init__(self, policy: AddressPolicy, lookup: Lookup = system_lookup) -> None:
        self._policy = policy
        self._lookup = lookup
        self._under_way: dict[str, asyncio.Future[Sequence[tuple[int, str]]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        Raises:
            BlockedAddress: one of its addresses is off limits.
            OSError: the name cannot be resolved.
        """
        answers = await asyncio.shield(self._ask(host))
        for _, address in answers:
            self._policy.check(address, port)
        found = [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=answer_family,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for answer_family, address in dict.fromkeys(answers)
            if family in (socket.AF_UNSPEC, answer_family)
        ]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return found

    async def close(self) -> None:
        """Forget the look-ups that are under way."""
        for future in self._under_way.values():
            future.cancel()
        self._under_way.clear()

    def _ask(self, host: str) -> asyncio.Future[Sequence[tuple[int, str]]]:
        if host in self._under_way:
            return self._under_way[host]
        if len(self._under_way) >= LOOKUPS:
            raise socket.gaierror(socket.EAI_AGAIN, f"{LOOKUPS} other names are being looked up and do not answer")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[tuple[int, str]]] = loop.create_future()
        self._under_way[host] = future
        future.add_done_callback(lambda done: self._forget(host, done))
        threading.Thread(target=self._answer, args=(host, future, loop), name=f"dns {host}", daemon=True).start()
        return future

    def _forget(self, host: str, future: asyncio.Future[Sequence[tuple[int, str]]]) -> None:
        self._under_way.pop(host, None)
        if not future.cancelled():
            future.exception()  # marks it as seen: the one who asked may have given up

    def _answer(
        self, host: str, future: asyncio.Future[Sequence[tuple[int, str]]], loop: asyncio.AbstractEventLoop
    ) -> None:
        answers: Sequence[tuple[int, str]] = ()
        fault: OSError | None = None
        try:
            answers = self._lookup(host)
        except OSError as error:
            fault = error
        except UnicodeError as error:
            fault = socket.gaierror(socket.EAI_NONAME, f"the name cannot be looked up ({error})")

        def settle() -> None:
            if future.done():
                return
            if fault is not None:
                future.set_exception(fault)
            else:
                future.set_result(answers)

        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:
            return  # the loop has ended meanwhile; nobody waits


AddressInformation = tuple[int, int, int, str, tuple[object, ...]]


def guarded_socket(policy: AddressPolicy) -> Callable[[AddressInformation], socket.socket]:
    """Return the connector's `socket_factory`: it sees the very address that is about to be connected to."""

    def open_socket(information: AddressInformation) -> socket.socket:
        family, kind, protocol, _, where = information
        policy.check(str(where[0]), int(str(where[1])))
        return socket.socket(family, kind, protocol)

    return open_socket
