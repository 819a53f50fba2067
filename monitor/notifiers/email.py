"""The channel kind `email`: one mail for each delivery, handed to one SMTP server, never twice to who has it.

What the mail says and looks like is made in `monitor.message`; when to try again is decided in `rules.timing`.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal

import aiosmtplib

from monitor.message import BadMail, Envelope, Mailbox, compose
from monitor.message.wording import one_line, shortened
from monitor.notifiers import DeliveryFailure, Receipt
from rules.model import Delivery

Tls = Literal["starttls", "tls", "none"]

GREYLISTED: Final = 60.0
"""Seconds to wait at least after a recipient was put off; greylisting servers refuse anything earlier."""
QUIT_WITHIN: Final = 2.0
_ABOUT_US: Final = frozenset({530, 534, 535, 538})
_POLICY = re.compile(r"5\.7\.\d+")
"""Enhanced status 5.7.x: the server's policy refuses the sender, not the mailbox (RFC 3463, 3.8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """Where and how to connect."""

    host: str
    port: int
    tls: Tls
    username: str | None
    password: str | None = field(repr=False)
    hello: str | None
    step: float

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(slots=True)
class _Verdicts:
    """What the server said of each recipient, and in the end of the message."""

    accepted: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    deferred: dict[str, str] = field(default_factory=dict)
    answer: str = ""


