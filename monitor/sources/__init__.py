"""What a source kind is: a sans-I/O generator that asks for pages and parses, and answers with documents.

No kind performs I/O. `poll` yields effects and receives their outcome; whoever drives it (`monitor.rounds`)
does the fetching and the parsing, so that limits, guards and deadlines exist once.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from rules.model import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A page to GET. `headers` carry validators; identity, contact and encoding are the fetcher's."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A complete answer: status 200 or 304, decoded body, header names in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    moved: str | None = None
    """The address that permanent redirects (301, 308) lead to, when every hop was permanent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parse:
    """Bytes to be read as a feed in the killable child; the outcome is a `ParsedFeed`."""

    body: bytes
    content_type: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEntry:
    """One entry as feedparser gives it, made plain and capped; times are aware UTC or None."""

    guid: str | None = None
    link: str | None = None
    title: str = ""
    body: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """What the child found. `version` is feedparser's ("rss20", "atom10", "json11"), "" where it saw no feed."""

    version: str
    title: str = ""
    lang: str | None = None
    built: datetime | None = None
    ttl: float | None = None
    """Seconds that the feed itself asks to wait between polls."""
    entries: tuple[ParsedEntry, ...] = ()
    problem: str | None = None
    """feedparser's complaint about an ill-formed document, when there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What one round read. `present` is how many entries the body holds, read now or known from last time."""

    documents: tuple[Document, ...] = ()
    cursor: Mapping[str, Any] = field(default_factory=dict)
    unchanged: bool = False
    """304, or the same bytes: nothing to compare."""
    present: int = 0
    carried: frozenset[int] = frozenset()
    """Guid fingerprints (`rules.change.guid_print`) of entries that are byte for byte as they were last time."""
    complete: bool = True
    """False when the body was cut or cleaned by force: documents count, validators must not move."""
    wait: float | None = None
    """Seconds the source asks to wait (ttl, max-age), before bounds are applied."""


Effects = Generator[Request | Parse, Any, Poll]


class SourceFailure(Exception):
    """A source could not be read. `kind` is a stable word (dns, timeout, http-404, challenge, not-a-feed ...)."""

    def __init__(
        self,
        kind: str,
        reason: str,
        *,
        advice: str = "",
        retry_after: float | None = None,
        network: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.advice = advice
        self.retry_after = retry_after
        self.network = network
        """True when the failure may be our own line (dns, connect): then many sources fail together."""


class Source(Protocol):
    """One configured source of one kind."""

    @property
    def id(self) -> str: ...

    @property
    def url(self) -> str: ...

    def poll(self, cursor: Mapping[str, Any]) -> Effects:
        """Ask what is there, given the cursor of the last committed round ({} at first).

        Raises:
            SourceFailure: the page is not what this kind reads; the cursor must not move.
        """
        ...
