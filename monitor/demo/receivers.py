"""Local receivers, a real mail server and a real webhook receiver, on loopback ports of the system's choice.

They keep what they get and check it; they are for the demo and for tests, and no part of the daemon.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from aiohttp import web

from monitor.demo.replies import Reply, given
from monitor.notifiers.webhook import signature, signing_key

LOOPBACK: Final = "127.0.0.1"
Stage = Literal["EHLO", "MAIL", "RCPT", "DATA"]
Rudeness = Literal["hang", "drop"]
SmtpAnswer = Callable[[Stage, str], str | Rudeness | None]
"""(command, its address or the message's id) -> an SMTP answer such as `450 4.7.1 later`, or "hang", or "drop", or
None for the usual one. At DATA the message has been kept by then unless the answer refuses it."""


class MissingExtra(Exception):
    """A library that only an extra installs is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message as the server took it."""

    sender: str
    to: tuple[str, ...]
    raw: bytes
    path: Path | None


class MailReceiver:
    """An SMTP server that takes every mail and leaves it as an .eml file to open."""

    def __init__(
        self,
        *,
        folder: Path | None = None,
        on_mail: Callable[[Mail], Awaitable[None] | None] | None = None,
        answer: SmtpAnswer = lambda _stage, _argument: None,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        users: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the server.

        Args:
            folder: where to leave the mails; made if absent.
            on_mail: called for each mail taken.
            answer: what to answer instead of the usual.
            tls: offer STARTTLS with this certificate ...
            implicit_tls: ... or speak TLS from the first byte.
            users: user names and passwords; if given, only they may send.
        """
        self._folder = folder
        self._on_mail = on_mail
        self.answer = answer
        self._tls = tls
        self._implicit = implicit_tls
        self._users = users
        self._server: asyncio.Server | None = None
        self._protocols: list[Any] = []
        self.mails: list[Mail] = []
        self.connections = 0

    @property
    def host(self) -> str:
        """The address it listens on."""
        return LOOPBACK

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            raise RuntimeError("the mail receiver is not open")
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> MailReceiver:
        protocol = _smtp_protocol()
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()

        def connected() -> Any:
            self.connections += 1
            made = protocol(
                self,
                hostname="localhost",
                ident="tipstaff demo",
                tls_context=None if self._implicit else self._tls,
                auth_required=self._users is not None,
                auth_require_tls=self._tls is not None and not self._implicit,
                authenticator=self._authenticate,
                loop=loop,
            )
            self._protocols.append(made)
            return made

        self._server = await loop.create_server(connected, LOOPBACK, 0, ssl=self._tls if self._implicit else None)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self.disconnect()
            await self._server.wait_closed()

    async def disconnect(self) -> None:
        """Cut every open connection, as a server does that is restarted."""
        conversations = [p._handler_coroutine for p in self._protocols if p._handler_coroutine is not None]
        for made in self._protocols:
            if made.transport is not None:
                made.transport.abort()
        self._protocols.clear()
        for conversation in conversations:
            # One that waits for a TLS handshake does not notice the end of its connection.
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)

    # aiosmtpd calls these by name.

    async def handle_EHLO(self, server: Any, session: Any, _envelope: Any, name: str, lines: list[str]) -> list[str]:
        said = await self._said(server, "EHLO", name)
        session.host_name = name
        return [said] if said else lines

    async def handle_MAIL(self, server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if said := await self._said(server, "MAIL", address):
            return said
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if said := await self._said(server, "RCPT", address):
            return said
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        name = f"{len(self.mails) + 1:04}"
        said = self.answer("DATA", name)
        if said in (None, "hang", "drop") or str(said).startswith("2"):
            await self._take(name, envelope)
        return await self._carried_out(server, said) or f"250 OK kept as {name}"

    async def _take(self, name: str, envelope: Any) -> None:
        raw = bytes(envelope.content)
        path = None
        if self._folder is not None:
            path = self._folder / f"{name}.eml"
            await asyncio.to_thread(path.write_bytes, raw)
        mail = Mail(sender=envelope.mail_from, to=tuple(envelope.rcpt_tos), raw=raw, path=path)
        self.mails.append(mail)
        if self._on_mail is not None:
            called = self._on_mail(mail)
            if inspect.isawaitable(called):
                await called

    async def _said(self, server: Any, stage: Stage, argument: str) -> str | None:
        return await self._carried_out(server, self.answer(stage, argument))

    async def _carried_out(self, server: Any, said: str | None) -> str | None:
        if said == "drop" and server.transport is not None:
            server.transport.abort()
        if said in ("drop", "hang"):
            # The end of the connection cancels the task that waits here.
            await asyncio.get_running_loop().create_future()
        return said

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> Any:
        from aiosmtpd.smtp import AuthResult  # noqa: PLC0415 - an extra, present when this is called

        user, password = login.login.decode("utf-8", "replace"), login.password.decode("utf-8", "replace")
        known = self._users is not None and self._users.get(user) == password
        return AuthResult(success=known, handled=False)


def _smtp_protocol() -> Any:
    try:
        from aiosmtpd.smtp import SMTP  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "the local mail server needs aiosmtpd, which is not installed: install tipstaff[demo]"
        ) from error
    return SMTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One webhook request as it came in."""

    id: str
    timestamp: int
    verified: bool
    """At least one of the signatures is right for one of the receiver's secrets."""
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON it carries."""
        return json.loads(self.raw)


class HookReceiver:
    """A webhook receiver that verifies signatures and appends what it takes to a file, one JSON object a line."""

    def __init__(
        self,
        *,
        secrets: Sequence[str],
        path: Path | None = None,
        on_hook: Callable[[Hook], Awaitable[None] | None] | None = None,
        answer: Callable[[Hook], Reply | None] = lambda _hook: None,
        now: Callable[[], float] | None = None,
        tolerance: float = 300.0,
    ) -> None:
        """Describe the receiver.

        Args:
            secrets: the secrets it knows; a request signed with any of them is verified.
            path: the file that gets the JSON lines.
            on_hook: called for each request, verified or not.
            answer: what to answer instead of 204 (or 401 to a request that is not verified).
            now: the Unix time to compare timestamps with; None: they are not compared.
            tolerance: seconds that a timestamp may be away from it.
        """
        self._keys = tuple(signing_key(secret) for secret in secrets)
        self._path = path
        self._on_hook = on_hook
        self.answer = answer
        self._now = now
        self._tolerance = tolerance
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        self.hooks: list[Hook] = []

    @property
    def url(self) -> str:
        """The address to post to."""
        if self._runner is None:
            raise RuntimeError("the webhook receiver is not open")
        return f"http://{LOOPBACK}:{self._runner.addresses[0][1]}/hook"

    async def __aenter__(self) -> HookReceiver:
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_post("/hook", self._receive)
        self._runner = await opened(app)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        hook = self._read(request.headers, await request.read())
        self.hooks.append(hook)
        told = self.answer(hook)
        if hook.verified and self._path is not None and (told is None or told.status < 300):
            await asyncio.to_thread(self._write, self._path, hook)
        if self._on_hook is not None:
            called = self._on_hook(hook)
            if inspect.isawaitable(called):
                await called
        usual = Reply(status=204) if hook.verified else Reply(status=401, body=b"no valid signature")
        return await given(request, told or usual, self._closing)

    def _read(self, headers: Mapping[str, str], raw: bytes) -> Hook:
        name, stamped = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        moment = int(stamped) if stamped.isascii() and stamped.isdigit() and len(stamped) < 12 else 0
        told = set(headers.get("webhook-signature", "").split())
        timely = self._now is None or abs(self._now() - moment) <= self._tolerance
        return Hook(
            id=name,
            timestamp=moment,
            verified=timely and any(signature(key, name, moment, raw) in told for key in self._keys),
            headers={key.lower(): value for key, value in headers.items()},
            raw=raw,
        )

    @staticmethod
    def _write(path: Path, hook: Hook) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        line = {"id": hook.id, "timestamp": hook.timestamp, "body": hook.body}
        with path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")


async def opened(app: web.Application) -> web.AppRunner:
    """Serve an application on a free loopback port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    return runner
