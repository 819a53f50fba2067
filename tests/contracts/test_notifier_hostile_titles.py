"""Hostile titles through a real SMTP server: one mail each, no header that is not ours, the title as cleaned."""

from __future__ import annotations

import unicodedata
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from deliveries import AT, titled
from hostile_titles import TITLES, made
from hypothesis import given
from hypothesis import strategies as st
from received import read

from monitor.demo.receivers import MailReceiver
from monitor.message import BadMail, Envelope, Mailbox, as_html, as_text, audit, compose, subject
from monitor.notifiers.email import Email
from rules.model import Delivery

NAMES = [
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "List-Id", "Auto-Submitted",
    "X-Auto-Response-Suppress", "X-Tipstaff-Type", "X-Tipstaff-Severity", "X-Tipstaff-Rules", "MIME-Version",
    "Content-Type",
]  # fmt: skip
ENVELOPE = Envelope(channel="desk", sender=Mailbox.parse("a@firm.example"), to=(Mailbox.parse("b@firm.example"),))


def check(sent: Delivery, raw: bytes) -> None:
    """What a mail must be, whatever its title: judged by another reader than the one that wrote it."""
    got = read(raw)
    assert got.names == NAMES
    assert got.types == ["multipart/alternative", "text/plain", "text/html"]
    assert got.message.defects == []
    assert got.subject == subject(sent.message)
    assert len(got.subject) <= 200
    assert {unicodedata.category(character) for character in got.subject}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert got.part("text/plain") == as_text(sent)
    assert got.part("text/html") == as_html(sent)
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert "evil@x.test" not in str(got.message["To"]) + str(got.message["From"])


@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_stays_in_the_subject(title: str) -> None:
    check(titled(title), compose(titled(title), ENVELOPE))


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_title_at_all_stays_in_the_subject(title: str) -> None:
    check(titled(title), compose(titled(title), ENVELOPE))


async def test_hostile_titles_pass_a_real_server_one_mail_each() -> None:
    titles = [*TITLES, *made(200, seed=20240305)]
    deliveries = [titled(title, key=str(number)) for number, title in enumerate(titles)]
    async with MailReceiver() as server:
        notifier = Email(
            id="desk", host=server.host, port=server.port, tls="none", sender="a@firm.example", to=["b@firm.example"]
        )
        for sent in deliveries:
            await notifier.send(sent, at=AT, progress={})
        await notifier.aclose()
        assert len(server.mails) == len(deliveries)
        for sent, mail in zip(deliveries, server.mails, strict=True):
            assert (mail.sender, mail.to) == ("a@firm.example", ("b@firm.example",))
            check(sent, mail.raw)


def test_the_audit_catches_what_the_standard_composer_makes_of_a_hostile_title() -> None:
    good = compose(titled("Motion"), ENVELOPE)
    standard = EmailMessage(policy=SMTP)
    try:
        standard["Subject"] = "=?utf-8?q?Motion=0D=0ABcc:_evil@x.test?="
        line = next(part for part in standard.as_bytes().split(b"\r\n\r\n") if b"Subject" in part)
    except Exception:
        pytest.skip("this Python refuses to write such a header by itself")
    forged = good.replace(b"Subject: [high] Motion", line)
    assert forged != good
    if b"Bcc" in line:
        with pytest.raises(BadMail, match="Bcc"):
            audit(forged)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"Subject:", b"Bcc: x@y\r\nSubject:", "Bcc"),
        (b"Subject:", b"Subject: a\r\nSubject:", "more than once"),
        (b"Subject:", b"subject:", "not ours"),
        (b"Message-ID:", b"X-Other:", "missing"),
        (b"Subject: [", b"Subject: \r\n\r\n[", "missing"),
        (b"Subject: [", b"Subject: \n[", "CR LF"),
        (b"Subject: [", b"Subject: \r[", "CR LF"),
        (b"Subject: [", b"Subject: \x00[", "CR LF"),
        (b"Subject: [", b"Subject: \xc3\xbc[", "ASCII"),
        (b"Subject: [", b"Subject: \r\n \r\n [", "blank"),
        (b"Subject: [", b"Subject: " + b"x" * 1000 + b"[", "998"),
        (b"</html>", b"</html>\r\n--=_made up--", None),
    ],
)
def test_the_audit_names_what_is_wrong_with_a_mail(old: bytes, new: bytes, why: str | None) -> None:
    good = compose(titled("Motion"), ENVELOPE)
    audit(good)
    forged = good.replace(old, new, 1)
    assert forged != good
    if why is None:
        audit(forged)
        return
    with pytest.raises(BadMail, match=why):
        audit(forged)


def test_a_doubled_border_is_found() -> None:
    good = compose(titled("Motion"), ENVELOPE)
    border = b"\r\n--" + good.split(b'boundary="')[1].split(b'"')[0] + b"\r\n"
    with pytest.raises(BadMail, match="borders"):
        audit(good.replace(border, border + border, 1))
