"""`tipstaff run`: the daemon in the foreground, or one round of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from monitor import __version__
from monitor.app import assembled, holder, obey_signals
from monitor.cli import OK, UNAVAILABLE, Call
from monitor.clock import SystemClock
from monitor.daemon import LoopDied
from monitor.log import Log, Redactor, configure
from monitor.opening import Loaded, load
from monitor.rounds import Outcome
from storage.engine import open_store
from storage.faults import Deposed
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
        except (LoopDied, Deposed) as fault:
            log.error("stopped by a fault; start it again", fault=str(fault))
            return UNAVAILABLE
    log.info("stopped")
    return OK


async def _once(loaded: Loaded, store: Store, call: Call, redactor: Redactor) -> int:
    async with assembled(loaded, store, environ=call.environ, redactor=redactor) as daemon:
        with call.terminal.working("asking every source once"):
            outcomes = await daemon.once()
    _report(call, outcomes)
    owed = store.totals()
    failed = any(o.failure for o in outcomes)
    if failed or owed.pending or owed.parked:
        call.terminal.warn(f"{owed.pending} deliveries still owed, {owed.parked} parked")
        return UNAVAILABLE
    return OK


def _report(call: Call, outcomes: Sequence[Outcome]) -> None:
    rows = [(o.source, _word(o), o.present, o.new, o.amended, o.alerts) for o in sorted(outcomes, key=_name)]
    call.terminal.table(("SOURCE", "OUTCOME", "PRESENT", "NEW", "AMENDED", "ALERTS"), rows, empty="no sources")


def _name(outcome: Outcome) -> str:
    return outcome.source


def _word(outcome: Outcome) -> str:
    if outcome.failure is not None:
        return str(outcome.failure)
    if outcome.unchanged:
        return "unchanged"
    return "first round (stored, not told)" if outcome.baseline else "read"
