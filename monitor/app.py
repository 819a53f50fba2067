"""The composition root: turns a valid config into a desk, and puts store, fetcher, parser and daemon together.

Nothing is decided here; this is the one place that knows all the parts by name.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from monitor import config as configuration
from monitor.clock import Clock, SystemClock
from monitor.config import ChannelConfig, Config, EmailChannel, SourceConfig
from monitor.daemon import Daemon
from monitor.desk import Channel, Desk, Watched
from monitor.fetching.client import Fetcher, Limits, Tls
from monitor.fetching.guard import AddressPolicy
from monitor.lanes import Lanes
from monitor.log import Log, Redactor
from monitor.notifiers.email import Email
from monitor.notifiers.webhook import Webhook
from monitor.opening import Loaded
from monitor.outbox import Outbox
from monitor.parsing.pool import ParsePool
from monitor.reload import Reloading
from monitor.rounds import Outcome, Rounds
from monitor.sources.feed import Feed
from monitor.systemd import Systemd
from storage.store import Store

log = Log("tipstaff.app")

WEBHOOKS_IN_FLIGHT: Final = 4


def fetcher(config: Config, clock: Clock) -> Fetcher:
    """Make the one thing that talks HTTP to the outside."""
    network = config.network
    limits = Limits(
        connect=network.connect_timeout.total_seconds(),
        read=network.read_timeout.total_seconds(),
        total=network.total_timeout.total_seconds(),
        wire=network.wire_limit,
        decoded=network.decoded_limit,
        concurrent=network.concurrency,
    )
    policy = AddressPolicy(network.allow, network.ports)
    return Fetcher(policy, contact=config.tipstaff.contact, limits=limits, clock=clock)


def desk(config: Config, outgoing: Fetcher) -> Desk:
    """Make the desk that a config describes."""
    channels = {c.id: channel(c, outgoing) for c in config.channels if c.enabled}
    chosen = tuple(c for c in config.health.channels if c in channels)
    return Desk(
        rulebook=config.rulebook,
        watched={s.id: watched(s) for s in config.sources if s.enabled},
        channels=channels,
        notice_channels=chosen or tuple(sorted(channels)),
        failures=config.health.failures,
        repeat=config.health.repeat,
        keep=config.history.keep,
    )


def watched(source: SourceConfig) -> Watched:
    """Make one source of its kind."""
    return Watched(
        source=Feed(
            id=source.id,
            url=source.url,
            title=source.label,
            kind=source.documents,
            identity=source.identity,
            lang=source.lang,
            tags=source.tags,
            facts=source.facts,
        ),
        title=source.label,
        interval=source.interval,
        first=source.first,
        identity=source.identity,
        headers={name: configuration.revealed(value) for name, value in source.headers.items()},
        tls=Tls(ca=source.ca_file, insecure=source.insecure) if source.ca_file or source.insecure else None,
    )


def channel(wanted: ChannelConfig, outgoing: Fetcher) -> Channel:
    """Make one channel of its kind."""
    if isinstance(wanted, EmailChannel):
        mail = Email(
            id=wanted.id,
            host=wanted.host,
            port=wanted.port,
            tls=wanted.tls,
            username=wanted.username,
            password=wanted.password.reveal() if wanted.password else None,
            sender=wanted.from_,
            to=wanted.to,
            ca_file=wanted.ca_file,
        )
        return Channel(notifier=mail, rate=wanted.rate)
    hook = Webhook(
        id=wanted.id,
        url=wanted.url,
        secrets=tuple(secret.reveal() for secret in wanted.secrets),
        headers={name: configuration.revealed(value) for name, value in wanted.headers.items()},
        post=outgoing.post,
    )
    return Channel(notifier=hook, rate=wanted.rate, parallel=WEBHOOKS_IN_FLIGHT)


def holder() -> str:
    """Return how this process names itself in the store's lease."""
    return f"{socket.gethostname()}:{os.getpid()}"


@asynccontextmanager
async def assembled(
    loaded: Loaded,
    store: Store,
    *,
    environ: Mapping[str, str],
    redactor: Redactor,
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
) -> AsyncIterator[Daemon]:
    """Put a daemon together around an open store; on leaving, close what it used."""
    clock = SystemClock()
    outgoing = fetcher(loaded.config, clock)
    parser = ParsePool()
    reloading = Reloading(
        loaded.path,
        loaded.config,
        desk(loaded.config, outgoing),
        read=lambda path: configuration.load(path, environ=environ, secrets=True, before=reloading.desk().rulebook),
        make=lambda config: desk(config, outgoing),
        redactor=redactor,
        clock=clock,
        store=store,
    )
    network = loaded.config.network
    outbox = Outbox(store, clock, reloading.desk)
    daemon = Daemon(
        store,
        Rounds(store, outgoing, parser, clock),
        outbox,
        Lanes(clock, concurrency=network.concurrency, spacing=network.spacing),
        clock,
        Systemd(environ),
        desk=reloading.desk,
        reload=reloading.look,
        on_outcome=on_outcome,
    )
    try:
        yield daemon
    finally:
        for open_channel in reloading.desk().channels.values():
            await open_channel.notifier.aclose()
        await parser.aclose()
        await outgoing.aclose()


def obey_signals(daemon: Daemon) -> None:
    """Stop cleanly on the first SIGTERM or SIGINT, at once on the second; read the config again on SIGHUP."""
    loop = asyncio.get_running_loop()
    asked: list[int] = []

    def stop(number: int) -> None:
        if asked:
            # What is in flight is repeated under the same id by the next daemon, as after a crash.
            os._exit(128 + number)
        asked.append(number)
        log.info("stopping", signal=signal.Signals(number).name)
        daemon.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)
