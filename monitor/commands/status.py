"""`tipstaff status` and `tipstaff health`: what the daemon is doing and whether it is alive."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from monitor.cli import OK, UNAVAILABLE, Call
from monitor.clock import SystemClock
from monitor.commands.terminal import ago
from monitor.opening import Loaded, opened
from storage.faults import StoreMissing
from storage.records import SourceState
from storage.store import Store


def status(call: Call) -> int:
    """Show the daemon, the sources, the channels and the outbox."""
    now = SystemClock().now()
    with opened(call.config_path, call.environ) as (loaded, store):
        facts = _facts(loaded, store, now)
    if call.terminal.as_json:
        call.terminal.answer(facts)
        return OK
    say = call.terminal.say
    daemon = facts["daemon"]
    if daemon is None:
        say("daemon: none is running on this store", "yellow")
    else:
        alive = daemon["alive"]
        say(
            f"daemon: {'running' if alive else 'NOT running'} as {daemon['holder']}, "
            f"last sign of life {ago(daemon['heartbeat'], now)}",
            "green" if alive else "red",
        )
    outbox = facts["outbox"]
    say(f"outbox: {outbox['pending']} owed, {outbox['parked']} parked, {outbox['sent']} sent")
    say(f"stored: {outbox['documents']} documents, {outbox['alerts']} alerts")
    for fault in facts["orphans"]:
        say(f"owed to {fault['channel']}, which is not configured: {fault['deliveries']}", "yellow")
    say()
    rows = [
        (
            s["source"],
            s["state"],
            ago(s["last_success"], now),
            ago(s["next_poll"], now),
            s["documents"],
            s["last_error"],
        )
        for s in facts["sources"]
    ]
    columns = ("SOURCE", "STATE", "LAST GOOD", "NEXT", "DOCUMENTS", "LAST ERROR")
    call.terminal.table(columns, rows, empty="no sources yet")
    say()
    told = [(c["channel"], c["state"], ago(c["last_success"], now), c["last_error"]) for c in facts["channels"]]
    call.terminal.table(("CHANNEL", "STATE", "LAST SENT", "LAST ERROR"), told, empty="no channels")
    return OK


ALIVE = timedelta(seconds=60)


def _facts(loaded: Loaded, store: Store, now: datetime) -> dict[str, Any]:
    lease = store.lease()
    intervals = {s.id: s.interval for s in loaded.config.sources if s.enabled}
    configured = {c.id: c.enabled for c in loaded.config.channels}
    states = {c.channel: c for c in store.channels()}
    totals = store.totals()
    orphaned = [channel for channel in store.next_owed() if channel not in configured]
    return {
        "daemon": None
        if lease is None
        else {
            "holder": lease.holder,
            "since": lease.since,
            "heartbeat": lease.heartbeat,
            "alive": now - lease.heartbeat <= ALIVE,
        },
        "store": store.describe(),
        "sources": [
            {
                "source": s.source,
                "state": source_word(s, intervals[s.source], now),
                "last_success": s.health.last_success,
                "failures": s.health.failures,
                "last_error": s.health.last_error,
                "next_poll": s.next_poll,
                "documents": s.documents,
                "unstable_ids": s.traits.migrations > 1,
            }
            for s in store.sources()
            if s.source in intervals
        ],
        "channels": [
            {
                "channel": channel,
                "state": _channel_word(states.get(channel), enabled),
                "last_success": states[channel].health.last_success if channel in states else None,
                "last_error": states[channel].health.last_error if channel in states else None,
            }
            for channel, enabled in configured.items()
        ],
        "outbox": {
            "pending": totals.pending,
            "parked": totals.parked,
            "sent": totals.sent,
            "oldest_pending": totals.oldest_pending,
            "documents": totals.documents,
            "alerts": totals.alerts,
        },
        "orphans": [
            {
                "channel": channel,
                "deliveries": len(store.deliveries(state="pending", channel=channel, limit=totals.pending)),
            }
            for channel in orphaned
        ],
    }


def source_word(state: SourceState, interval: timedelta, now: datetime) -> str:
    """Return a source's state in a word; never "ok" when its last complete answer is older than three intervals."""
    health = state.health
    if health.failures:
        return f"failing ({health.last_error_kind})"
    if health.last_success is None:
        return "not asked yet"
    if now - health.last_success > max(3 * interval, timedelta(minutes=1)):
        return "stale"
    return "ok"


def _channel_word(state: Any, enabled: bool) -> str:
    if not enabled:
        return "switched off"
    if state is None:
        return "not used yet"
    if state.disabled:
        return "disabled by its receiver"
    return "failing" if state.health.failures else "ok"


def health(call: Call) -> int:
    """Say whether the daemon showed a sign of life lately; for container and service checks."""
    now = SystemClock().now()
    lease = None
    # Before the first start there is no store yet, and no daemon either.
    with suppress(StoreMissing), opened(call.config_path, call.environ) as (_, store):
        lease = store.lease()
    age = (now - lease.heartbeat).total_seconds() if lease else None
    alive = age is not None and age <= call.words.max_age
    if call.terminal.as_json:
        call.terminal.answer({"alive": alive, "age_seconds": age, "holder": lease.holder if lease else None})
    elif age is None:
        call.terminal.fail("no daemon is running on this store")
    else:
        word = "alive" if alive else "no sign of life"
        call.terminal.say(f"{word}: last sign {age:.0f} s ago", "green" if alive else "red")
    return OK if alive else UNAVAILABLE
