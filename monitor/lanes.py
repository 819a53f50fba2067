"""Politeness: one lane for each host, one request at a time in it, spaced out; all lanes under one ceiling."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta

from monitor.clock import Clock
from monitor.log import Log

log = Log("tipstaff.lanes")

Turn = Callable[[], Awaitable[None]]


class Lanes:
    """Runs turns: in order within a host, side by side across hosts.

    `spacing` gives the least time between the end of one turn of a host and the start of its next.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        concurrency: int,
        spacing: Callable[[str], timedelta],
    ) -> None:
        self._clock = clock
        self._spacing = spacing
        self._ceiling = asyncio.Semaphore(concurrency)
        self._waiting: dict[str, deque[tuple[str, Turn, float]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended: dict[str, float] = {}
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        """Say whether a turn of this name is waiting or running."""
        return name in self._names

    def enter(self, host: str, name: str, turn: Turn, *, after: float = 0.0) -> bool:
        """Queue a turn in a host's lane; False when one of that name is already in some lane.

        It begins `after` seconds from now at the earliest, and holds no place under the ceiling until then.
        """
        if name in self._names:
            return False
        self._names.add(name)
        self._waiting.setdefault(host, deque()).append((name, turn, self._clock.monotonic() + after))
        if host not in self._tasks:
            self._tasks[host] = asyncio.create_task(self._drive(host), name=f"lane {host}")
        return True

    async def settled(self) -> None:
        """Wait until every lane is empty."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """Drop what waits and cancel what runs; nothing of it was committed."""
        self._waiting.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drive(self, host: str) -> None:
        try:
            queue = self._waiting[host]
            while queue:
                name, turn, earliest = queue.popleft()
                try:
                    await self._take(host, turn, earliest)
                finally:
                    self._names.discard(name)
        finally:
            self._waiting.pop(host, None)
            self._tasks.pop(host, None)

    async def _take(self, host: str, turn: Turn, earliest: float) -> None:
        spaced = self._ended.get(host, float("-inf")) + self._spacing(host).total_seconds()
        wait = max(spaced, earliest) - self._clock.monotonic()
        if wait > 0:
            await self._clock.sleep(wait)
        async with self._ceiling:
            try:
                await turn()
            except Exception:
                log.error("turn raised", trace=True, host=host)
            finally:
                self._ended[host] = self._clock.monotonic()
