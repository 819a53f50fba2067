"""Origins on loopback that say exactly the bytes a test wants, and listeners that nobody may ever reach."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    fields: dict[str, str]
    body: bytes


@dataclass
class Origin:
    """A server whose answers are raw bytes or coroutines that write them; one answer for each path."""

    answers: dict[str, bytes | Say] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._converse(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while (request := await _read_request(reader)) is not None:
                self.asked.append(request)
                answer = self.answers.get(request.path.partition("?")[0], http(b"no such page", status=404))
                if not isinstance(answer, bytes):
                    await answer(writer)
                    break
                writer.write(answer)
                await writer.drain()
                if b"Connection: close" in answer.partition(b"\r\n\r\n")[0]:
                    break


async def _read_request(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    return Asked(method, path, fields, body)


@asynccontextmanager
async def origin(
    answers: Mapping[str, bytes | Say] | None = None, *, host: str = "127.0.0.1"
) -> AsyncIterator[Origin]:
    """Serve on a free port until the block ends."""
    served = Origin(dict(answers or {}))
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.ensure_future(served.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()  # also those whose task was cancelled before it began
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
        await server.wait_closed()


def http(
    body: bytes = b"", *, status: int = 200, fields: Mapping[str, str] | None = None, length: bool = True
) -> bytes:
    """Write a whole answer; with `length` False its end is the end of the connection."""
    lines = [f"HTTP/1.1 {status} Said"]
    lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
    lines.append(f"Content-Length: {len(body)}" if length else "Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def moved(to: str, status: int = 302) -> bytes:
    """Write a redirect."""
    return http(status=status, fields={"Location": to})


def zipped(body: bytes) -> bytes:
    """Write a whole answer that is compressed."""
    return http(gzip.compress(body), fields={"Content-Encoding": "gzip"})
