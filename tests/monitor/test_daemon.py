"""The daemon's loops: when sources are asked, what wakes the sender, and which faults it survives or ends by."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clocks import HandClock, settle, until
from desks import Bench, NoNetwork, NoParser, failure
from running import daemon, ended, refuse, running

from monitor import daemon as daemons
from monitor.notifiers import Receipt
from monitor.rounds import Rounds
from rules.model import Delivery, Message, digest
from storage.engine import open_store
from storage.faults import StoreFull

NEVER = 3600.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_store(str(tmp_path / "tipstaff.db"))
    bench = Bench(store=store, clock=HandClock())
    store.take("desk-1:1", bench.clock.now())
    bench.source().add("old", "An old motion")
    bench.ear()
    yield bench
    store.close()


@pytest.fixture(autouse=True)
def ticks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make ticks quick, or nearly stop some of them."""

    def set_(**seconds: float) -> None:
        monkeypatch.setattr(daemons, "TICKS", daemons.TICKS | {"due": 0.02, "sweep": 0.02, "config": 0.02} | seconds)

    set_()
    return set_


def asked(bench: Bench, source: str = "court") -> int:
    return len(bench.source(source).cursors)


def next_poll(bench: Bench) -> datetime:
    state = bench.store.source("court")
    assert state is not None
    return state.next_poll


async def stored(bench: Bench) -> None:
    await until(lambda: next_poll(bench) > bench.clock.now())


async def beaten(bench: Bench) -> None:
    """Wait until the daemon has looked at the clock and sleeps until its next look."""
    await until(lambda: bench.clock.is_awaited(daemons.BEAT))


# What it does all day


async def test_a_source_is_asked_when_it_is_due_and_its_news_told_without_waiting_for_a_sweep(
    bench: Bench, ticks: Callable[..., None]
) -> None:
    ticks(sweep=NEVER)
    async with running(bench):
        await stored(bench)
        bench.source().add("1", "Motion to compel")
        await bench.clock.pass_(200)
        assert bench.ear().titles == []
        await bench.clock.pass_(200)
        await until(lambda: bench.ear().titles == ["Motion to compel"])
    assert asked(bench) == 2


async def test_what_another_process_puts_into_the_outbox_is_sent_by_the_sweep(bench: Bench) -> None:
    async with running(bench):
        now = bench.clock.now()
        message = Message(type="test", thread=digest("t"), at=now, title="From outside")
        bench.store.owe([Delivery(key=digest("k"), channel="desk", message=message, not_before=now)], now).result()
        await until(lambda: bench.ear().titles == ["From outside"])


async def test_sources_of_one_host_wait_for_each_other_and_a_hanging_one_delays_no_other_host(bench: Bench) -> None:
    hanging = asyncio.Event()

    class Hanging(NoNetwork):
        async def fetch(self, request: Any, **how: Any) -> Any:
            if "court" in request.url:
                await hanging.wait()
            return await super().fetch(request, **how)

    bench.source("sec").add("old", "Old")
    made = daemon(bench)
    made._rounds = Rounds(bench.store, Hanging(), NoParser(), bench.clock)
    async with running(bench, made):
        await until(lambda: (s := bench.store.source("sec")) and s.baselined)
        court = bench.store.source("court")
        assert court is not None and not court.baselined
        hanging.set()
        await until(lambda: (s := bench.store.source("court")) and s.baselined)


# Clocks that jump


@pytest.mark.parametrize("jump", [timedelta(days=-2), timedelta(minutes=3), timedelta(seconds=-90)])
async def test_a_wall_clock_that_jumped_makes_every_source_be_asked_anew(bench: Bench, jump: timedelta) -> None:
    async with running(bench):
        await stored(bench)
        await beaten(bench)
        bench.source().add("1", "Motion to compel")
        bench.clock.jump(jump)
        await bench.clock.pass_(daemons.BEAT)
        await until(lambda: bench.ear().titles == ["Motion to compel"])
        await stored(bench)
        bench.source().add("2", "Motion to seal")
        await bench.clock.pass_(400)
        await until(lambda: bench.ear().titles == ["Motion to compel", "Motion to seal"])


