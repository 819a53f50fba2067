"""`tipstaff run`: the daemon in the foreground, or one round of everything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from monitor import __version__
from monitor.app import assembled, holder, obey_signals
from monitor.cli import OK, UNAVAILABLE, Call
from monitor.clock import SystemClock
from monitor.commands.terminal import counted
from monitor.daemon import LoopDied
from monitor.log import Log, Redactor, configure
from monitor.opening import Loaded, load
from monitor.rounds import Outcome
from storage.engine import open_store
from storage.store import Store

log = Log("tipstaff.run")


def run(call: Call) -> int:
    """Watch until stopped; with --once, ask every source once, send what is owed and end."""
    loaded = load(call.config_path, call.environ, secrets=True)
    settings = loaded.config.tipstaff
    redactor = Redactor(loaded.config.secret_values)
    configure(level=settings.log_level, as_json=settings.log_format == "json", redactor=redactor)
    for warning in loaded.config.warnings:
        log.warning("config", warning=str(warning))
    store = open_store(loaded.config.tipstaff.store)
    for caution in store.warnings:
        log.warning("store", warning=caution)
    try:
        store.take(holder(), SystemClock().now())
        serve = _once(loaded, store, call, redactor) if call.words.once else _serve(loaded, store, call, redactor)
        return asyncio.run(serve)
    finally:
        store.release()
        store.close()


async def _serve(loaded: Loaded, store: Store, call: Call, redactor: Redactor) -> int:
    async with assembled(loaded, store, environ=call.environ, redactor=redactor) as daemon:
        obey_signals(daemon)
        log.info(
            "started",
            version=__version__,
            config=str(loaded.path),
            store=store.describe(),
            sources=len(loaded.config.sources),
            rules=len(loaded.config.rules),
            channels=len(loaded.config.channels),
        )
        try:
            await daemon.run()
        except LoopDied as fault:
            log.error("stopped by a fault; start it again", fault=str(fault))
            # A thread that hangs cannot be ended and would keep the process alive: what is in flight is repeated
            # under the same id by the next daemon, as after a crash.
            os._exit(UNAVAILABLE)
    log.info("stopped")
    return OK


async def _once(loaded: Loaded, store: Store, call: Call, redactor: Redactor) -> int:
    async with assembled(loaded, store, environ=call.environ, redactor=redactor) as daemon:
        with call.terminal.working("asking every source once"):
            outcomes = await daemon.once()
    asked = [source.id for source in loaded.config.sources if source.enabled]
    _report(call, asked, outcomes)
    failed = len(asked) - sum(outcome.failure is None for outcome in outcomes)
    owed = store.totals()
    if failed or owed.pending or owed.parked:
        sources = f"{failed} of {counted(len(asked), 'source')} failed"
        deliveries = f"{counted(owed.pending, 'delivery', 'deliveries')} still owed, {owed.parked} parked"
        call.terminal.warn(f"{sources}; {deliveries}")
        return UNAVAILABLE
    return OK


def _report(call: Call, asked: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    rows = [(o.source, _word(o), o.present, o.new, o.amended, o.alerts) for o in outcomes]
    # A round that could not be committed has no outcome.
    rows += [(name, "not stored, see the log", 0, 0, 0, 0) for name in set(asked) - {o.source for o in outcomes}]
    columns = ("SOURCE", "OUTCOME", "PRESENT", "NEW", "AMENDED", "ALERTS")
    call.terminal.table(columns, sorted(rows), empty="no sources")


def _word(outcome: Outcome) -> str:
    if outcome.failure is not None:
        return str(outcome.failure)
    if outcome.unchanged:
        return "unchanged"
    return "first round (stored, not told)" if outcome.baseline else "read"
