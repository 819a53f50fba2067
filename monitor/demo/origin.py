"""A local web server that publishes feeds from memory the way good origins do, and badly when told to.

It is for the demo and for tests; what it publishes is decided by whoever holds it.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from monitor.demo.receivers import LOOPBACK, opened
from monitor.demo.replies import Reply, given


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What stands at one path."""

    body: bytes
    content_type: str = "application/rss+xml; charset=utf-8"
    etag: str | None = None
    modified: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in; header names in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Instead:
    reply: Reply
    times: int | None


class Origin:
    """A web origin on a loopback port, with ETag, Last-Modified, 304 and gzip."""

    def __init__(self, *, on_request: Callable[[Asked], None] | None = None) -> None:
        self._published: dict[str, Publication] = {}
        self._instead: dict[str, _Instead] = {}
        self._on_request = on_request
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        self.requests: list[Asked] = []
        self.statuses: Counter[tuple[str, int]] = Counter()
        """How often each path was answered with each status."""

    async def __aenter__(self) -> Origin:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = await opened(app)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._runner is None:
            raise RuntimeError("the origin is not open")
        return int(self._runner.addresses[0][1])

    def url(self, path: str) -> str:
        """Return the address of a path, which begins with a slash."""
        return f"http://{LOOPBACK}:{self.port}{path}"

    def publish(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/rss+xml; charset=utf-8",
        modified: datetime | None = None,
        validators: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Put a body at a path, or another in its place.

        `modified` (aware) is sent as Last-Modified; `validators=False` sends neither that nor an ETag.
        """
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"' if validators else None
        stamp = format_datetime(modified.astimezone(UTC), usegmt=True) if modified and validators else None
        self._published[path] = Publication(
            body=body, content_type=content_type, etag=etag, modified=stamp, headers=headers or {}
        )

    def withdraw(self, path: str) -> None:
        """Take away what stands at a path: 404 from now on."""
        self._published.pop(path, None)

    def instead(self, path: str, reply: Reply, *, times: int | None = None) -> None:
        """Answer the next `times` requests for a path with this reply; every one, without a number."""
        self._instead[path] = _Instead(reply, times)

    def normally(self, path: str) -> None:
        """Answer requests for a path as usual again."""
        self._instead.pop(path, None)

    def count(self, path: str, status: int | None = None) -> int:
        """Return how many requests for a path came in, or were answered with a status."""
        if status is not None:
            return self.statuses[path, status]
        return sum(asked.path == path for asked in self.requests)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(path=request.path_qs, headers={k.lower(): v for k, v in request.headers.items()})
        self.requests.append(asked)
        if self._on_request is not None:
            self._on_request(asked)
        reply = self._told_instead(asked.path) or self._usual(asked)
        self.statuses[asked.path, reply.status] += 1
        return await given(request, reply, self._closing)

    def _told_instead(self, path: str) -> Reply | None:
        instead = self._instead.get(path)
        if instead is None:
            return None
        if instead.times is not None:
            instead.times -= 1
            if instead.times <= 0:
                del self._instead[path]
        return instead.reply

    def _usual(self, asked: Asked) -> Reply:
        published = self._published.get(asked.path)
        if published is None:
            return Reply(status=404, body=b"nothing here", headers={"Content-Type": "text/plain"})
        headers = {**published.headers, "Vary": "Accept-Encoding"}
        if published.etag:
            headers["ETag"] = published.etag
        if published.modified:
            headers["Last-Modified"] = published.modified
        if _is_current(asked, published):
            return Reply(status=304, headers=headers)
        plain = Reply(body=published.body, headers={**headers, "Content-Type": published.content_type})
        if "gzip" not in asked.headers.get("accept-encoding", ""):
            return plain
        packed = gzip.compress(published.body, mtime=0)
        return replace(plain, body=packed, headers={**plain.headers, "Content-Encoding": "gzip"})


def _is_current(asked: Asked, published: Publication) -> bool:
    """If-None-Match decides alone where it is given (RFC 9110, 13.2.2)."""
    known = asked.headers.get("if-none-match")
    if known is not None:
        return published.etag is not None and published.etag in known
    return published.modified is not None and asked.headers.get("if-modified-since") == published.modified