async def test_a_wall_clock_that_is_nudged_changes_no_plan(bench: Bench) -> None:
    async with running(bench):
        await stored(bench)
        planned = next_poll(bench)
        for _ in range(10):
            await beaten(bench)
            bench.clock.jump(timedelta(seconds=-2))
            await bench.clock.pass_(daemons.BEAT)
        assert (asked(bench), next_poll(bench)) == (1, planned)


# A store that cannot write


async def test_a_round_that_cannot_be_committed_pauses_its_source_and_is_repeated_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[datetime] = []
    due = bench.store.due

    def looked(now: datetime, **how: Any) -> Any:
        looks.append(now)
        return due(now, **how)

    async with running(bench) as at_work:
        await stored(bench)
        bench.source().add("1", "Motion to compel")
        full = refuse(bench, monkeypatch, "file")
        monkeypatch.setattr(bench.store, "due", looked)
        await bench.clock.pass_(400)
        await until(lambda: at_work._paused)
        before = len(looks)
        await until(lambda: len(looks) > before + 10)
        assert asked(bench) == 2, "it is due all the time, and not asked all the time"
        await bench.clock.pass_(16)
        await until(lambda: asked(bench) == 3)
        full.clear()
        await bench.clock.pass_(16)
        await until(lambda: bench.ear().titles == ["Motion to compel"])


async def test_a_step_that_fails_is_taken_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    works = bench.store.due
    failures = [1, 2]

    def due(now: datetime) -> Any:
        if failures:
            failures.pop()
            raise StoreFull("no space is left", "free some")
        return works(now)

    monkeypatch.setattr(bench.store, "due", due)
    made = daemon(bench)
    task = asyncio.create_task(made.run())
    await until(lambda: len(failures) == 1)
    while failures:
        await until(lambda: bench.clock.sleepers > 1)
        await bench.clock.pass_(1)
    await bench.clock.pass_(1)
    await until(lambda: asked(bench))
    made.stop()
    await asyncio.wait_for(task, 10)


# What it ends by


@pytest.mark.parametrize(("verb", "loop"), [("due", "due"), ("next_owed", "sweep")])
async def test_a_loop_that_is_stuck_in_its_first_step_ends_the_daemon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, verb: str, loop: str
) -> None:
    released = threading.Event()

    def stuck(*_: Any) -> Any:
        released.wait(30)
        return ()

    monkeypatch.setattr(bench.store, verb, stuck)
    try:
        said = await ended(bench, daemon(bench))
    finally:
        released.set()
    assert f"no movement for 60 s in: {loop}" in said


async def test_a_channel_whose_lane_has_ended_ends_the_daemon(bench: Bench) -> None:
    def poisoned(_delivery: Delivery) -> Receipt | Exception:
        raise asyncio.CancelledError

    bench.ear().answer = poisoned
    await bench.round()
    bench.source().add("1", "Motion to compel")
    await bench.round()
    assert "desk" in await ended(bench, daemon(bench))
    assert bench.owed() == ["Motion to compel"]


async def test_a_database_that_was_replaced_under_it_ends_the_daemon(bench: Bench, tmp_path: Path) -> None:
    database = tmp_path / "tipstaff.db"
    shutil.copy(database, tmp_path / "copy.db")
    (tmp_path / "copy.db").replace(database)
    with pytest.raises(Exception, match="deleted or replaced"):
        await daemon(bench).run()


# Stopping


async def test_a_stop_finishes_what_is_in_flight(bench: Bench) -> None:
    gate = asyncio.Event()
    begun: list[str] = []

    async def slowly(delivery: Delivery, **_: object) -> Receipt:
        begun.append(delivery.message.title)
        await gate.wait()
        return Receipt(detail="ok")

    bench.ear().send = slowly  # type: ignore[method-assign, assignment]
    made = daemon(bench)
    task = asyncio.create_task(made.run())
    await until(lambda: asked(bench))
    await stored(bench)
    bench.source().add("1", "Motion to compel")
    await bench.clock.pass_(400)
    await until(lambda: begun)
    made.stop()
    await settle()
    assert not task.done()
    gate.set()
    await asyncio.wait_for(task, 10)
    assert [d.state for d in bench.store.deliveries()] == ["sent"]


