"""The email channel against a real SMTP server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from deliveries import ALERT, AT, NOTICE, delivery
from mail_desk import TO, channel, failed
from received import read

from monitor.demo.receivers import MailReceiver
from monitor.notifiers.email import Email


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MailReceiver]:
    async with MailReceiver(folder=tmp_path / "mails") as receiver:
        yield receiver


async def test_one_mail_reaches_every_recipient_with_text_and_html(server: MailReceiver) -> None:
    notifier = channel(server)
    receipt = await notifier.send(delivery(), at=AT, progress={})
    await notifier.aclose()
    (mail,) = server.mails
    assert (mail.sender, mail.to) == ("alerts@firm.example", TO)
    assert receipt.detail.startswith("250") and receipt.refused == {}
    assert mail.path is not None and mail.path.read_bytes() == mail.raw
    got = read(mail.raw)
    assert got.types == ["multipart/alternative", "text/plain", "text/html"]
    assert "SEC motion against a tracked exchange" in got.part("text/plain")
    assert "SEC motion against a tracked exchange" in got.part("text/html")


async def test_a_mail_is_named_after_its_delivery_and_grouped_by_its_thread(server: MailReceiver) -> None:
    notifier = channel(server)
    sent = delivery()
    await notifier.send(sent, at=AT, progress={})
    await notifier.aclose()
    got = read(server.mails[0].raw)
    root = f"<thread-{ALERT.thread}@firm.example>"
    assert got.header("Message-ID") == f"<{sent.key}@firm.example>"
    assert got.header("References") == got.header("In-Reply-To") == root
    assert got.header("List-Id") == "<desk.tipstaff.firm.example>"
    assert got.header("Auto-Submitted") == "auto-generated"
    assert got.header("Date") == "Tue, 05 Mar 2024 21:04:11 +0000"
    assert not {"Bcc", "Reply-To", "Sender", "List-Unsubscribe"} & set(got.names)


async def test_a_repeat_is_byte_for_byte_the_same(server: MailReceiver) -> None:
    notifier = channel(server)
    for hours in (0, 80):
        await notifier.send(delivery(), at=AT + timedelta(hours=hours), progress={})
    await notifier.aclose()
    first, second = server.mails
    assert first.raw == second.raw


async def test_greylisting_waits_a_minute_and_asks_only_who_is_left(server: MailReceiver) -> None:
    server.answer = lambda stage, whom: "450 4.7.1 Greylisted" if (stage, whom) == ("RCPT", TO[1]) else None
    failure = await failed(channel(server))
    assert failure.retry_after == 60 and not failure.park and not failure.attention
    assert failure.progress == {"accepted": [TO[0], TO[2]], "refused": {}}
    assert "Greylisted" in failure.reason
    server.answer = lambda *_: None
    notifier = channel(server)
    receipt = await notifier.send(delivery(), at=AT, progress=failure.progress)
    await notifier.aclose()
    assert receipt.refused == {}
    assert [mail.to for mail in server.mails] == [(TO[0], TO[2]), (TO[1],)]
    assert server.mails[0].raw == server.mails[1].raw


async def test_a_mailbox_refused_for_good_is_reported_and_the_others_have_the_mail(server: MailReceiver) -> None:
    server.answer = lambda stage, whom: "550 5.1.1 No such user" if (stage, whom) == ("RCPT", TO[1]) else None
    notifier = channel(server)
    receipt = await notifier.send(delivery(), at=AT, progress={})
    await notifier.aclose()
    assert receipt.refused == {TO[1]: "550 5.1.1 No such user"}
    assert [mail.to for mail in server.mails] == [(TO[0], TO[2])]


async def test_refused_put_off_and_accepted_recipients_are_told_apart_over_two_attempts(server: MailReceiver) -> None:
    verdicts = {TO[0]: None, TO[1]: "550 5.1.1 No such user", TO[2]: "451 4.3.0 Later"}
    server.answer = lambda stage, whom: verdicts[whom] if stage == "RCPT" else None
    failure = await failed(channel(server))
    assert failure.progress == {"accepted": [TO[0]], "refused": {TO[1]: "550 5.1.1 No such user"}}
    verdicts[TO[2]] = None
    notifier = channel(server)
    receipt = await notifier.send(delivery(), at=AT, progress=failure.progress)
    await notifier.aclose()
    assert receipt.refused == {TO[1]: "550 5.1.1 No such user"}
    assert [mail.to for mail in server.mails] == [(TO[0],), (TO[2],)]


async def test_a_mail_that_nobody_may_have_is_parked_and_a_replay_tries_everybody(server: MailReceiver) -> None:
    server.answer = lambda stage, _: "550 5.1.1 No such user" if stage == "RCPT" else None
    failure = await failed(channel(server))
    assert failure.park
    server.answer = lambda *_: None
    notifier = channel(server)
    await notifier.send(delivery(), at=AT, progress=failure.progress)
    await notifier.aclose()
    assert [mail.to for mail in server.mails] == [TO]


async def test_a_server_that_denies_us_relaying_is_tried_again(server: MailReceiver) -> None:
    server.answer = lambda stage, _: "554 5.7.1 Relay access denied" if stage == "RCPT" else None
    failure = await failed(channel(server))
    assert failure.attention and not failure.park


async def test_a_recipient_taken_out_of_the_config_is_no_longer_waited_for(server: MailReceiver) -> None:
    notifier = channel(server, to=TO[:1])
    receipt = await notifier.send(delivery(), at=AT, progress={"accepted": [TO[0]], "refused": {}})
    assert "every recipient" in receipt.detail and server.connections == 0


async def test_an_answer_lost_after_data_is_repeated_under_the_same_message_id(server: MailReceiver) -> None:
    server.answer = lambda stage, _: "drop" if stage == "DATA" else None
    failure = await failed(channel(server))
    assert not failure.park and not failure.attention
    assert "Message-ID" in failure.reason
    server.answer = lambda *_: None
    notifier = channel(server)
    await notifier.send(delivery(), at=AT, progress=failure.progress)
    await notifier.aclose()
    assert [read(mail.raw).header("Message-ID") for mail in server.mails] == [f"<{delivery().key}@firm.example>"] * 2


@pytest.mark.parametrize("at", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_server_that_hangs_is_given_up_after_the_step(server: MailReceiver, at: str) -> None:
    server.answer = lambda stage, _: "hang" if stage == at else None
    failure = await failed(channel(server, step=0.05))
    assert "no answer within 0.05 s" in failure.reason and not failure.park


async def test_all_steps_together_have_a_limit_too(server: MailReceiver) -> None:
    server.answer = lambda stage, _: "hang" if stage == "RCPT" else None
    failure = await failed(channel(server, total=0.05))
    assert "0.05 s in all" in failure.reason


async def test_a_server_that_never_greets_is_given_up() -> None:
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        notifier = Email(id="desk", host="127.0.0.1", port=port, tls="none", sender="a@b.example", to=TO, step=0.05)
        failure = await failed(notifier)
        for writer in writers:
            writer.close()
    assert "the connection" in failure.reason and not failure.attention


async def test_a_closed_port_is_a_passing_failure(unused_port: int) -> None:
    notifier = Email(id="desk", host="127.0.0.1", port=unused_port, tls="none", sender="a@b.example", to=TO)
    failure = await failed(notifier)
    assert not failure.attention and not failure.park
    assert failure.reason == f"127.0.0.1:{unused_port}: Connection refused at the connection"


@pytest.mark.parametrize(
    ("answer", "attention", "wait"),
    [
        ("451 4.3.0 Local error", False, 60),
        ("452 4.3.1 Full", False, 60),
        ("421 4.3.2 Closing", False, None),
        ("552 5.3.4 Too large", True, None),
        ("554 5.6.0 Content rejected", True, None),
    ],
)
async def test_a_message_refused_after_data_is_never_given_up(
    server: MailReceiver, answer: str, attention: bool, wait: float | None
) -> None:
    server.answer = lambda stage, _: answer if stage == "DATA" else None
    failure = await failed(channel(server))
    assert (failure.attention, failure.retry_after, failure.park) == (attention, wait, False)
    assert answer in failure.reason
    assert server.mails == []


async def test_a_refused_sender_wants_attention(server: MailReceiver) -> None:
    server.answer = lambda stage, _: "550 5.7.1 Not you" if stage == "MAIL" else None
    failure = await failed(channel(server))
    assert failure.attention and not failure.park and "MAIL FROM" in failure.reason


async def test_mails_close_together_share_a_connection(server: MailReceiver) -> None:
    notifier = channel(server, keep=20.0)
    for number in range(5):
        await notifier.send(delivery(key=str(number)), at=AT, progress={})
    await notifier.aclose()
    assert (len(server.mails), server.connections) == (5, 1)


async def test_a_connection_that_went_stale_is_replaced_and_the_mail_is_sent_once(server: MailReceiver) -> None:
    notifier = channel(server, keep=20.0)
    await notifier.send(delivery(key="first"), at=AT, progress={})
    await server.disconnect()
    await notifier.send(delivery(key="second"), at=AT, progress={})
    await notifier.aclose()
    assert (len(server.mails), server.connections) == (2, 2)


async def test_a_kept_connection_that_refuses_more_mail_is_replaced(server: MailReceiver) -> None:
    notifier = channel(server, keep=20.0)
    await notifier.send(delivery(key="first"), at=AT, progress={})
    answers = ["421 4.7.0 Too many messages"]
    server.answer = lambda stage, _: answers.pop() if stage == "MAIL" and answers else None
    await notifier.send(delivery(key="second"), at=AT, progress={})
    await notifier.aclose()
    assert (len(server.mails), server.connections) == (2, 2)


async def test_a_kept_connection_lost_after_data_is_not_used_for_a_silent_repeat(server: MailReceiver) -> None:
    notifier = channel(server, keep=20.0)
    await notifier.send(delivery(key="first"), at=AT, progress={})
    server.answer = lambda stage, _: "drop" if stage == "DATA" else None
    await failed(notifier)
    assert len(server.mails) == 2


async def test_several_mails_at_once_do_not_share_a_connection(server: MailReceiver) -> None:
    notifier = channel(server, keep=20.0)
    await asyncio.gather(*(notifier.send(delivery(key=str(n)), at=AT, progress={}) for n in range(4)))
    await notifier.aclose()
    assert len({read(mail.raw).header("Message-ID") for mail in server.mails}) == 4


async def test_a_stop_in_the_middle_closes_the_connection(server: MailReceiver) -> None:
    reached = asyncio.Event()

    def hang(stage: str, _: str) -> str | None:
        if stage == "RCPT":
            reached.set()
            return "hang"
        return None

    server.answer = hang  # type: ignore[assignment]
    notifier = channel(server, keep=20.0)
    sending = asyncio.create_task(notifier.send(delivery(), at=AT, progress={}))
    await reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await notifier.aclose()
    assert server.mails == []


async def test_the_greeting_gives_the_own_address_as_mail_programs_do(server: MailReceiver) -> None:
    greeted: list[str] = []

    def note(stage: str, name: str) -> None:
        if stage == "EHLO":
            greeted.append(name)

    server.answer = note
    for hello in (None, "desk.firm.example"):
        notifier = channel(server, hello=hello)
        await notifier.send(delivery(), at=AT, progress={})
        await notifier.aclose()
    assert greeted == ["[127.0.0.1]", "desk.firm.example"]


async def test_a_notice_and_an_update_say_so_in_the_subject(server: MailReceiver) -> None:
    notifier = channel(server, unsubscribe="desk-off@firm.example")
    await notifier.send(delivery(NOTICE, key="notice"), at=AT, progress={})
    await notifier.send(delivery(key="update", type="alert.updated", kind="news"), at=AT, progress={})
    await notifier.aclose()
    notice, update = (read(mail.raw) for mail in server.mails)
    assert notice.subject == "[tipstaff high] Source failing: SEC press releases (http-403)"
    assert update.subject.startswith("[high] Updated: 1:23-cv-01599")
    assert notice.header("List-Unsubscribe") == "<mailto:desk-off@firm.example>"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b\r\nBcc: x@y",
        "a b@c.example",
        "<>",
        "ü@firm.example",
        "a@b@c",
        "a..b@c.example",
        "a@b.example, c@d.example",
    ],
)
def test_what_is_not_an_address_is_refused_when_the_channel_is_made(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Email(id="desk", host="h", port=25, tls="none", sender="a@b.example", to=(address,))
    with pytest.raises(ValueError, match="address"):
        Email(id="desk", host="h", port=25, tls="none", sender=address, to=TO)


def test_a_channel_without_recipients_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Email(id="desk", host="h", port=25, tls="none", sender="a@b.example", to=())


@pytest.fixture
async def unused_port() -> int:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port
