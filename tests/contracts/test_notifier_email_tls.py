"""The email channel's TLS modes and login, against a real server with certificates made for the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from certificates import Authority, new_authority
from deliveries import AT, delivery
from mail_desk import channel, failed

from monitor.demo.receivers import MailReceiver


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MailReceiver]:
    async with MailReceiver(folder=tmp_path / "mails") as receiver:
        yield receiver


async def test_starttls_is_used_with_a_certificate_of_the_named_authority(authority: Authority) -> None:
    async with MailReceiver(tls=authority.server("IP:127.0.0.1")) as server:
        notifier = channel(server, tls="starttls", ca_file=authority.file)
        await notifier.send(delivery(), at=AT, progress={})
        await notifier.aclose()
        assert len(server.mails) == 1


async def test_tls_from_the_first_byte_works_too(authority: Authority) -> None:
    async with MailReceiver(tls=authority.server("IP:127.0.0.1"), implicit_tls=True) as server:
        notifier = channel(server, tls="tls", ca_file=authority.file)
        await notifier.send(delivery(), at=AT, progress={})
        await notifier.aclose()
        assert len(server.mails) == 1


async def test_a_stripped_starttls_is_refused_and_a_person_is_told(server: MailReceiver) -> None:
    failure = await failed(channel(server, tls="starttls"))
    assert failure.attention and not failure.park
    assert "STARTTLS" in failure.reason
    assert server.mails == []


@pytest.mark.parametrize(("tls", "implicit"), [("starttls", False), ("tls", True)])
@pytest.mark.parametrize(("names", "own_authority"), [("DNS:elsewhere.example", True), ("IP:127.0.0.1", False)])
async def test_a_certificate_that_is_not_the_servers_or_not_trusted_is_refused(
    authority: Authority, tls: str, implicit: bool, names: str, own_authority: bool
) -> None:
    async with MailReceiver(tls=authority.server(names), implicit_tls=implicit) as server:
        failure = await failed(channel(server, tls=tls, ca_file=authority.file if own_authority else None))
        assert failure.attention and not failure.park
        assert "certificate" in failure.reason
        assert server.mails == []


async def test_an_unreadable_ca_file_is_named(server: MailReceiver) -> None:
    failure = await failed(channel(server, tls="starttls", ca_file="/nowhere/ca.pem"))
    assert failure.attention and "/nowhere/ca.pem" in failure.reason


async def test_the_right_password_is_let_in(authority: Authority) -> None:
    async with MailReceiver(users={"desk": "open sesame"}, tls=authority.server("IP:127.0.0.1")) as server:
        login = {"username": "desk", "password": "open sesame", "tls": "starttls", "ca_file": authority.file}
        notifier = channel(server, **login)
        await notifier.send(delivery(), at=AT, progress={})
        await notifier.aclose()
        assert len(server.mails) == 1


async def test_a_wrong_password_wants_attention_and_is_not_shown(authority: Authority) -> None:
    async with MailReceiver(users={"desk": "open sesame"}, tls=authority.server("IP:127.0.0.1")) as server:
        notifier = channel(server, username="desk", password="planted-secret", tls="starttls", ca_file=authority.file)
        failure = await failed(notifier)
        assert failure.attention and not failure.park
        assert "535" in failure.reason
        assert "planted-secret" not in failure.reason + repr(notifier) + repr(vars(notifier)["_server"])


async def test_a_login_that_the_server_does_not_offer_wants_attention(server: MailReceiver) -> None:
    server.answer = lambda stage, _: "250 localhost" if stage == "EHLO" else None
    failure = await failed(channel(server, username="desk", password="x"))
    assert failure.attention and "AUTH" in failure.reason
