"""A delivery as the bytes of one mail: headers, a text part and an HTML part, the same bytes at every attempt.

Handing them to a server is the notifier's. The standard library's composer is left out on purpose: with a hostile
title it writes lines that nobody asked for (CVE-2024-6923) and it loses blanks between encoded words (cpython#92081).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from email.utils import format_datetime, getaddresses
from typing import Final

import idna

from monitor.message.html import as_html
from monitor.message.text import as_text
from monitor.message.wording import one_line, subject
from rules.model import Delivery, Message, digest

_ONCE: Final = frozenset(
    {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "List-Id",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "X-Tipstaff-Type",
        "X-Tipstaff-Severity",
        "MIME-Version",
        "Content-Type",
    }
)
_AT_MOST_ONCE: Final = frozenset({"Importance", "X-Tipstaff-Rules", "List-Unsubscribe"})

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_PLAIN_WORDS = re.compile(r"[ -~]*")
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,100}")


class BadMail(Exception):
    """The composed bytes are not the one mail that was meant; `str()` says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name, which may be empty, and an ASCII address."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Mailbox:
        """Read `Name <user@host>` or `user@host`; the host may be written in any script.

        Raises:
            ValueError: it is not one address that a mail server can be given.
        """
        found = getaddresses([text]) if text.isprintable() else []
        name, address = found[0] if len(found) == 1 else ("", "")
        user, at, host = address.rpartition("@")
        try:
            known = f"{user}@{host if host.isascii() else idna.encode(host, uts46=True).decode('ascii')}"
        except idna.IDNAError:
            known = ""
        if not at or len(known) > 254 or not _ADDRESS.fullmatch(known):
            raise ValueError(
                f"{text!r} is not a mail address: write user@host.example or Name <user@host.example>, "
                "the part before the @ in ASCII"
            )
        return cls(one_line(name), known)

    @property
    def domain(self) -> str:
        """The part after the @."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a channel adds to every mail."""

    channel: str
    sender: Mailbox
    to: tuple[Mailbox, ...]
    unsubscribe: str | None = None
    """An address that takes requests to be left out; no List-Unsubscribe header without one."""
    zone: tzinfo = UTC


def compose(delivery: Delivery, envelope: Envelope) -> bytes:
    """Return the mail, CRLF lines of at most 78 ASCII bytes where they can be broken.

    Message-ID is the delivery's key, and Date the time of the decision, so that every attempt is byte for byte the
    same; References names a root made from the message's thread, by which mail readers keep what belongs together.

    Raises:
        BadMail: the bytes have other headers than intended, which would be a fault of ours.
    """
    border = f"=_{_token(delivery.key)}"
    lines = [f"{name}: {value}" for name, value in _headers(delivery, envelope)]
    lines.append(f'Content-Type: multipart/alternative;\r\n boundary="{border}"')
    text, html = as_text(delivery, zone=envelope.zone), as_html(delivery, zone=envelope.zone)
    raw = "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + _parts(border, (("plain", text), ("html", html)))
    audit(raw)
    return raw


def _headers(delivery: Delivery, envelope: Envelope) -> Iterator[tuple[str, str]]:
    message, domain = delivery.message, envelope.sender.domain
    root = f"<thread-{_token(message.thread)}@{domain}>"
    yield "From", _mailbox(envelope.sender)
    yield "To", ",\r\n ".join(_mailbox(box) for box in envelope.to)
    yield "Subject", encoded(subject(message), after=len("Subject: "))
    yield "Date", format_datetime(message.at.astimezone(UTC))
    yield "Message-ID", f"<{_token(delivery.key)}@{domain}>"
    yield "In-Reply-To", root
    yield "References", root
    yield "List-Id", f"<{_label(envelope.channel)}.tipstaff.{domain}>"
    if envelope.unsubscribe:
        yield "List-Unsubscribe", f"<mailto:{envelope.unsubscribe}>"
    yield "Auto-Submitted", "auto-generated"
    yield "X-Auto-Response-Suppress", "All"
    if message.severity == "critical":
        yield "Importance", "high"
    yield "X-Tipstaff-Type", message.type
    yield "X-Tipstaff-Severity", message.severity
    if message.reasons:
        yield "X-Tipstaff-Rules", _rules(message)
    yield "MIME-Version", "1.0"