async def test_a_stop_does_not_wait_for_ever_for_a_receiver_that_hangs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "DRAIN", 0.1)
    begun: list[str] = []

    async def hang(delivery: Delivery, **_: object) -> Receipt:
        begun.append(delivery.message.title)
        await asyncio.Event().wait()
        return Receipt()

    await bench.round()
    bench.source().add("1", "Motion to compel")
    await bench.round()
    bench.ear().send = hang  # type: ignore[method-assign, assignment]
    async with running(bench):
        await until(lambda: begun)
    assert [d.state for d in bench.store.deliveries()] == ["pending"], "it is repeated under the same id"


# A new desk


async def test_a_new_rule_source_and_channel_are_at_work_after_a_reload(bench: Bench) -> None:
    changed = asyncio.Event()

    async def reload(_forced: bool) -> bool:
        if not changed.is_set():
            return False
        changed.clear()
        return True

    async with running(bench, daemon(bench, reload)):
        bench.source("sec").add("old", "Old release")
        bench.ear("hook")
        bench.rules = (*bench.rules, type(bench.rules[0])(id="order", when="order*", channels=("hook",)))
        changed.set()
        await until(lambda: (s := bench.store.source("sec")) and s.baselined)
        bench.source("sec").add("1", "Order to show cause")
        await bench.clock.pass_(400)
        await until(lambda: bench.ear("hook").titles == ["Order to show cause"])
    assert bench.ear("desk").titles == []


async def test_a_source_that_left_the_config_is_not_asked_again(bench: Bench) -> None:
    changed = asyncio.Event()

    async def reload(_forced: bool) -> bool:
        if not changed.is_set():
            return False
        changed.clear()
        return True

    gone = bench.source("sec")
    gone.add("old", "Old")
    async with running(bench, daemon(bench, reload)):
        await until(lambda: (s := bench.store.source("sec")) and s.baselined)
        del bench.wires["sec"]
        changed.set()
        await until(lambda: [s.source for s in bench.store.sources()] == ["court"])
        await bench.clock.pass_(400)
        await until(lambda: asked(bench) == 2)
    assert len(gone.cursors) == 1


async def test_a_new_desk_that_could_not_be_planned_is_planned_as_soon_as_the_store_can_write(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [True]

    async def reload(_forced: bool) -> bool:
        return bool(answers) and answers.pop()

    answers.clear()
    async with running(bench, daemon(bench, reload)):
        await stored(bench)
        full = refuse(bench, monkeypatch, "plan")
        bench.source("sec").add("old", "Old release")
        answers.append(True)
        await until(lambda: not answers and bench.clock.sleepers > 1)
        full.clear()
        await bench.clock.pass_(1)
        await until(lambda: asked(bench, "sec"))


async def test_a_request_to_read_the_config_is_heard_at_once_and_forces_it(
    bench: Bench, ticks: Callable[..., None]
) -> None:
    ticks(config=NEVER)
    heard: list[bool] = []

    async def reload(forced: bool) -> bool:
        heard.append(forced)
        return False

    async with running(bench, daemon(bench, reload)) as at_work:
        at_work.reload()
        await until(lambda: heard == [True])


# One round of everything


async def test_once_tells_outcomes_of_all_sources_and_sends_what_they_led_to(bench: Bench) -> None:
    bench.source("sec").failure = failure("dns")
    await bench.round()
    bench.source().add("1", "Motion to compel")
    outcomes = {o.source: o for o in await daemon(bench).once()}
    assert outcomes["court"].alerts == 1
    assert outcomes["sec"].failure is not None and outcomes["sec"].failure.kind == "dns"
    assert bench.ear().titles == ["Motion to compel"]
