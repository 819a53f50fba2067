"""Addresses that may be offered for clicking: http and https only, with the host as the network will see it.

Nothing is fetched or resolved here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import idna

LONGEST: Final = 4096
_REFUSED = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls and direction marks hide where a link leads; browsers read a backslash as a slash, parsers do not."""
_KEPT: Final = "!#$%&'()*+,/:;=?@[]~"
"""What may stand in a path, query or fragment as it is; everything else is percent-encoded."""


@dataclass(frozen=True, slots=True)
class Link:
    """An address to click and the host it leads to, in the form the network uses (punycode)."""

    href: str
    host: str


def link_to(url: str | None) -> Link | None:
    """Return the address as a link, or None where it is not a plain http(s) address.

    User names and passwords are taken out: `http://sec.gov@example.test/` leads to example.test.
    """
    if not url or len(url) > LONGEST or _REFUSED.search(url.strip()):
        return None
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    named = _ascii_host(host)
    if named is None:
        return None
    netloc = named if port is None else f"{named}:{port}"
    rest = (quote(part, safe=_KEPT) for part in (parts.path, parts.query, parts.fragment))
    return Link(urlunsplit((parts.scheme, netloc, *rest)), named)


def _ascii_host(host: str) -> str | None:
    if ":" in host:
        return f"[{host}]"
    if re.fullmatch(r"[a-z0-9._-]+", host):
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None
