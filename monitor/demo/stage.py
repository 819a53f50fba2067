"""Sets the day up and plays it: origin, mail server and webhook receiver on loopback, and the real daemon.

How it looks is up to whoever watches (`monitor.commands.demo`).
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from monitor.app import assembled, holder, obey_signals
from monitor.clock import SystemClock
from monitor.daemon import Daemon
from monitor.demo.day import BEATS, EXPECTED, FEEDS, Beat, Entry, config, rss
from monitor.demo.origin import Origin
from monitor.demo.receivers import Hook, HookReceiver, Mail, MailReceiver
from monitor.log import Redactor, configure
from monitor.opening import load
from monitor.rounds import Outcome
from storage.engine import open_store

PATIENCE: Final = 30.0
"""Seconds after the last beat in which every message must have come."""


class Watcher(Protocol):
    """Whoever is told what happens, as it happens."""

    def opened(self, folder: Path, origin: str, smtp: str, hook: str) -> None: ...
    def published(self, beat: Beat) -> None: ...
    def asked(self, outcome: Outcome) -> None: ...
    async def mail(self, mail: Mail) -> None: ...
    async def hook(self, hook: Hook) -> None: ...
    def over(self, complete: bool) -> None: ...


class Newsstand:
    """The four feeds, as they stand at this moment of the day."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._now = SystemClock().now
        opening = self._now()
        self._entries: dict[str, dict[str, tuple[Entry, datetime]]] = {
            feed.id: {entry.name: (entry, opening) for entry in feed.before} for feed in FEEDS
        }
        for feed in FEEDS:
            self._print(feed.id)

    def publish(self, beat: Beat) -> None:
        """Put an entry into its feed; one of the same name keeps its place and date."""
        entries = self._entries[beat.feed]
        at = entries[beat.entry.name][1] if beat.entry.name in entries else self._now()
        entries[beat.entry.name] = (beat.entry, at)
        self._print(beat.feed)

    def _print(self, feed_id: str) -> None:
        shape = next(feed for feed in FEEDS if feed.id == feed_id)
        base = self._origin.url("")
        body = rss(shape, list(self._entries[feed_id].values()), base, self._now())
        self._origin.publish(f"/{feed_id}", body)


async def play(folder: Path, watcher: Watcher, environ: Mapping[str, str], *, once: bool) -> bool:
    """Play the day in a folder; return whether every channel received every message.

    Without `once` the daemon goes on after the day until the task is cancelled or a signal stops it.
    """
    received = {"desk": 0, "hook": 0}
    complete = asyncio.Event()

    def count(channel: str, told: Callable[[], Awaitable[None]]) -> Awaitable[None]:
        received[channel] += 1
        if all(n >= EXPECTED for n in received.values()):
            complete.set()
        return told()

    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(Origin())
        mail = await stack.enter_async_context(
            MailReceiver(folder=folder / "mails", on_mail=lambda m: count("desk", lambda: watcher.mail(m)))
        )
        hooks = await stack.enter_async_context(
            HookReceiver(
                secrets=[secret],
                path=folder / "webhooks.jsonl",
                on_hook=lambda h: count("hook", lambda: watcher.hook(h)),
            )
        )
        newsstand = Newsstand(origin)
        file = _write_config(folder, origin, mail, hooks, secret)
        watcher.opened(folder, origin.url("/"), f"{mail.host}:{mail.port}", hooks.url)
        return await _run(file, watcher, environ, newsstand, complete, once=once)


def _write_config(folder: Path, origin: Origin, mail: MailReceiver, hooks: HookReceiver, secret: str) -> Path:
    secret_file = folder / "webhook.secret"
    secret_file.touch(mode=0o600)
    secret_file.write_text(secret + "\n", encoding="utf-8")
    file = folder / "config.toml"
    file.write_text(
        config(
            base=origin.url(""),
            origin_port=origin.port,
            smtp_port=mail.port,
            hook=hooks.url,
            hook_port=int(hooks.url.rsplit(":", 1)[1].split("/")[0]),
            secret_file=secret_file.name,
        ),
        encoding="utf-8",
    )
    return file


async def _run(
    file: Path,
    watcher: Watcher,
    environ: Mapping[str, str],
    newsstand: Newsstand,
    complete: asyncio.Event,
    *,
    once: bool,
) -> bool:
    # The machine's own settings for tipstaff are for the user's desk, not for this one.
    environ = {name: value for name, value in environ.items() if not name.startswith("TIPSTAFF_")}
    loaded = load(file, environ, secrets=True)
    redactor = Redactor(loaded.config.secret_values)
    configure(level=loaded.config.tipstaff.log_level, as_json=False, redactor=redactor)
    asked: set[str] = set()
    baselined = asyncio.Event()

    def on_outcome(outcome: Outcome) -> None:
        asked.add(outcome.source)
        if len(asked) == len(FEEDS):
            baselined.set()
        watcher.asked(outcome)

    store = open_store(loaded.config.tipstaff.store)
    try:
        store.take(holder(), SystemClock().now())
        async with assembled(loaded, store, environ=environ, redactor=redactor, on_outcome=on_outcome) as daemon:
            running = asyncio.create_task(daemon.run(), name="daemon")
            await _first(running, baselined.wait())
            told_all = await _play_beats(newsstand, watcher, complete, running)
            watcher.over(told_all)
            if not once:
                await _until_stopped(daemon, running)
            daemon.stop()
            await running
            return told_all
    finally:
        store.release()
        store.close()


async def _first(running: asyncio.Task[None], waited: Awaitable[object]) -> None:
    """Wait for something while the daemon runs; if the daemon ends first, so does the day."""
    waiting = asyncio.ensure_future(waited)
    done, _ = await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if running in done:
        waiting.cancel()
        running.result()
        raise RuntimeError("the daemon stopped before the day was over")


async def _play_beats(
    newsstand: Newsstand, watcher: Watcher, complete: asyncio.Event, running: asyncio.Task[None]
) -> bool:
    clock = SystemClock()
    start = clock.monotonic()
    for beat in BEATS:
        await _first(running, clock.sleep(max(0.0, beat.after - (clock.monotonic() - start))))
        newsstand.publish(beat)
        watcher.published(beat)
    try:
        async with asyncio.timeout(PATIENCE):
            await _first(running, complete.wait())
    except TimeoutError:
        return False
    return True


async def _until_stopped(daemon: Daemon, running: asyncio.Task[None]) -> None:
    obey_signals(daemon)
    await asyncio.wait({running})


def new_folder(named: str | None) -> Path:
    """Return an empty folder for the day: the one that was named, or a new one below the temporary folder.

    Raises:
        FileExistsError: the named folder holds a day already.
    """
    if named is None:
        return Path(tempfile.mkdtemp(prefix="tipstaff-demo-"))
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; name another folder for --keep, or none")
    folder.chmod(0o700)
    return folder
