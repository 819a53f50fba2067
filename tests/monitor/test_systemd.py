"""What systemd hears on its notify socket: ready, alive and stopping, and nothing when something is stuck."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clocks import HandClock, until
from desks import Bench, NoNetwork, NoParser

from monitor import daemon as daemons
from monitor.daemon import Daemon, LoopDied
from monitor.lanes import Lanes
from monitor.outbox import Outbox
from monitor.rounds import Rounds
from monitor.systemd import Systemd
from storage.engine import open_store


class Manager:
    """The other end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        """Return all that was heard until now."""
        while True:
            try:
                self.heard.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self.heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@tipstaff-test-{os.getpid()}")
    yield made
    made.close()


def test_lines_go_out_as_one_datagram(manager: Manager) -> None:
    Systemd({"NOTIFY_SOCKET": manager.address}).tell("READY=1", "STATUS=watching")
    assert manager.listen() == ["READY=1\nSTATUS=watching"]


def test_without_systemd_nothing_is_said_and_nothing_is_missed(tmp_path: Path) -> None:
    Systemd({}).tell("READY=1")
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")
    Systemd({"NOTIFY_SOCKET": "@"}).tell("READY=1")


def test_a_manager_that_does_not_read_stops_nobody(manager: Manager) -> None:
    told = Systemd({"NOTIFY_SOCKET": manager.address})
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    for _ in range(queue + 3):
        told.tell("WATCHDOG=1")
    assert 0 < len(manager.listen()) <= queue + 1
    told.tell("WATCHDOG=1")


@pytest.mark.parametrize(("given", "seconds"), [("120000000", 120.0), ("", None), ("soon", None)])
def test_the_watchdogs_patience_is_read_in_seconds(given: str, seconds: float | None) -> None:
    assert Systemd({"WATCHDOG_USEC": given}).watchdog == seconds


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(daemons, "TICKS", daemons.TICKS | {"due": 0.02, "sweep": 0.02, "config": 0.02})
    store = open_store(str(tmp_path / "tipstaff.db"))
    bench = Bench(store=store, clock=HandClock())
    store.take("desk-1:1", bench.clock.now())
    yield bench
    store.close()


def daemon(bench: Bench, **environ: str) -> Daemon:
    async def unchanged(_forced: bool) -> bool:
        return False

    return Daemon(
        bench.store,
        Rounds(bench.store, NoNetwork(), NoParser(), bench.clock),
        Outbox(bench.store, bench.clock, bench.desk),
        Lanes(bench.clock, concurrency=8, spacing=lambda _host: timedelta(0)),
        bench.clock,
        Systemd(environ),
        desk=bench.desk,
        reload=unchanged,
    )


async def test_a_daemon_is_ready_shows_life_and_says_when_it_stops(bench: Bench, manager: Manager) -> None:
    made = daemon(bench, NOTIFY_SOCKET=manager.address)
    task = asyncio.create_task(made.run())
    await until(lambda: manager.listen() == ["READY=1", "WATCHDOG=1"])
    for beats in (2, 3, 4):
        await until(lambda: bench.clock.sleepers)
        await bench.clock.pass_(daemons.BEAT)
        await until(lambda beats=beats: manager.listen().count("WATCHDOG=1") == beats)  # type: ignore[misc]
    made.stop()
    await asyncio.wait_for(task, 10)
    assert manager.listen() == ["READY=1", *["WATCHDOG=1"] * 4, "STOPPING=1"]


async def test_an_impatient_watchdog_hears_twice_in_its_time(bench: Bench, manager: Manager) -> None:
    made = daemon(bench, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="3000000")
    task = asyncio.create_task(made.run())
    for beats in (1, 2, 3):
        await until(lambda beats=beats: manager.listen().count("WATCHDOG=1") == beats)  # type: ignore[misc]
        await until(lambda: bench.clock.sleepers)
        await bench.clock.pass_(1.5)
    made.stop()
    await asyncio.wait_for(task, 10)


async def test_a_stuck_loop_is_no_sign_of_life(
    bench: Bench, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def stuck(*_: Any) -> Any:
        released.wait(30)
        return {}

    monkeypatch.setattr(bench.store, "next_owed", stuck)
    task = asyncio.create_task(daemon(bench, NOTIFY_SOCKET=manager.address).run())
    try:
        async with asyncio.timeout(20):
            while not task.done():
                await until(lambda: task.done() or bench.clock.sleepers)
                await bench.clock.pass_(daemons.BEAT)
                manager.listen()
        with pytest.raises(LoopDied):
            await task
    finally:
        released.set()
    heard = manager.listen()
    assert heard[-1] == "STOPPING=1"
    assert heard.count("WATCHDOG=1") == daemons.STUCK / daemons.BEAT + 1
