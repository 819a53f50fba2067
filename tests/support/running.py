"""A daemon at work around a bench, and a store that cannot write; what it is to do, the tests say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from clocks import until
from desks import Bench, NoNetwork, NoParser

from monitor import daemon as daemons
from monitor.daemon import Daemon, LoopDied
from monitor.lanes import Lanes
from monitor.outbox import Outbox
from monitor.rounds import Rounds
from monitor.systemd import Systemd
from storage.faults import StoreFull

Reload = Callable[[bool], Coroutine[Any, Any, bool]]


async def nothing_new(_forced: bool) -> bool:
    return False


def daemon(bench: Bench, reload: Reload = nothing_new) -> Daemon:
    clock = bench.clock
    return Daemon(
        bench.store,
        Rounds(bench.store, NoNetwork(), NoParser(), clock),
        Outbox(bench.store, clock, bench.desk),
        Lanes(clock, concurrency=8, spacing=lambda _host: timedelta(0)),
        clock,
        Systemd({}),
        desk=bench.desk,
        reload=reload,
    )


@asynccontextmanager
async def running(bench: Bench, made: Daemon | None = None) -> AsyncIterator[Daemon]:
    """A daemon at work that has asked every source once."""
    made = made or daemon(bench)
    task = asyncio.create_task(made.run())
    try:
        await until(lambda: task.done() or all(wire.cursors for wire in bench.wires.values()))
        yield made
    finally:
        made.stop()
        await asyncio.wait_for(task, 10)


def refuse(bench: Bench, monkeypatch: pytest.MonkeyPatch, verb: str) -> list[bool]:
    """Let a verb of the store fail for as long as the list is not empty."""
    works = getattr(bench.store, verb)
    full = [True]

    def refusing(*args: Any, **kwargs: Any) -> Any:
        if not full:
            return works(*args, **kwargs)
        failed: Future[Any] = Future()
        failed.set_exception(StoreFull("no space is left", "free some"))
        return failed

    monkeypatch.setattr(bench.store, verb, refusing)
    return full


async def ended(bench: Bench, made: Daemon) -> str:
    """Let time pass until the daemon has ended by a fault, and return what it said."""
    task = asyncio.create_task(made.run())
    async with asyncio.timeout(20):
        while not task.done():
            await until(lambda: task.done() or bench.clock.sleepers)
            await bench.clock.pass_(daemons.BEAT)
            await asyncio.sleep(0)
    with pytest.raises(LoopDied) as died:
        await task
    return str(died.value)
