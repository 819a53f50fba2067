"""What the daemon does for the past: it records the rules in force and drops old texts, and neither may stop it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from clocks import HandClock, until
from desks import MOTION, Bench
from running import daemon, ended, refuse, running

from monitor import daemon as daemons
from rules.model import Compared, Document, Health, Rule, Traits
from storage.engine import open_store
from storage.faults import Deposed
from storage.records import Round

ORDER = Rule(id="order", when="order*", channels=("desk",))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_store(str(tmp_path / "tipstaff.db"))
    bench = Bench(store=store, clock=HandClock(), keep=timedelta(days=180))
    store.take("desk-1:1", bench.clock.now())
    bench.source().add("old", "An old motion", body="Its text.")
    bench.ear()
    yield bench
    store.close()


@pytest.fixture(autouse=True)
def ticks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make ticks quick, but for the hourly one."""

    def set_(**seconds: float) -> None:
        monkeypatch.setattr(daemons, "TICKS", daemons.TICKS | {"due": 0.02, "sweep": 0.02, "config": 0.02} | seconds)

    set_()
    return set_


def changes(bench: Bench) -> list[tuple[str, str]]:
    """What the audit log says, the oldest first."""
    return [(line.what, line.subject) for line in reversed(bench.store.audit())]


class Reloads:
    """A config that a test brings into force."""

    def __init__(self) -> None:
        self.asked = False
        self.looked = 0

    async def __call__(self, _forced: bool) -> bool:
        self.looked += 1
        asked, self.asked = self.asked, False
        return asked


# The record of rules


