"""The webhook channel through the real guarded client against a real receiver on loopback."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from deliveries import ALERT, AT, delivery

from monitor.demo.receivers import HookReceiver
from monitor.demo.replies import Reply
from monitor.fetching.client import Fetcher
from monitor.fetching.guard import AddressPolicy
from monitor.notifiers import DeliveryFailure
from monitor.notifiers.webhook import Webhook, signature, signing_key

OLD = "whsec_" + base64.b64encode(b"old secret of 24 bytes..").decode()
NEW = "whsec_" + base64.b64encode(b"new secret of 32 bytes..........").decode()


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[HookReceiver]:
    async with HookReceiver(secrets=[NEW], path=tmp_path / "hooks.jsonl") as opened:
        yield opened


@pytest.fixture
async def fetcher(receiver: HookReceiver) -> AsyncIterator[Fetcher]:
    made = Fetcher(AddressPolicy(allow=[f"127.0.0.1/32:{urlsplit(receiver.url).port}"]))
    yield made
    await made.aclose()


@pytest.fixture
def hook(receiver: HookReceiver, fetcher: Fetcher) -> Webhook:
    return channel(receiver, fetcher)


def channel(receiver: HookReceiver, fetcher: Fetcher, **changes: Any) -> Webhook:
    settings: dict[str, Any] = {"id": "hook", "url": receiver.url, "secrets": [NEW], "post": fetcher.post}
    return Webhook(**{**settings, **changes})


async def failed(hook: Webhook) -> DeliveryFailure:
    with pytest.raises(DeliveryFailure) as caught:
        await hook.send(delivery(), at=AT, progress={})
    return caught.value


def test_the_signature_is_that_of_the_standards_test_vector() -> None:
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_delivery_arrives_signed_and_whole(hook: Webhook, receiver: HookReceiver, tmp_path: Path) -> None:
    receipt = await hook.send(delivery(), at=AT, progress={})
    (got,) = receiver.hooks
    assert receipt.detail == "204"
    assert got.verified and (got.id, got.timestamp) == (delivery().key, int(AT.timestamp()))
    assert got.headers["content-type"] == "application/json"
    assert got.body["type"] == "alert.created"
    assert got.body["data"]["title"] == ALERT.title
    assert (tmp_path / "hooks.jsonl").read_text("utf-8").count("\n") == 1


async def test_a_repeat_has_the_same_id_and_bytes_and_its_own_time(hook: Webhook, receiver: HookReceiver) -> None:
    receiver.answer = lambda _hook: Reply(status=503)
    await failed(hook)
    receiver.answer = lambda _hook: None
    await hook.send(delivery(), at=AT + timedelta(hours=80), progress={})
    first, second = receiver.hooks
    assert first.raw == second.raw and first.id == second.id
    assert second.timestamp - first.timestamp == 80 * 3600
    assert first.verified and second.verified


async def test_while_secrets_are_rotated_either_verifies(receiver: HookReceiver, fetcher: Fetcher) -> None:
    for secrets in ([OLD, NEW], [NEW, OLD], [NEW]):
        await channel(receiver, fetcher, secrets=secrets).send(delivery(), at=AT, progress={})
    assert [hook.verified for hook in receiver.hooks] == [True, True, True]
    assert len(receiver.hooks[0].headers["webhook-signature"].split()) == 2


async def test_a_receiver_with_another_secret_refuses_and_a_person_is_told(
    receiver: HookReceiver, fetcher: Fetcher
) -> None:
    failure = await failed(channel(receiver, fetcher, secrets=[OLD]))
    assert failure.attention and not failure.park and not failure.gone
    assert "401 no valid signature" in failure.reason


@pytest.mark.parametrize(
    ("status", "attention", "gone"),
    [(400, False, False), (401, True, False), (403, True, False), (404, True, False), (410, False, True),
     (422, False, False), (429, False, False), (500, False, False), (503, False, False)],
)  # fmt: skip
async def test_every_status_but_2xx_is_a_failure(
    hook: Webhook, receiver: HookReceiver, status: int, attention: bool, gone: bool
) -> None:
    receiver.answer = lambda _hook: Reply(status=status, body=b"words of the receiver")
    failure = await failed(hook)
    assert (failure.attention, failure.gone, failure.park) == (attention, gone, False)
    assert f"{status} words of the receiver" in failure.reason


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(
    hook: Webhook, receiver: HookReceiver, status: int
) -> None:
    receiver.answer = lambda _hook: Reply(status=status, headers={"Location": "https://elsewhere.example/x?token=1"})
    failure = await failed(hook)
    assert failure.attention and "elsewhere.example;" in failure.reason and "token" not in failure.reason
    assert len(receiver.hooks) == 1


@pytest.mark.parametrize(
    ("status", "value", "wait"),
    [
        (429, "120", 120),
        (503, "Tue, 05 Mar 2024 21:14:11 GMT", 600),
        (503, "Tue, 05 Mar 2024 21:14:11 -0000", 600),
        (502, "Tue, 05 Mar 2024 20:00:00 GMT", 0),
        (504, "99999999", 86400),
        (429, "soon", None),
        (429, "-5", None),
        (400, "120", None),
    ],
)
async def test_retry_after_is_obeyed_where_it_makes_sense(
    hook: Webhook, receiver: HookReceiver, status: int, value: str, wait: float | None
) -> None:
    receiver.answer = lambda _hook: Reply(status=status, headers={"Retry-After": value})
    assert (await failed(hook)).retry_after == wait


async def test_a_lost_answer_is_a_passing_failure_and_the_receiver_has_the_message(
    hook: Webhook, receiver: HookReceiver
) -> None:
    receiver.answer = lambda _hook: Reply(drop=True)
    failure = await failed(hook)
    assert not (failure.attention or failure.park or failure.gone)
    assert len(receiver.hooks) == 1


async def test_a_receiver_that_hangs_is_given_up(receiver: HookReceiver, fetcher: Fetcher) -> None:
    receiver.answer = lambda _hook: Reply(hang=True)
    failure = await failed(channel(receiver, fetcher, total=0.1))
    assert "timeout" in failure.reason and not failure.attention


async def test_an_address_off_limits_wants_attention(receiver: HookReceiver, fetcher: Fetcher) -> None:
    failure = await failed(channel(receiver, fetcher, url="http://127.0.0.1:9/hook"))
    assert failure.attention and "127.0.0.1" in failure.reason
    assert receiver.hooks == []


async def test_a_long_and_rude_answer_is_cleaned_and_cut(hook: Webhook, receiver: HookReceiver) -> None:
    receiver.answer = lambda _hook: Reply(status=500, body=b"\x1b[31mred\x00\r\nX: y \xff" + b"z" * 10_000)
    failure = await failed(hook)
    assert len(failure.reason) < 400
    assert failure.reason.isprintable()


async def test_neither_secret_nor_the_path_of_the_address_is_shown(receiver: HookReceiver, fetcher: Fetcher) -> None:
    url = receiver.url + "/planted-token?key=planted-key"
    hook = channel(receiver, fetcher, url=url)
    failure = await failed(hook)
    for planted in ("planted-token", "planted-key", NEW.removeprefix("whsec_")):
        assert planted not in failure.reason + repr(hook)


async def test_the_answer_does_not_bring_the_path_back(
    hook: Webhook, receiver: HookReceiver, fetcher: Fetcher
) -> None:
    receiver.answer = lambda got: Reply(status=500, body=f"error at {receiver.url}?key=planted".encode())
    failure = await failed(channel(receiver, fetcher, url=receiver.url + "?key=planted"))
    assert "planted" not in failure.reason


async def test_own_headers_are_sent_along(receiver: HookReceiver, fetcher: Fetcher) -> None:
    await channel(receiver, fetcher, headers={"X-Desk": "one"}).send(delivery(), at=AT, progress={})
    assert receiver.hooks[0].headers["x-desk"] == "one"


@pytest.mark.parametrize("headers", [{"Webhook-Id": "x"}, {"a b": "x"}, {"X": "a\r\nB: c"}, {"X": "ü"}])
def test_headers_that_cannot_be_are_refused_when_the_channel_is_made(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        Webhook(id="hook", url="https://x.example/", secrets=[NEW], post=None, headers=headers)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("planted-secret", "must begin with whsec_"),
        ("whsec_planted secret!", "not base64"),
        ("whsec_" + base64.b64encode(b"planted-secret").decode(), "14 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "65 bytes"),
        ("whsec_", "0 bytes"),
    ],
)
def test_a_secret_of_another_form_is_refused_without_being_shown(secret: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        signing_key(secret)
    assert "planted" not in str(caught.value)


def test_a_webhook_without_a_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one secret"):
        Webhook(id="hook", url="https://x.example/", secrets=[], post=None)  # type: ignore[arg-type]


async def test_several_deliveries_at_once_arrive_each_once(hook: Webhook, receiver: HookReceiver) -> None:
    await asyncio.gather(*(hook.send(delivery(key=str(n)), at=AT, progress={}) for n in range(8)))
    assert len({got.id for got in receiver.hooks}) == len(receiver.hooks) == 8
