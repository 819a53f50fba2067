"""The daemon: APScheduler ticks, the store's timetable says what is due, lanes ask, the outbox sends.

What a round or a delivery does is in `rounds` and `outbox`; nothing is decided here but when to look.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor.clock import Clock
from monitor.desk import Desk, Watched
from monitor.lanes import Lanes
from monitor.log import Log
from monitor.outbox import Outbox
from monitor.rounds import Outcome, Rounds
from monitor.systemd import Systemd
from storage.faults import Deposed
from storage.records import SourceState
from storage.store import Store

log = Log("tipstaff.daemon")

DRAIN: Final = 10.0
"""Seconds a clean stop may take."""
JUMP: Final = 5.0
"""Seconds between wall clock and monotonic clock that count as a jump."""
STUCK: Final = 60.0
"""Seconds without movement after which a loop counts as dead."""
STORE_PAUSE: Final = timedelta(seconds=15)
"""How long a source waits when its round could not be committed (the disk is full, the database away)."""
BEAT: Final = 5.0
"""Seconds between signs of life, counted by the monotonic clock: ticks stand still when the wall clock goes back."""
TICKS: Final = {"due": 0.25, "sweep": 1.0, "config": 2.0, "retention": 3600.0}
"""Seconds between ticks; a commit wakes the sender at once, the sweep is for retries and other processes."""
BREATH: Final = 0.5
"""Seconds between two batches of old texts: a backlog of them must not keep what is news from being committed."""


class LoopDied(RuntimeError):
    """A loop of the daemon ended or stopped moving; the process must be restarted."""


class _Steadily(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """Fires so long after it last fired. An interval trigger would count every tick that a jumping clock left out,
    one by one: ten years are a thousand million of them."""

    def __init__(self, seconds: float) -> None:
        self._gap = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + self._gap


class Daemon:
    """Runs until it is told to stop."""

    def __init__(
        self,
        store: Store,
        rounds: Rounds,
        outbox: Outbox,
        lanes: Lanes,
        clock: Clock,
        systemd: Systemd,
        *,
        desk: Callable[[], Desk],
        reload: Callable[[bool], Coroutine[Any, Any, bool]],
        on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        self._store = store
        self._rounds = rounds
        self._outbox = outbox
        self._lanes = lanes
        self._clock = clock
        self._systemd = systemd
        self._desk = desk
        self._reload = reload
        self._on_outcome = on_outcome
        self._ticked = {name: asyncio.Event() for name in TICKS}
        self._moved: dict[str, float] = {}
        self._stop = asyncio.Event()
        self._paused: dict[str, datetime] = {}
        self._looks = 0
        self._asked: dict[str, int] = {}
        """Source -> the look at the timetable during or after which its last round ended."""
        self._forced = False
        self._replan = False
        """A new desk is in force that the timetable does not know of yet."""
        self._offset: float | None = None
        """Wall clock minus monotonic clock at the last beat, in seconds."""
        self._ticker = AsyncIOScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def stop(self) -> None:
        """Ask for a clean stop."""
        self._stop.set()

    def reload(self) -> None:
        """Ask for the config to be read again, changed or not."""
        self._forced = True
        self._ticked["config"].set()

    async def run(self) -> None:
        """Work until `stop`, then finish what is in flight within ten seconds.

        Raises:
            LoopDied: something that must always run has ended; the caller exits non-zero.
        """
        await self.plan()
        self._outbox.attend()
        for name, seconds in TICKS.items():
            self._ticker.add_job(self._tick, _Steadily(seconds), args=(name,), id=name)
        self._ticker.start()
        # The first tick is an hour away: a daemon that is restarted more often would never see it.
        self._ticked["retention"].set()
        loops = [
            self._loop("due", self._enqueue_due),
            self._loop("sweep", self._sweep),
            self._loop("config", self._look_at_config),
            self._loop("retention", self._thin),
            asyncio.create_task(self._beating(), name="beat loop"),
        ]
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        self._systemd.tell("READY=1")
        try:
            done, _ = await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ticker.shutdown(wait=False)
            self._systemd.tell("STOPPING=1")
            for task in (*loops, stopping):
                task.cancel()
            await asyncio.gather(*loops, stopping, return_exceptions=True)
            await self._drain()
        for task in done - {stopping}:
            raise LoopDied(f"{task.get_name()} ended: {task.exception()!r}") from task.exception()

    async def plan(self) -> None:
        """Bring the timetable and the record of rules in line with the desk."""
        sources = [(w.source.id, w.host, w.source.url) for w in self._desk().watched.values()]
        await asyncio.wrap_future(self._store.plan(sources, self._clock.now()))
        await self._record_rules()

    async def _record_rules(self) -> None:
        """Keep what the rules in force say; without it they work all the same, so a fault ends nothing."""
        try:
            recording = self._store.record_rules(self._desk().rulebook.rules, self._clock.now())
            changes = Counter(change.what for change in await asyncio.wrap_future(recording))
        except Deposed:
            raise
        except Exception:
            log.error("rules not recorded; tried again with the next config or start", trace=True)
            return
        if changes:
            log.info("rules recorded", added=changes["added"], edited=changes["edited"], removed=changes["removed"])

    async def once(self) -> list[Outcome]:
        """Ask every source once, send what is owed, and return the outcomes."""
        await self.plan()
        outcomes: list[Outcome] = []

        async def turn(watched: Watched, state: SourceState) -> None:
            outcome = await self._rounds.run(watched, state, self._desk())
            outcomes.append(outcome)
            self._on_outcome(outcome)

        for state in self._store.sources():
            watched = self._desk().watched.get(state.source)
            if watched is not None:
                self._lanes.enter(state.host, state.source, partial(turn, watched, state))
        await self._lanes.settled()
        await self._outbox.flush()
        return outcomes

    async def _tick(self, name: str) -> None:
        # A coroutine, because APScheduler runs plain functions in a thread, where an asyncio.Event may not be set.
        self._ticked[name].set()

    def _loop(self, name: str, step: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        self._moved[name] = self._clock.monotonic()

        async def turning() -> None:
            while True:
                await self._ticked[name].wait()
                self._ticked[name].clear()
                await self._survive(name, step)
                self._moved[name] = self._clock.monotonic()

        return asyncio.create_task(turning(), name=f"{name} loop")

    async def _beating(self) -> None:
        watchdog = self._systemd.watchdog
        gap = min(BEAT, watchdog / 2) if watchdog else BEAT
        while True:
            await self._survive("beat", self._beat)
            await self._clock.sleep(gap)

    async def _survive(self, name: str, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Take one step; a passing fault (store busy, disk full) is logged and the loop goes on."""
        try:
            await step()
        except (Deposed, LoopDied):
            raise
        except Exception:
            log.error("step failed", trace=True, loop=name)
            await self._clock.sleep(1.0)

    async def _enqueue_due(self) -> None:
        """Queue what is due before the next tick, each source for its own moment, so that ticks make no crowds."""
        self._looks += 1
        now = self._clock.now()
        for state in await asyncio.to_thread(self._store.due, now + timedelta(seconds=TICKS["due"])):
            source = state.source
            watched = self._desk().watched.get(source)
            pause = self._paused.get(source)
            if watched is None or source in self._lanes or (pause and pause > now):
                continue
            if self._asked.get(source) == self._looks:
                continue  # its round ended while we looked: this state may be the one from before it
            wait = (state.next_poll - now).total_seconds()
            self._lanes.enter(state.host, source, partial(self._round, watched, state), after=wait)

    async def _round(self, watched: Watched, state: SourceState) -> None:
        source = watched.source.id
        try:
            outcome = await self._rounds.run(watched, state, self._desk())
        except Exception:
            self._paused[source] = self._clock.now() + STORE_PAUSE
            log.error("round not committed", trace=True, source=source)
            return
        finally:
            self._asked[source] = self._looks
        self._paused.pop(source, None)
        self._on_outcome(outcome)
        if outcome.owed:
            self._outbox.wake(outcome.owed)
        if outcome.new or outcome.amended or outcome.baseline:
            log.info(
                "round",
                source=source,
                new=outcome.new,
                amended=outcome.amended,
                alerts=outcome.alerts,
                baseline=outcome.baseline,
            )

    async def _sweep(self) -> None:
        now = self._clock.now()
        owed = await asyncio.to_thread(self._store.next_owed)
        due = [channel for channel, at in owed.items() if at <= now]
        if due:
            self._outbox.wake(due)
        await self._outbox.remind()

    async def _beat(self) -> None:
        """Show that all moves: to the store, to systemd; notice a clock that jumped."""
        now, steady = self._clock.now(), self._clock.monotonic()
        await self._notice_jump(now, steady)
        await asyncio.wrap_future(self._store.heartbeat(now))
        stuck = [n for n, at in self._moved.items() if steady - at > STUCK + TICKS[n]] + self._outbox.stalled()
        if stuck:
            raise LoopDied(f"no movement for {STUCK:.0f} s in: {', '.join(stuck)}")
        self._systemd.tell("WATCHDOG=1")

    async def _notice_jump(self, now: datetime, steady: float) -> None:
        offset = now.timestamp() - steady
        before, self._offset = self._offset, offset
        if before is None or abs(offset - before) < JUMP:
            return
        log.warning("the wall clock jumped; every source is asked anew", seconds=round(offset - before, 1))
        self._paused.clear()
        await asyncio.wrap_future(self._store.poll_now(None, now))
        for planned in self._ticker.get_jobs():
            planned.modify(next_run_time=now)

    async def _look_at_config(self) -> None:
        forced, self._forced = self._forced, False
        self._replan |= await self._reload(forced)
        if self._replan:
            await self.plan()
            self._outbox.attend()
            self._outbox.wake()
            self._replan = False

    async def _thin(self) -> None:
        """Drop the texts that are older than the desk keeps them, a few at a time."""
        dropped = 0
        while (keep := self._desk().keep) is not None:
            now = self._clock.now()
            count = await asyncio.wrap_future(self._store.thin(now - keep, now))
            self._moved["retention"] = self._clock.monotonic()
            if not count:
                break
            dropped += count
            await self._clock.sleep(BREATH)
        if dropped:
            log.info("old texts dropped", documents=dropped)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN):
                await self._lanes.close()
                await self._outbox.drain()
        except TimeoutError:
            log.warning("stopped with deliveries in flight; they are repeated under the same id", seconds=DRAIN)
        finally:
            await self._outbox.close()
