"""A clock that tests turn by hand."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2024, 3, 5, 21, 0, tzinfo=UTC)


class HandClock:
    """Time stands still until a test moves it; sleepers wake in order as it passes them."""

    def __init__(self, start: datetime = START, *, chance: float = 0.5) -> None:
        self._start = start
        self._elapsed = 0.0
        self._jump = timedelta(0)
        self._chance = chance
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed) + self._jump

    def monotonic(self) -> float:
        return self._elapsed

    @property
    def sleepers(self) -> int:
        """How many wait for time to pass."""
        return len(self._sleepers)

    def is_awaited(self, seconds: float) -> bool:
        """Whether somebody sleeps until exactly so many seconds from now."""
        return any(at == self._elapsed + seconds for at, _, _ in self._sleepers)

    def chance(self) -> float:
        return self._chance

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._elapsed + seconds, self._count, future))
        await future

    def jump(self, by: timedelta) -> None:
        """Move the wall clock only."""
        self._jump += by

    def set_forward(self, by: timedelta) -> None:
        """Let time pass without a running loop."""
        self._elapsed += by.total_seconds()

    async def pass_(self, seconds: float) -> None:
        """Let time pass, waking sleepers at their moments and letting what they do settle."""
        end = self._elapsed + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, future = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, at)
            if not future.done():
                future.set_result(None)
            await settle()
        self._elapsed = end
        await settle()


async def settle(turns: int = 20) -> None:
    """Let all that can run without waiting run."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Wait, in real time, until something that threads or processes do has come about.

    Raises:
        TimeoutError: it has not within so many seconds.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
