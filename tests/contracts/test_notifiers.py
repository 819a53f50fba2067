"""What every notifier kind promises, checked on each kind through a real receiver."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from deliveries import AT, NOTICE, delivery, titled
from hostile_titles import TITLES
from received import read

from monitor.demo.receivers import HookReceiver, MailReceiver
from monitor.demo.replies import Reply
from monitor.fetching.client import Fetcher
from monitor.fetching.guard import AddressPolicy
from monitor.notifiers import DeliveryFailure, Notifier
from monitor.notifiers.email import Email
from monitor.notifiers.webhook import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()


@dataclass
class Bench:
    """A notifier with its receiver: the ids and bytes that arrived, and a switch for trouble."""

    notifier: Notifier
    arrived: Callable[[], list[tuple[str, bytes]]]
    trouble: Callable[[str | None], None]
    """"busy": refused for now; "lost": taken, but the answer is lost; "hang": no answer; None: none."""


@asynccontextmanager
async def email() -> AsyncIterator[Bench]:
    async with MailReceiver() as server:
        answers = {"busy": "451 4.3.0 later", "lost": "drop", "hang": "hang", None: None}

        def trouble(kind: str | None) -> None:
            server.answer = lambda stage, _: answers[kind] if stage == "DATA" else None

        notifier = Email(
            id="channel", host=server.host, port=server.port, tls="none", sender="a@x.example", to=["b@x.example"],
            step=2.0,
        )  # fmt: skip

        def arrived() -> list[tuple[str, bytes]]:
            return [(read(m.raw).header("Message-ID").strip("<>").partition("@")[0], m.raw) for m in server.mails]

        yield Bench(notifier, arrived, trouble)
        await notifier.aclose()


@asynccontextmanager
async def webhook() -> AsyncIterator[Bench]:
    async with HookReceiver(secrets=[SECRET]) as server:
        fetcher = Fetcher(AddressPolicy(allow=[f"127.0.0.1/32:{urlsplit(server.url).port}"]))
        answers = {"busy": Reply(status=503), "lost": Reply(drop=True), "hang": Reply(hang=True), None: None}
        refused: list[str] = []

        def trouble(kind: str | None) -> None:
            def answer(hook: object) -> Reply | None:
                if kind == "busy":
                    refused.append(server.hooks[-1].id)
                return answers[kind]

            server.answer = answer

        notifier = Webhook(id="channel", url=server.url, secrets=[SECRET], post=fetcher.post, total=2.0)
        yield Bench(notifier, lambda: [(h.id, h.raw) for h in server.hooks][len(refused) :], trouble)
        await notifier.aclose()
        await fetcher.aclose()


@pytest.fixture(params=[email, webhook], ids=["email", "webhook"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with request.param() as made:
        yield made


async def test_a_notifier_knows_its_channel(bench: Bench) -> None:
    assert bench.notifier.id == "channel"


async def test_what_is_sent_arrives_once_under_the_deliverys_key(bench: Bench) -> None:
    await bench.notifier.send(delivery(), at=AT, progress={})
    assert [key for key, _ in bench.arrived()] == [delivery().key]


async def test_notices_are_delivered_like_alerts(bench: Bench) -> None:
    await bench.notifier.send(delivery(NOTICE), at=AT, progress={})
    assert len(bench.arrived()) == 1


async def test_a_busy_receiver_is_a_passing_failure_with_a_reason_fit_to_be_shown(bench: Bench) -> None:
    bench.trouble("busy")
    with pytest.raises(DeliveryFailure) as caught:
        await bench.notifier.send(delivery(), at=AT, progress={})
    assert not (caught.value.park or caught.value.gone or caught.value.attention)
    assert caught.value.reason.isprintable() and "127.0.0.1" in caught.value.reason
    assert bench.arrived() == []


async def test_a_repeat_after_a_lost_answer_is_the_same_to_the_byte(bench: Bench) -> None:
    bench.trouble("lost")
    with pytest.raises(DeliveryFailure) as caught:
        await bench.notifier.send(delivery(), at=AT, progress={})
    bench.trouble(None)
    await bench.notifier.send(delivery(), at=AT + timedelta(hours=5), progress=caught.value.progress)
    first, second = bench.arrived()
    assert first == second


async def test_a_receiver_that_hangs_is_a_passing_failure(bench: Bench) -> None:
    bench.trouble("hang")
    with pytest.raises(DeliveryFailure) as caught:
        await bench.notifier.send(delivery(), at=AT, progress={})
    assert not (caught.value.park or caught.value.gone)


async def test_after_a_failure_the_channel_works_again(bench: Bench) -> None:
    for kind in ("busy", "lost", "hang"):
        bench.trouble(kind)
        with pytest.raises(DeliveryFailure):
            await bench.notifier.send(delivery(key=kind), at=AT, progress={})
    bench.trouble(None)
    await bench.notifier.send(delivery(key="last"), at=AT, progress={})
    assert bench.arrived()[-1][0] == delivery(key="last").key


async def test_many_deliveries_at_once_arrive_each_once(bench: Bench) -> None:
    wanted = [delivery(key=str(number)) for number in range(12)]
    await asyncio.gather(*(bench.notifier.send(sent, at=AT, progress={}) for sent in wanted))
    assert sorted(key for key, _ in bench.arrived()) == sorted(sent.key for sent in wanted)


@pytest.mark.parametrize("title", TITLES)
async def test_no_title_keeps_a_message_from_arriving(bench: Bench, title: str) -> None:
    await bench.notifier.send(titled(title, key="title"), at=AT, progress={})
    assert len(bench.arrived()) == 1


async def test_closing_twice_is_closing_once(bench: Bench) -> None:
    await bench.notifier.send(delivery(), at=AT, progress={})
    await bench.notifier.aclose()
    await bench.notifier.aclose()
