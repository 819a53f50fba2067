"""How the daemon ends and what it survives, as an operator sees it: signals, exit codes, a rival, a dead child."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pytest
from daemons import DaemonProcess, children, observed, write_config
from witnesses import Witnesses

from monitor.demo.replies import Reply

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs pidfd and /proc")

STOPS = 10
HELD = 75


@dataclass
class Scene:
    """Witnesses, and the daemon that works for them."""

    seen: Witnesses
    config: Path
    process: DaemonProcess

    def start(self) -> None:
        self.process = DaemonProcess(self.config, self.seen)

    async def all_arrives(self) -> bool:
        return await self.seen.until(lambda: self.process.dead or not self.seen.missing(), within=30)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A daemon that has stored what was there when it came; whatever is published now is news."""
    async with Witnesses() as seen:
        seen.publish(matching=1, noise=5)
        config = write_config(tmp_path, seen)
        made = Scene(seen, config, DaemonProcess(config, seen))
        try:
            stored = await seen.until(lambda: seen.up_to_date or made.process.dead, within=30)
            assert stored and not made.process.dead, made.process.log.read_text()
            yield made
        finally:
            await made.process.end()


@pytest.mark.long
async def test_a_clean_stop_under_load_loses_nothing_and_repeats_nothing(scene: Scene) -> None:
    seen, chance = scene.seen, Random(1)
    seen.dawdle = (0.0, 0.3)
    stopped_short = 0
    for stop in range(1, STOPS + 1):
        enough = len(seen.takings) + chance.randint(1, 8)
        seen.publish(matching=6, noise=2, cycle=stop)
        assert await seen.until(partial(_taken, seen, enough), within=30)
        began = time.monotonic()
        scene.process.terminate()
        assert await scene.process.ended(within=12) == 0, scene.process.log.read_text()[-2000:]
        assert time.monotonic() - began < 10
        stopped_short += bool(seen.missing())
        scene.start()
    assert await scene.all_arrives()
    scene.process.terminate()
    assert await scene.process.ended(within=12) == 0
    assert seen.missing() == []
    assert seen.repeats() == 0
    assert stopped_short > STOPS / 2, "a stop is only of interest while something is still owed"


async def test_a_second_sigterm_ends_the_daemon_at_once_and_what_was_in_flight_keeps_its_id(scene: Scene) -> None:
    seen, asked = scene.seen, list[str]()

    def hang(hook: object) -> Reply:
        asked.append(getattr(hook, "id"))  # noqa: B009
        seen.stir()
        return Reply(hang=True)

    seen.instead = hang
    seen.publish(matching=1, cycle=1)
    assert await seen.until(lambda: bool(asked), within=30)
    scene.process.terminate()
    assert await observed(lambda: "stopping" in scene.process.log.read_text(), within=5)
    assert not scene.process.dead, "it waits for the answer"
    began = time.monotonic()
    scene.process.terminate()
    assert await scene.process.ended(within=5) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 1

    seen.instead = lambda _hook: None
    scene.start()
    assert await scene.all_arrives()
    assert [taking.id for taking in seen.takings if taking.channel == "hook"] == asked[:1]
    assert seen.unstable() == []


async def test_a_second_daemon_on_the_same_store_exits_75_and_names_the_first(scene: Scene) -> None:
    second = DaemonProcess(scene.config, scene.seen, log="second.log")
    assert await second.ended(within=20) == HELD
    # Words may be broken into lines where they do not fit.
    said = "".join(second.log.read_text().split())
    assert f"{socket.gethostname()}:{scene.process.pid}" in said

    scene.seen.publish(matching=1, cycle=1)
    assert await scene.all_arrives()
    assert not scene.process.dead


async def test_a_killed_parse_child_is_replaced_and_leaves_no_zombie(scene: Scene) -> None:
    for nth in range(1, 4):
        assert await observed(lambda: bool(_living(scene)), within=10)
        (idle,) = _living(scene)
        os.kill(idle, signal.SIGKILL)
        assert await observed(partial(_gone, scene, idle), within=5)
        scene.seen.publish(matching=1, cycle=nth)
        assert await scene.all_arrives()
    assert not scene.process.dead
    assert "Z" not in children(scene.process.pid).values()
    assert scene.seen.repeats() == 0


async def test_a_parse_child_that_is_killed_at_work_costs_one_round_and_nothing_else(scene: Scene) -> None:
    await scene.process.end()
    scene.seen.publish(matching=2, noise=10, cycle=1)
    scene.start()
    for _ in range(2):
        # A new daemon starts a child when it has the first page to read, and again after each that died.
        assert await observed(lambda: bool(_living(scene)), within=20)
        for child in _living(scene):
            os.kill(child, signal.SIGKILL)
            assert await observed(partial(_gone, scene, child), within=5)
    assert await scene.all_arrives()
    assert not scene.process.dead
    assert "parse-crash" in scene.process.log.read_text()
    assert "Z" not in children(scene.process.pid).values()
    assert scene.seen.missing() == []
    assert scene.seen.repeats() == 0


async def test_children_end_with_a_daemon_that_was_killed(scene: Scene) -> None:
    before = _living(scene)
    assert before
    await scene.process.end()
    assert await observed(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before), within=5)


def _taken(seen: Witnesses, enough: int) -> bool:
    return len(seen.takings) >= enough


def _gone(scene: Scene, child: int) -> bool:
    return child not in children(scene.process.pid)


def _living(scene: Scene) -> list[int]:
    return [pid for pid, state in children(scene.process.pid).items() if state != "Z"]
