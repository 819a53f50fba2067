"""How the local servers answer when they are told to misbehave; they answer well by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer. Of the last two at most one: nothing is answered, or the connection is cut."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: bool = False
    """Do not answer until the server is closed."""
    drop: bool = False
    """Close the connection without an answer."""


async def given(request: web.Request, reply: Reply, closing: asyncio.Event) -> web.StreamResponse:
    """Turn a reply into the response to a request, as rude as it wants to be."""
    if reply.hang:
        await closing.wait()
    if (reply.drop or reply.hang) and request.transport is not None:
        request.transport.abort()
    return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)
