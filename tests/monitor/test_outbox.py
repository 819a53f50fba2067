"""What is owed is sent, settled after the yes and not before, retried on its schedule, parked and told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clocks import HandClock, settle, until
from desks import Bench, refusing

from monitor.notifiers import Receipt
from monitor.outbox import Outbox
from rules.model import Delivery, Message, digest
from storage.engine import open_store


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_store(str(tmp_path / "tipstaff.db"))
    bench = Bench(store=store, clock=HandClock())
    bench.ear("desk")
    yield bench
    store.close()


def owe(bench: Bench, *titles: str, channel: str = "desk") -> list[str]:
    now = bench.clock.now()
    deliveries = [
        Delivery(
            key=digest(channel, title),
            channel=channel,
            message=Message(type="alert.created", thread=digest(title), at=now, title=title),
            not_before=now,
        )
        for title in titles
    ]
    bench.store.owe(deliveries, now).result()
    return [d.key for d in deliveries]


def states(bench: Bench, channel: str = "desk") -> dict[str, str]:
    return {d.message.title: d.state for d in bench.store.deliveries(channel=channel)}


def outbox(bench: Bench) -> Outbox:
    return Outbox(bench.store, bench.clock, bench.desk)


async def test_what_is_owed_is_sent_oldest_first_and_settled(bench: Bench) -> None:
    owe(bench, "one")
    bench.clock.set_forward(timedelta(seconds=1))
    owe(bench, "two")
    await outbox(bench).flush()
    assert bench.ear().titles == ["one", "two"]
    assert states(bench) == {"one": "sent", "two": "sent"}
    await outbox(bench).flush()
    assert len(bench.ear().tries) == 2


async def test_a_refused_message_is_tried_again_on_its_schedule_under_its_key(bench: Bench) -> None:
    [key] = owe(bench, "one")
    bench.ear().answer = refusing(times=2)
    box = outbox(bench)
    await box.flush()
    await box.flush()
    assert len(bench.ear().tries) == 1, "not before its time"
    for wait in (5, 60):
        bench.clock.set_forward(timedelta(seconds=wait))
        await box.flush()
    assert [k for k, _ in bench.ear().tries] == [key] * 3
    assert states(bench) == {"one": "sent"}


async def test_the_receivers_wish_to_wait_is_honoured(bench: Bench) -> None:
    owe(bench, "one")
    bench.ear().answer = refusing(retry_after=600.0, times=1)
    await outbox(bench).flush()
    bench.clock.set_forward(timedelta(seconds=599))
    await outbox(bench).flush()
    assert bench.ear().titles == []
    bench.clock.set_forward(timedelta(seconds=2))
    await outbox(bench).flush()
    assert bench.ear().titles == ["one"]


async def test_after_its_last_try_a_message_is_parked_kept_told_and_can_be_replayed(bench: Bench) -> None:
    bench.ear("other")
    [key] = owe(bench, "one")
    bench.ear().answer = refusing()
    for _ in range(12):
        await outbox(bench).flush()
        bench.clock.set_forward(timedelta(days=1, hours=6))
    assert states(bench) == {"one": "parked"}
    assert len(bench.ear().tries) == 11
    assert "Messages parked on channel desk" in bench.ear("other").titles
    bench.ear().answer = lambda _delivery: Receipt(detail="ok")
    bench.store.replay(keys=[key], states=("parked",), now=bench.clock.now()).result()
    await outbox(bench).flush()
    assert states(bench) == {"one": "sent"}
    assert bench.ear().heard[-1].key == key


async def test_a_failing_channel_is_told_through_another_at_five_minutes_and_an_hour(bench: Bench) -> None:
    bench.ear("other")
    owe(bench, "one", "two")
    bench.ear().answer = refusing()
    ages: list[float] = []
    start = bench.clock.now()
    for _ in range(90):
        before = len(bench.ear("other").heard)
        await outbox(bench).flush()
        ages += [(bench.clock.now() - start).total_seconds() / 60] * (len(bench.ear("other").heard) - before)
        bench.clock.set_forward(timedelta(minutes=1))
    assert ages == [5, 60]
    bench.ear().answer = lambda _delivery: Receipt()
    bench.clock.set_forward(timedelta(hours=3))
    await outbox(bench).flush()
    assert bench.ear("other").titles[-1] == "Channel recovered: desk"


async def test_an_answer_that_needs_a_person_is_told_at_once(bench: Bench) -> None:
    bench.ear("other")
    owe(bench, "one")
    bench.ear().answer = refusing("401 who are you", attention=True)
    await outbox(bench).flush()
    assert bench.ear("other").titles == ["Channel failing: desk"]
    assert states(bench) == {"one": "pending"}, "a wrong password today is mended tomorrow"


async def test_a_receiver_that_wants_no_more_disables_its_channel_until_a_person_enables_it(bench: Bench) -> None:
    bench.ear("other")
    owe(bench, "one", "two")
    bench.ear().answer = refusing("410 gone", gone=True)
    await outbox(bench).flush()
    owe(bench, "three")
    await outbox(bench).flush()
    assert set(states(bench).values()) == {"parked"}
    assert bench.ear("other").titles.count("Channel disabled: desk") == 1
    tries = len(bench.ear().tries)
    bench.ear().answer = lambda _delivery: Receipt()
    bench.store.enable("desk").result()
    bench.store.replay(channel="desk", states=("parked",), now=bench.clock.now()).result()
    await outbox(bench).flush()
    assert set(states(bench).values()) == {"sent"}
    assert len(bench.ear().tries) == tries + 3


async def test_a_dead_channel_delays_no_other(bench: Bench) -> None:
    bench.ear("other")
    hanging = asyncio.Event()

    async def hang(delivery: Delivery, **_: object) -> Receipt:
        await hanging.wait()
        return Receipt()

    bench.ear().send = hang  # type: ignore[method-assign, assignment]
    owe(bench, "one")
    owe(bench, "two", channel="other")
    box = outbox(bench)
    box.attend()
    await until(lambda: bench.ear("other").heard)
    assert states(bench) == {"one": "pending"}
    hanging.set()
    await box.drain()


async def test_recipients_refused_for_good_are_told_and_the_message_counts_as_sent(bench: Bench) -> None:
    bench.ear("other")
    owe(bench, "one")
    bench.ear().answer = lambda _delivery: Receipt(refused={"gone@x.test": "550 no such user"})
    await outbox(bench).flush()
    assert states(bench) == {"one": "sent"}
    assert bench.ear("other").titles == ["Recipients refused on channel desk"]
    assert "gone@x.test: 550 no such user" in bench.ear("other").heard[0].message.body


async def test_a_message_that_makes_our_own_code_raise_is_parked_after_three_tries_and_others_flow(
    bench: Bench,
) -> None:
    owe(bench, "poison", "fine")

    def answer(delivery: Delivery) -> Receipt | Exception:
        return ZeroDivisionError("ours") if delivery.message.title == "poison" else Receipt()

    bench.ear().answer = answer
    for _ in range(4):
        await outbox(bench).flush()
        bench.clock.set_forward(timedelta(hours=1))
    assert states(bench) == {"poison": "parked", "fine": "sent"}


async def test_a_parked_notice_leads_to_no_further_notice(bench: Bench) -> None:
    bench.ear("other")
    now = bench.clock.now()
    notice = Message(type="notice", thread=digest("n"), at=now, title="Source failing")
    bench.store.owe([Delivery(key=digest("k"), channel="desk", message=notice, not_before=now)], now).result()
    bench.ear().answer = refusing(park=True)
    await outbox(bench).flush()
    assert bench.ear("other").titles == []


async def test_what_was_sent_but_could_not_be_marked_is_marked_before_anything_more_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(bench, "one", "two")
    box = outbox(bench)
    settle_in_store = bench.store.settle
    full = [True]
    refused: list[str] = []

    def full_disk(*args: object, **kwargs: object) -> object:
        if full[0]:
            refused.append("a mark")
            raise OSError("no space left on device")
        return settle_in_store(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "settle", full_disk)
    box.attend()

    def woken() -> bool:
        box.wake()
        return True

    await until(lambda: woken() and len(refused) >= 5)
    sent_while_full = len(bench.ear().tries)
    assert sent_while_full <= 2, "each at most once"
    full[0] = False
    await until(lambda: woken() and set(states(bench).values()) == {"sent"})
    assert len({key for key, _ in bench.ear().tries}) == 2
    assert len(bench.ear().tries) == 2, "nothing was sent twice"
    await box.drain()


async def test_a_channel_keeps_to_its_rate_after_a_burst(bench: Bench) -> None:
    owe(bench, *(f"m{n}" for n in range(12)))
    desk = bench.desk()
    slow = type(desk.channels["desk"])(notifier=bench.ear(), rate=1.0)
    bench.desk = lambda: type(desk)(  # type: ignore[method-assign]
        rulebook=desk.rulebook, watched={}, channels={"desk": slow}, notice_channels=("desk",)
    )
    sending = asyncio.create_task(outbox(bench).flush())
    await until(lambda: bench.clock.sleepers)
    burst = len(bench.ear().tries)
    assert burst in {5, 6}
    while not sending.done():
        await bench.clock.pass_(1.0)
        await until(lambda: bench.clock.sleepers or sending.done())
    assert len(bench.ear().tries) == 12
    assert bench.clock.monotonic() >= 6


async def test_draining_finishes_what_is_in_flight_and_starts_nothing_new(bench: Bench) -> None:
    owe(bench, "one", "two", "three")
    gate = asyncio.Event()
    begun: list[str] = []
    sent: list[str] = []

    async def slowly(delivery: Delivery, **_: object) -> Receipt:
        begun.append(delivery.message.title)
        await gate.wait()
        sent.append(delivery.message.title)
        return Receipt()

    bench.ear().send = slowly  # type: ignore[method-assign, assignment]
    box = outbox(bench)
    box.attend()
    await until(lambda: begun)
    draining = asyncio.create_task(box.drain())
    await settle()
    gate.set()
    async with asyncio.timeout(5):
        await draining
    assert sent == ["one"]
    assert states(bench) == {"one": "sent", "two": "pending", "three": "pending"}
