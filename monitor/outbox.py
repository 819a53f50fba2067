"""Sends what is owed: one lane for each channel, settled only after the receiver said yes.

What is owed was decided and committed elsewhere; a delivery leaves the pending state only by success, by a
schedule that has run out (parked, kept, told) or by a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from monitor.clock import Clock
from monitor.desk import Channel, Desk, summary
from monitor.log import Log
from monitor.notifiers import DeliveryFailure
from rules import notices, timing
from rules.model import Delivery, Health, Message
from storage.records import ChannelState, Owed, Settlement
from storage.store import Store

log = Log("tipstaff.outbox")

BATCH = 100
FLUSHES = 4
POISON = 3
"""Attempts after which a delivery that makes our own code raise is parked."""


class Outbox:
    """The lanes of all channels of the desk in force."""

    def __init__(self, store: Store, clock: Clock, desk: Callable[[], Desk]) -> None:
        self._store = store
        self._clock = clock
        self._desk = desk
        self._lanes: dict[str, _Lane] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def attend(self) -> None:
        """Open a lane for every channel of the desk and close those of channels that are gone."""
        wanted = self._desk().channels
        for name in [n for n in self._lanes if n not in wanted]:
            self._lanes.pop(name).stop()
        for name in wanted:
            if name not in self._lanes:
                lane = _Lane(name, self._store, self._clock, self._desk, self.wake)
                self._lanes[name] = lane
                self._tasks[name] = asyncio.create_task(lane.run(), name=f"channel {name}")
                self._tasks[name].add_done_callback(self._ended)

    def wake(self, channels: Collection[str] | None = None) -> None:
        """Make lanes look at once; all of them when none is named."""
        for name, lane in self._lanes.items():
            if channels is None or name in channels:
                lane.wake()

    async def flush(self) -> None:
        """Try once everything that is due, and then what that led to (notices), without lanes of its own."""
        for _ in range(FLUSHES):
            await self.remind()
            now = self._clock.now()
            due = [n for n in self._desk().channels if self._store.owed(n, now, limit=1)]
            if not due:
                return
            async with asyncio.TaskGroup() as group:
                for name in due:
                    lane = _Lane(name, self._store, self._clock, self._desk, self.wake)
                    group.create_task(lane.sweep())

    async def remind(self) -> None:
        """Tell of channels that have been failing for so long that it is time, through the others."""
        now = self._clock.now()
        for state in await asyncio.to_thread(self._store.channels):
            if state.disabled or not timing.CHANNEL_TELLING.due(state.health, now):
                continue
            told, health = _failing(self._store, self._desk(), state, now)
            await asyncio.wrap_future(self._store.owe(told, now, channel_health={state.channel: health}))
            self.wake({delivery.channel for delivery in told})

    async def drain(self) -> None:
        """Start nothing new and wait for what is in flight."""
        for lane in self._lanes.values():
            lane.stop()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """Cancel what is still in flight; it stays pending and is repeated under the same key."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def stalled(self) -> list[str]:
        """Return the channels whose lane has ended although nobody asked it to."""
        return [n for n, lane in self._lanes.items() if self._tasks[n].done() and not lane.stopping]

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("channel lane died", lane=task.get_name(), error=repr(error))


