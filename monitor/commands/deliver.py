"""`tipstaff deliver`: trying channels with a message that says that it is a test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from monitor.app import channel, fetcher
from monitor.cli import NEGATIVE, OK, Call
from monitor.clock import SystemClock
from monitor.config import ChannelConfig
from monitor.notifiers import DeliveryFailure
from monitor.opening import Loaded, load
from rules.model import Delivery, Message, digest


def test(call: Call) -> int:
    """Send a test message through channels now, past the outbox, and show what the receiver said."""
    loaded = load(call.config_path, call.environ, secrets=True)
    wanted = call.words.channels
    chosen = [c for c in loaded.config.channels if c.enabled and (not wanted or c.id in wanted)]
    missing = sorted(set(wanted) - {c.id for c in chosen})
    if missing or not chosen:
        names = ", ".join(c.id for c in loaded.config.channels if c.enabled) or "none"
        call.terminal.refuse(
            f"there is no channel {', '.join(missing)}".rstrip() + " that is enabled", f"there are: {names}"
        )
        return NEGATIVE
    with call.terminal.working("sending"):
        results = asyncio.run(_send(chosen, loaded))
    if call.terminal.as_json:
        call.terminal.answer(results)
    else:
        rows = [(r["channel"], "taken" if r["ok"] else "NOT taken", r["detail"]) for r in results]
        call.terminal.table(("CHANNEL", "OUTCOME", "THE RECEIVER SAID"), rows)
    return OK if all(r["ok"] for r in results) else NEGATIVE


async def _send(chosen: Sequence[ChannelConfig], loaded: Loaded) -> list[dict[str, Any]]:
    clock = SystemClock()
    outgoing = fetcher(loaded.config, clock)
    results: list[dict[str, Any]] = []
    try:
        for wanted in chosen:
            now = clock.now()
            message = Message(
                type="test",
                thread=digest("test", wanted.id, now.isoformat()),
                at=now,
                title="Test message from tipstaff",
                body=f"This is a test of channel {wanted.id}, sent by hand. If you can read it, the channel works.",
            )
            delivery = Delivery(key=message.thread, channel=wanted.id, message=message, not_before=now)
            notifier = channel(wanted, outgoing).notifier
            try:
                receipt = await notifier.send(delivery, at=now, progress={})
                refused = "".join(f"; refused {who}: {why}" for who, why in receipt.refused.items())
                results.append({"channel": wanted.id, "ok": not refused, "detail": receipt.detail + refused})
            except DeliveryFailure as failure:
                results.append({"channel": wanted.id, "ok": False, "detail": failure.reason})
            finally:
                await notifier.aclose()
    finally:
        await outgoing.aclose()
    return results
