"""The local mail server and webhook receiver, used from outside by plain clients."""

from __future__ import annotations

import asyncio
import base64
import json
import smtplib
import sys
from pathlib import Path

import aiohttp
import pytest

from monitor.demo.receivers import HookReceiver, Mail, MailReceiver, MissingExtra
from monitor.demo.replies import Reply
from monitor.notifiers.webhook import signature, signing_key

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()
BODY = b'{"type":"test"}'


def signed(moment: int = 1000, secret: str = SECRET) -> dict[str, str]:
    return {
        "webhook-id": "one",
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(signing_key(secret), "one", moment, BODY),
    }


async def test_a_mail_from_another_client_is_kept_as_a_file_and_told(tmp_path: Path) -> None:
    told: list[Mail] = []

    async def tell(mail: Mail) -> None:
        told.append(mail)

    async with MailReceiver(folder=tmp_path / "new" / "mails", on_mail=tell) as server:

        def send() -> None:
            with smtplib.SMTP(server.host, server.port, timeout=5) as client:
                client.sendmail("a@x.example", ["b@x.example"], b"Subject: hello\r\n\r\n..dots\r\n")

        await asyncio.to_thread(send)
    assert [path.name for path in (tmp_path / "new" / "mails").iterdir()] == ["0001.eml"]
    assert told[0].path is not None and told[0].path.read_bytes() == b"Subject: hello\r\n\r\n..dots\r\n"


async def test_a_mail_that_is_refused_after_data_is_not_kept(tmp_path: Path) -> None:
    async with MailReceiver(folder=tmp_path, answer=lambda s, _: "554 no" if s == "DATA" else None) as server:

        def send() -> None:
            with smtplib.SMTP(server.host, server.port, timeout=5) as client, pytest.raises(smtplib.SMTPDataError):
                client.sendmail("a@x.example", ["b@x.example"], b"x")

        await asyncio.to_thread(send)
        assert server.mails == []
    assert list(tmp_path.iterdir()) == []


async def test_without_aiosmtpd_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)
    with pytest.raises(MissingExtra, match=r"tipstaff\[demo\]"):
        await MailReceiver().__aenter__()


async def test_verified_requests_become_json_lines_and_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "hooks.jsonl"
    async with HookReceiver(secrets=[SECRET], path=path) as server, aiohttp.ClientSession() as client:
        async with client.post(server.url, data=BODY, headers=signed()) as answer:
            assert answer.status == 204
        async with client.post(server.url, data=BODY + b" ", headers=signed()) as answer:
            assert answer.status == 401
        async with client.post(server.url, data=BODY) as answer:
            assert answer.status == 401
    assert [hook.verified for hook in server.hooks] == [True, False, False]
    (line,) = path.read_text("utf-8").splitlines()
    assert json.loads(line) == {"id": "one", "timestamp": 1000, "body": {"type": "test"}}


@pytest.mark.parametrize(("now", "status"), [(1000.0, 204), (1299.0, 204), (1301.0, 401), (600.0, 401)])
async def test_an_old_timestamp_is_refused_when_there_is_a_clock(now: float, status: int) -> None:
    async with (
        HookReceiver(secrets=[SECRET], now=lambda: now) as server,
        aiohttp.ClientSession() as client,
        client.post(server.url, data=BODY, headers=signed()) as answer,
    ):
        assert answer.status == status


async def test_a_lost_answer_leaves_the_request_kept(tmp_path: Path) -> None:
    path = tmp_path / "hooks.jsonl"
    drop = Reply(drop=True)
    async with (
        HookReceiver(secrets=[SECRET], path=path, answer=lambda _: drop) as server,
        aiohttp.ClientSession() as client,
    ):
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.post(server.url, data=BODY, headers=signed())
    assert len(server.hooks) == 1 and path.read_text("utf-8").count("\n") == 1


async def test_a_hanging_receiver_still_closes() -> None:
    patience = aiohttp.ClientTimeout(total=0.05)
    async with (
        aiohttp.ClientSession(timeout=patience) as client,
        HookReceiver(secrets=[SECRET], answer=lambda _: Reply(hang=True)) as server,
    ):
        with pytest.raises(asyncio.TimeoutError):
            await client.post(server.url, data=BODY, headers=signed())