class _Lane:
    """One channel: takes up what is due, oldest first, within its rate; knows the channel's health."""

    def __init__(
        self,
        name: str,
        store: Store,
        clock: Clock,
        desk: Callable[[], Desk],
        wake_others: Callable[[Collection[str]], None],
    ) -> None:
        self._name = name
        self._store = store
        self._clock = clock
        self._desk = desk
        self._wake_others = wake_others
        self._event = asyncio.Event()
        self._event.set()
        self._unmarked: list[tuple[Settlement, ChannelState, tuple[Delivery, ...]]] = []
        self._next_send = float("-inf")
        self.stopping = False

    def wake(self) -> None:
        self._event.set()

    def stop(self) -> None:
        self.stopping = True
        self._event.set()

    async def run(self) -> None:
        while not self.stopping:
            await self._event.wait()
            self._event.clear()
            try:
                await self.sweep()
            except Exception:
                # The store may be full or away: what is owed stays owed, the next wake tries again.
                log.error("sweep failed", trace=True, channel=self._name)

    async def sweep(self) -> None:
        """Send what is due by now; what fails is due later and not tried again in this sweep."""
        await self._catch_up()
        until = self._clock.now()
        while not self.stopping:
            owed = await asyncio.to_thread(self._store.owed, self._name, until, limit=BATCH)
            channel = self._desk().channels.get(self._name)
            if not owed or channel is None:
                return
            state = await asyncio.to_thread(self._store.channel_state, self._name)
            if state.disabled:
                await self._park_all(owed, state)
            else:
                await self._send_all(owed, channel)

    async def _catch_up(self) -> None:
        """Write the marks that could not be written; as long as that fails, nothing more is sent."""
        while self._unmarked:
            settlement, state, told = self._unmarked[0]
            await asyncio.wrap_future(self._store.settle([settlement], state, told))
            self._unmarked.pop(0)

    async def _send_all(self, owed: Collection[Owed], channel: Channel) -> None:
        """Send a batch; once a mark cannot be written nothing more is begun, but what is under way is finished."""
        gate = asyncio.Semaphore(channel.parallel)

        async def one(debt: Owed) -> None:
            async with gate:
                if self.stopping or self._unmarked:
                    return
                await self._pace(channel)
                await self._deliver(debt, channel)

        outcomes = await asyncio.gather(*(one(debt) for debt in owed), return_exceptions=True)
        for fault in outcomes:
            if fault is not None:
                raise fault

    async def _pace(self, channel: Channel) -> None:
        """Keep to the channel's rate, with five messages' worth of burst."""
        gap = 1 / channel.rate
        now = self._clock.monotonic()
        self._next_send = max(self._next_send, now - 5 * gap) + gap
        if self._next_send > now:
            await self._clock.sleep(self._next_send - now)

    async def _deliver(self, debt: Owed, channel: Channel) -> None:
        delivery = debt.delivery
        now = self._clock.now()
        try:
            receipt = await channel.notifier.send(delivery, at=now, progress=debt.progress)
        except DeliveryFailure as failure:
            await self._failed(debt, failure)
        except Exception as error:
            log.error("notifier raised", trace=True, channel=self._name, delivery=delivery.key)
            park = debt.attempts + 1 >= POISON
            await self._failed(debt, DeliveryFailure(f"internal fault: {type(error).__name__}: {error}", park=park))
        else:
            await self._sent(delivery, receipt.detail, receipt.refused)

    async def _sent(self, delivery: Delivery, detail: str, refused: Mapping[str, str]) -> None:
        now = self._clock.now()
        before = self._store.channel_state(self._name)
        state = replace(before, health=timing.succeeded(before.health, now=now))
        told: list[Delivery] = []
        if before.health.told:
            told += self._tell(notices.channel_recovered(self._name, before.health, now=now), now)
        if refused and delivery.message.type != "notice":
            message = notices.recipients_refused(self._name, delivery, tuple(refused.items()), now=now)
            told += self._tell(message, now)
        progress = {"refused": dict(refused)} if refused else {}
        settlement = Settlement(key=delivery.key, state="sent", at=now, detail=detail, progress=progress)
        await self._settle(settlement, state, told)
        log.info("sent", channel=self._name, delivery=delivery.key, message=summary(delivery.message))

    async def _failed(self, debt: Owed, failure: DeliveryFailure) -> None:
        now = self._clock.now()
        delivery = debt.delivery
        until = timing.next_attempt(
            debt.attempts + 1, now=now, chance=self._clock.chance(), retry_after=failure.retry_after
        )
        parked = failure.park or failure.gone or until is None
        before = self._store.channel_state(self._name)
        kind = "gone" if failure.gone else "attention" if failure.attention else "passing"
        health = timing.failed(before.health, now=now, kind=kind, reason=failure.reason)
        told: list[Delivery] = []
        disabled = failure.reason if failure.gone else None
        if disabled:
            told += self._tell(notices.channel_disabled(self._name, disabled, now=now), now)
        elif failure.attention and not health.told:
            failing, health = _failing(self._store, self._desk(), replace(before, health=health), now)
            told += failing
        if parked and not disabled and delivery.message.type != "notice":
            told += self._tell(notices.deliveries_parked(self._name, delivery, failure.reason, now=now), now)
        settlement = Settlement(
            key=delivery.key,
            state="parked" if parked else "pending",
            at=now,
            not_before=until,
            error=failure.reason,
            progress=failure.progress or debt.progress,
        )
        await self._settle(settlement, replace(before, health=health, disabled=disabled), told)
        self._log_failure(delivery, failure, parked=parked, until=until)

    def _log_failure(
        self, delivery: Delivery, failure: DeliveryFailure, *, parked: bool, until: datetime | None
    ) -> None:
        fields: dict[str, Any] = {"channel": self._name, "delivery": delivery.key, "reason": failure.reason}
        if parked:
            log.error("parked", **fields, message=summary(delivery.message))
        else:
            log.warning("deferred", **fields, until=until.isoformat(timespec="seconds") if until else None)

    async def _park_all(self, owed: Collection[Owed], state: ChannelState) -> None:
        now = self._clock.now()
        parked = [
            Settlement(key=o.delivery.key, state="parked", at=now, error=f"channel disabled: {state.disabled}")
            for o in owed
        ]
        await asyncio.wrap_future(self._store.settle(parked, None))

    def _tell(self, message: Message, now: datetime) -> tuple[Delivery, ...]:
        return _to_others(self._desk(), self._name, message, now)

    async def _settle(self, settlement: Settlement, state: ChannelState, told: Collection[Delivery]) -> None:
        try:
            await asyncio.wrap_future(self._store.settle([settlement], state, tuple(told)))
        except Exception:
            self._unmarked.append((settlement, state, tuple(told)))
            raise
        if told:
            self._wake_others({delivery.channel for delivery in told})


def _failing(store: Store, desk: Desk, state: ChannelState, now: datetime) -> tuple[tuple[Delivery, ...], Health]:
    """Return the notice that a channel fails, and its health after it was told."""
    health = state.health
    waiting = len(store.owed(state.channel, now + timing.LONGEST_WAIT, limit=1000))
    message = notices.channel_failing(state.channel, health, waiting=waiting, now=now)
    told = _to_others(desk, state.channel, message, now, nth=health.told)
    return told, timing.told(health, now=now, notice=message.thread)


def _to_others(desk: Desk, channel: str, message: Message, now: datetime, *, nth: int = 0) -> tuple[Delivery, ...]:
    """Address a notice about a channel to the others; with no other channel, only the log has it."""
    others = desk.others(channel)
    if not others:
        log.error("no other channel to tell", channel=channel, notice=message.title)
    return notices.deliveries(message, others, nth=nth, now=now)