class Email:
    """A desk's mailboxes behind one SMTP server."""

    def __init__(
        self,
        *,
        id: str,
        host: str,
        port: int,
        tls: Tls,
        sender: str,
        to: Sequence[str],
        username: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
        hello: str | None = None,
        unsubscribe: str | None = None,
        zone: tzinfo = UTC,
        step: float = 60.0,
        total: float = 120.0,
        keep: float = 20.0,
    ) -> None:
        """Describe the channel; nothing is connected yet.

        Args:
            id: the channel's id.
            host: the server's name, which its certificate must bear.
            port: its port, mostly 587 for starttls, 465 for tls.
            tls: `starttls` and `tls` refuse to go on without a valid certificate; `none` sends in the clear.
            sender: what stands in From, e.g. `tipstaff <alerts@firm.example>`; its host makes the Message-IDs.
            to: the recipients, who see each other.
            username: given to the server together with `password`, if at all.
            password: the secret that goes with it.
            ca_file: a PEM file of the authorities to trust instead of the system's.
            hello: the name to greet with; by default the connection's own address, as mail programs do.
            unsubscribe: an address for requests to be left out, offered in List-Unsubscribe.
            zone: the zone of the times in the mail.
            step: seconds that one answer of the server may take.
            total: seconds for all of one attempt.
            keep: seconds that a connection is kept for the next mail; 0 for none.

        Raises:
            ValueError: an address is not one, or there is no recipient.
        """
        if not to:
            raise ValueError(f"channel {id}: an email channel needs at least one address in `to`")
        boxes = tuple(dict.fromkeys(Mailbox.parse(text) for text in to))
        self._id = id
        self._envelope = Envelope(
            channel=id,
            sender=Mailbox.parse(sender),
            to=boxes,
            unsubscribe=Mailbox.parse(unsubscribe).address if unsubscribe else None,
            zone=zone,
        )
        self._server = _Server(
            host=host, port=port, tls=tls, username=username, password=password, hello=hello, step=step
        )
        self._ca_file = ca_file
        self._total = total
        self._keep_for = keep
        self._context: ssl.SSLContext | None = None
        self._idle: _Session | None = None
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def id(self) -> str:
        """The channel's id."""
        return self._id

    def __repr__(self) -> str:
        return f"Email(id={self._id!r}, server={self._server}, to={[b.address for b in self._envelope.to]})"

    async def send(self, delivery: Delivery, *, at: datetime, progress: Mapping[str, Any]) -> Receipt:
        """Hand the mail to the server for every recipient that has not got it.

        `progress` of an earlier attempt names who `accepted` it and who was `refused` for good; neither is tried
        again. Without `accepted` (a delivery that a person replays) everyone is.

        Raises:
            DeliveryFailure: nobody, or not everybody, has it.
        """
        try:
            raw = compose(delivery, self._envelope)
        except BadMail as error:
            raise DeliveryFailure(f"this mail was not sent because {error}", park=True) from error
        accepted: list[str] = list(progress.get("accepted", ()))
        refused: dict[str, str] = dict(progress.get("refused", {})) if "accepted" in progress else {}
        remaining = [b.address for b in self._envelope.to if b.address not in accepted and b.address not in refused]
        if not remaining:
            return Receipt(detail="every recipient has it or refused it", refused=refused)
        try:
            async with asyncio.timeout(self._total):
                verdicts = await self._hand_over(raw, remaining)
        except TimeoutError as error:
            raise DeliveryFailure(f"{self._server} did not take the mail within {self._total:g} s in all") from error
        return self._conclude(verdicts, accepted, refused)

    async def aclose(self) -> None:
        """Say goodbye on the connection that was kept."""
        if self._idle is not None:
            self._retire(self._idle)
        if self._farewells:
            await asyncio.wait(self._farewells)

    async def _hand_over(self, raw: bytes, to: Sequence[str]) -> _Verdicts:
        """Use the kept connection, or a new one where that has gone stale before it was given the message."""
        kept, self._idle = self._idle, None
        if kept is not None:
            kept.stop_waiting()
            try:
                return await self._use(kept, raw, to)
            except DeliveryFailure:
                if kept.handed_over:
                    raise
        return await self._use(_Session(self._server, await self._trust()), raw, to)

    async def _use(self, session: _Session, raw: bytes, to: Sequence[str]) -> _Verdicts:
        try:
            await session.ready()
            verdicts = await session.transact(self._envelope.sender.address, to, raw)
        except (aiosmtplib.SMTPException, OSError) as error:
            session.close()
            raise session.failure(error) from error
        except BaseException:
            session.close()
            raise
        # The server has the message: from here on nothing may wait, or a stop could make us send it again.
        self._keep(session)
        return verdicts

    def _conclude(self, verdicts: _Verdicts, accepted: list[str], refused: dict[str, str]) -> Receipt:
        accepted, refused = [*accepted, *verdicts.accepted], {**refused, **verdicts.refused}
        if verdicts.deferred:
            raise DeliveryFailure(
                f"{self._server} put off {_listed(verdicts.deferred)}",
                retry_after=GREYLISTED,
                progress={"accepted": accepted, "refused": refused},
            )
        if accepted:
            return Receipt(detail=verdicts.answer, refused=refused)
        reason = f"{self._server} refused every recipient: {_listed(refused)}"
        if all(_is_about_us(words) for words in refused.values()):
            # Relaying denied, login wanted: put right in the config, and then this mail is still wanted.
            raise DeliveryFailure(reason, attention=True)
        raise DeliveryFailure(reason, park=True, progress={"refused": refused})

    async def _trust(self) -> ssl.SSLContext | None:
        if self._server.tls == "none":
            return None
        if self._context is None:
            try:
                self._context = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_file)
            except OSError as error:
                reason = f"the authorities in ca_file {self._ca_file} cannot be read: {error}"
                raise DeliveryFailure(reason, attention=True) from error
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._context

    def _keep(self, session: _Session) -> None:
        if self._keep_for <= 0 or self._idle is not None or not session.connected:
            self._retire(session)
            return
        self._idle = session
        session.wait(self._keep_for, self._retire)

    def _retire(self, session: _Session) -> None:
        """Leave a connection politely, in the background."""
        session.stop_waiting()
        if self._idle is session:
            self._idle = None
        farewell = asyncio.get_running_loop().create_task(session.quit())
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)