def _rules(message: Message) -> str:
    """The rule ids, for filters in mail readers; at most twenty, each kept to characters that need no encoding."""
    names = dict.fromkeys(_label(reason.rule) for reason in message.reasons[:20])
    return ",\r\n ".join(names)


def _token(text: str) -> str:
    """Return a key as it may stand in a Message-ID; keys are hex digits, anything else is made so."""
    return text if _TOKEN.fullmatch(text) else digest(text)


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:60].strip("-") or "unnamed"


def _mailbox(box: Mailbox) -> str:
    if not box.name:
        return box.address
    if box.name.isascii() and "=?" not in box.name and len(box.name) <= 60:
        quoted = box.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{box.address}>'
    return f"{encoded(box.name, after=len('From: '))}\r\n <{box.address}>"


def encoded(text: str, *, after: int) -> str:
    """Return a one-line text as it may stand in a header: as it is, or as RFC 2047 words, each on its own line.

    A word is at most 75 characters and never splits a character. `after` is what already stands on the line.
    """
    if _PLAIN_WORDS.fullmatch(text) and "=?" not in text and after + len(text) <= 78 and text == text.strip():
        return text
    words: list[str] = []
    held = b""
    # 45 bytes make 60 of base64; with `=?utf-8?b?` and `?=` that is 72 of the 75 allowed. The first word stands
    # behind the header's name: some readers show a blank for a header that begins on its second line.
    room = min(45, (78 - after - 12) // 4 * 3)
    for character in text:
        raw = character.encode("utf-8")
        if len(held) + len(raw) > room:
            words.append(_word(held))
            held, room = b"", 45
        held += raw
    words.append(_word(held))
    return "\r\n ".join(words)


def _word(raw: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(raw, newline=False).decode('ascii')}?="


def _parts(border: str, parts: Sequence[tuple[str, str]]) -> bytes:
    made = [
        f'--{border}\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode("ascii")
        + _quoted(text)
        for subtype, text in parts
    ]
    return b"\r\n".join([*made, f"--{border}--\r\n".encode("ascii")])


def _quoted(text: str) -> bytes:
    r"""Return quoted-printable lines of at most 76 bytes; `=` never stands as itself, so no border can occur."""
    raw = text.encode("utf-8", "replace").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return binascii.b2a_qp(raw, istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def audit(raw: bytes) -> None:
    """Check that the bytes are one mail with exactly the headers we write, as any mail server would read them.

    Raises:
        BadMail: a header is missing, doubled or not ours, or a line is not one that SMTP can carry.
    """
    head, blank, body = raw.partition(b"\r\n\r\n")
    if not blank or not raw.isascii() or re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", raw):
        raise BadMail("its lines are not ASCII lines that end in CR LF")
    if max(map(len, raw.split(b"\r\n"))) > 998:
        raise BadMail("a line is longer than 998 bytes (RFC 5322, 2.1.1)")
    names: list[str] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            if not line.strip():
                raise BadMail("a header has a blank continuation line")
            continue
        names.append(line.partition(b":")[0].decode("ascii"))
    twice = sorted({name for name in names if names.count(name) > 1})
    unknown = sorted(set(names) - _ONCE - _AT_MOST_ONCE)
    missing = sorted(_ONCE - set(names))
    if twice or unknown or missing:
        raise BadMail(f"headers not ours: {unknown}, more than once: {twice}, missing: {missing}")
    _audit_parts(head, body)


def _audit_parts(head: bytes, body: bytes) -> None:
    found = re.search(rb'boundary="([^"\r\n]+)"', head)
    delimiters = re.findall(rb"(?m)^--" + re.escape(found[1]) + rb"(?:--)?\r$", body) if found else []
    if len(delimiters) != 3:
        raise BadMail(f"its body has {len(delimiters)} part borders instead of 3")