async def test_the_rules_in_force_are_recorded_at_the_start_and_logged_in_numbers(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running(bench):
        assert changes(bench) == [("rule.added", "motion")]
    (said,) = (record for record in caplog.records if record.getMessage() == "rules recorded")
    assert said.fields == {"added": 1, "edited": 0, "removed": 0}  # type: ignore[attr-defined]


async def test_a_new_desk_is_compared_with_the_one_before(bench: Bench) -> None:
    reloads = Reloads()
    async with running(bench, daemon(bench, reloads)):
        bench.rules = (replace(MOTION, severity="high"), ORDER)
        reloads.asked = True
        await until(lambda: len(changes(bench)) == 3)
        bench.rules = (ORDER,)
        reloads.asked = True
        await until(lambda: len(changes(bench)) == 4)
    assert changes(bench)[1:] == [("rule.edited", "motion"), ("rule.added", "order"), ("rule.removed", "motion")]


async def test_a_start_with_the_same_rules_records_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(2):
        async with running(bench):
            pass
    await daemon(bench).once()
    assert changes(bench) == [("rule.added", "motion")]
    assert sum(record.getMessage() == "rules recorded" for record in caplog.records) == 1


async def test_an_alert_leads_to_what_its_rule_said(bench: Bench) -> None:
    async with running(bench):
        await until(lambda: (s := bench.store.source("court")) and s.baselined)
        bench.source().add("1", "Motion to compel")
        await bench.clock.pass_(400)
        await until(lambda: bench.ear().titles == ["Motion to compel"])
    (fired,) = bench.store.alerts()
    kept = bench.store.rule_version("motion", fired.alert.version)
    assert kept is not None and kept.definition == MOTION.definition
    assert [reason.version for reason in bench.ear().heard[0].message.reasons] == [MOTION.version]


async def test_rules_that_cannot_be_recorded_are_asked_all_the_same_and_recorded_with_the_next_desk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = refuse(bench, monkeypatch, "record_rules")
    reloads = Reloads()
    async with running(bench, daemon(bench, reloads)):
        await until(lambda: (s := bench.store.source("court")) and s.baselined)
        bench.source().add("1", "Motion to compel")
        await bench.clock.pass_(400)
        await until(lambda: bench.ear().titles == ["Motion to compel"])
        assert changes(bench) == []
        assert any("rules not recorded" in record.getMessage() for record in caplog.records)
        full.clear()
        reloads.asked = True
        await until(lambda: changes(bench) == [("rule.added", "motion")])


async def test_a_daemon_that_was_deposed_ends_also_when_it_notices_while_it_records_rules(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: Future[object] = Future()
    failed.set_exception(Deposed("another one took over"))
    monkeypatch.setattr(bench.store, "record_rules", lambda *_: failed)
    with pytest.raises(Deposed):
        await daemon(bench).run()


# Old texts


def whole(bench: Bench) -> list[str]:
    """Titles of the documents that have their text."""
    return [filed.document.title for filed in bench.store.history()]


def fill(bench: Bench, count: int) -> None:
    """File documents, as of now."""
    now = bench.clock.now()
    many = tuple(
        Compared(key=str(n), document=Document(source="court", title=str(n), body="text"), novelty="new")
        for n in range(count)
    )
    bench.plan()
    bench.store.file(
        Round(source="court", at=now, next_poll=now, health=Health(), traits=Traits(), compared=many)
    ).result()


async def test_a_text_that_is_old_and_came_to_nothing_is_dropped_at_the_start(bench: Bench) -> None:
    await bench.round()
    bench.source().add("1", "Motion to compel", body="Its text.")
    bench.source().add("2", "Notice of appearance", body="Its text.")
    await bench.round()
    bench.clock.set_forward(timedelta(days=179))
    bench.source().add("3", "Notice of withdrawal", body="Its text.")
    await bench.round()
    bench.clock.set_forward(timedelta(days=2))
    async with running(bench):
        await until(lambda: whole(bench) == ["Motion to compel", "Notice of withdrawal"])
    assert [d.thinned for d in bench.store.documents() if d.document.title == "An old motion"] == [bench.clock.now()]


async def test_texts_are_kept_for_ever_where_the_config_says_so(bench: Bench, ticks: Callable[..., None]) -> None:
    bench.keep = None
    ticks(retention=0.02)
    await bench.round()
    bench.clock.set_forward(timedelta(days=3000))
    reloads = Reloads()
    async with running(bench, daemon(bench, reloads)):
        await until(lambda: reloads.looked > 10)
    assert whole(bench) == ["An old motion"]


async def test_a_desk_that_keeps_texts_for_a_shorter_time_drops_them_at_the_next_tick(
    bench: Bench, ticks: Callable[..., None]
) -> None:
    ticks(retention=0.02)
    await bench.round()
    bench.clock.set_forward(timedelta(days=90))
    async with running(bench):
        assert whole(bench) == ["An old motion"]
        bench.keep = timedelta(days=30)
        await until(lambda: whole(bench) == [])


async def test_a_backlog_is_dropped_in_small_steps_with_time_for_others_in_between(bench: Bench) -> None:
    fill(bench, 1200)
    bench.clock.set_forward(timedelta(days=181))
    async with running(bench):
        for left in (700, 200, 0):
            await until(lambda left=left: bench.store.count_history() == left + 1)  # and the one of the round
            await until(lambda: bench.clock.is_awaited(daemons.BREATH))
            await bench.clock.pass_(daemons.BREATH)


async def test_a_store_that_cannot_drop_texts_is_asked_again_at_the_next_tick(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ticks: Callable[..., None]
) -> None:
    ticks(retention=0.02)
    fill(bench, 1)
    bench.clock.set_forward(timedelta(days=181))
    full = refuse(bench, monkeypatch, "thin")
    async with running(bench):
        await until(lambda: bench.clock.is_awaited(1.0))
        assert bench.store.count_history() > 0
        full.clear()
        await bench.clock.pass_(1)
        await until(lambda: "0" not in whole(bench))


async def test_a_loop_that_waits_an_hour_for_its_tick_is_not_taken_for_dead(bench: Bench) -> None:
    at_work = daemon(bench)

    def others_moved() -> bool:
        return all(at_work._moved[name] == bench.clock.monotonic() for name in ("due", "sweep", "config"))

    async with running(bench, at_work):
        for _ in range(40):
            await until(lambda: bench.clock.is_awaited(daemons.BEAT))
            await bench.clock.pass_(daemons.BEAT)
            await until(others_moved)


async def test_dropping_texts_that_hangs_ends_the_daemon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ticks: Callable[..., None]
) -> None:
    ticks(retention=0.02)
    monkeypatch.setattr(bench.store, "thin", lambda *_: Future())
    assert "retention" in await ended(bench, daemon(bench))