class _Session:
    """One connection to the server, and how far the present mail has come on it."""

    def __init__(self, server: _Server, trust: ssl.SSLContext | None) -> None:
        self._server = server
        self._client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=server.step,
            local_hostname=server.hello or "localhost",
            use_tls=server.tls == "tls",
            start_tls=False,
            tls_context=trust,
        )
        self._opened = False
        self._stage = ""
        self._timer: asyncio.TimerHandle | None = None
        self.handed_over = False
        """The server was given the message: what it did with it is unknown until it answers."""

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    async def ready(self) -> None:
        """Connect, or make sure that the connection of the last mail still lives."""
        self.handed_over = False
        if self._opened:
            self._stage = "RSET"
            await self._client.rset()
            return
        self._opened = True
        self._stage = "the connection"
        await self._client.connect()
        if self._server.hello is None:
            self._client.local_hostname = self._own_address()
        self._stage = "EHLO"
        await self._client.ehlo()
        if self._server.tls == "starttls":
            self._stage = "STARTTLS"
            await self._client.starttls()
            await self._client.ehlo()
        if self._server.username is not None:
            self._stage = "the login"
            await self._client.login(self._server.username, self._server.password or "")

    async def transact(self, sender: str, to: Sequence[str], raw: bytes) -> _Verdicts:
        """Offer the mail for each recipient, and hand it over if anyone may have it."""
        verdicts = _Verdicts()
        self._stage = "MAIL FROM"
        await self._client.mail(sender)
        self._stage = "RCPT TO"
        for address in to:
            try:
                await self._client.rcpt(address)
                verdicts.accepted.append(address)
            except aiosmtplib.SMTPRecipientRefused as answer:
                if answer.code == 421:
                    raise
                kind = verdicts.refused if answer.code >= 500 else verdicts.deferred
                kind[address] = _said(answer.code, answer.message)
        if verdicts.accepted:
            self._stage = "DATA"
            self.handed_over = True
            taken = await self._client.data(raw)
            verdicts.answer = _said(taken.code, taken.message)
        return verdicts

    def failure(self, error: Exception) -> DeliveryFailure:
        """Say what an error means for the delivery, at the place that knows what was being done."""
        broken = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(broken, ssl.SSLCertVerificationError):
            reason = f"the certificate of {self._server} is not trusted: {broken.verify_message}"
            return DeliveryFailure(reason, attention=True)
        if isinstance(broken, ssl.SSLError):
            reason = f"TLS with {self._server} failed: {broken.reason or broken}"
            return DeliveryFailure(reason, attention=True)
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return self._answered(error)
        if isinstance(error, TimeoutError):
            return self._broken(f"no answer within {self._server.step:g} s")
        if isinstance(error, OSError):
            return self._broken(_plainly(error))
        # The library's own complaints: STARTTLS or AUTH is not offered.
        reason = f"{self._server}: {one_line(str(error))}"
        return DeliveryFailure(reason, attention=True)

    def _answered(self, error: aiosmtplib.SMTPResponseException) -> DeliveryFailure:
        reason = f"{self._server} answered {_said(error.code, error.message)} to {self._stage}"
        passing = 400 <= error.code < 500 and self._stage != "STARTTLS"
        wait = GREYLISTED if error.code in (450, 451, 452) else None
        return DeliveryFailure(reason, attention=not passing, retry_after=wait)

    def _broken(self, what: str) -> DeliveryFailure:
        unknown = " (whether it was taken is not known; a repeat has the same Message-ID)" if self.handed_over else ""
        return DeliveryFailure(f"{self._server}: {shortened(one_line(what), 200)} at {self._stage}{unknown}")

    def _own_address(self) -> str:
        address = str(self._client.get_transport_info("sockname")[0])
        return f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"

    def wait(self, seconds: float, then: Callable[[_Session], None]) -> None:
        """Call `then` with this session unless it is used again within so many seconds."""
        self._timer = asyncio.get_running_loop().call_later(seconds, then, self)

    def stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        self._client.close()

    async def quit(self) -> None:
        """Say QUIT and close; whatever goes wrong then is of no interest."""
        with suppress(aiosmtplib.SMTPException, OSError):
            await self._client.quit(timeout=QUIT_WITHIN)
        self._client.close()


def _plainly(error: OSError) -> str:
    """Say what the system says, without the library's own words around it."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    if cause.errno and cause.errno > 0:
        return os.strerror(cause.errno)
    return cause.strerror or str(error)


def _said(code: int, words: str) -> str:
    return shortened(f"{code} {one_line(words)}".strip(), 300)


def _listed(verdicts: Mapping[str, str]) -> str:
    return shortened("; ".join(f"{address}: {words}" for address, words in verdicts.items()), 600)


def _is_about_us(words: str) -> bool:
    return words[:3].isdigit() and (int(words[:3]) in _ABOUT_US or bool(_POLICY.search(words)))
