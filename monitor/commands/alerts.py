"""`tipstaff alerts`: what fired, why, what became of it, and sending it again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from monitor.cli import NEGATIVE, OK, USAGE, Call
from monitor.clock import SystemClock
from monitor.config.units import duration
from monitor.opening import opened
from rules.model import Message
from storage.records import DeliveryState, FiledAlert, FiledDelivery


def list_alerts(call: Call) -> int:
    """List alerts, or the deliveries that are owed or parked."""
    words = call.words
    if words.pending or words.parked:
        return _list_deliveries(call, "parked" if words.parked else "pending")
    with opened(call.config_path, call.environ) as (_, store):
        alerts = store.alerts(since=_since(call), rule=words.rule, source=words.source, limit=words.limit)
    if call.terminal.as_json:
        call.terminal.answer([_brief(filed) for filed in alerts])
        return OK
    rows = [(f.alert.key[:12], f.alert.at, f.alert.severity, f.alert.rule, f.source, f.title[:100]) for f in alerts]
    call.terminal.table(("ALERT", "AT (UTC)", "SEVERITY", "RULE", "SOURCE", "TITLE"), rows, empty="no alerts")
    return OK


def _list_deliveries(call: Call, state: DeliveryState) -> int:
    words = call.words
    with opened(call.config_path, call.environ) as (_, store):
        filed = store.deliveries(state=state, limit=words.limit)
    if call.terminal.as_json:
        call.terminal.answer([_delivery(d) for d in filed])
        return OK
    rows = [
        (d.key[:12], d.channel, d.attempts, d.created, d.not_before, d.error, d.message.title[:80]) for d in filed
    ]
    columns = ("DELIVERY", "CHANNEL", "TRIES", "SINCE (UTC)", "NEXT (UTC)", "LAST ERROR", "MESSAGE")
    call.terminal.table(columns, rows, empty=f"nothing {state}")
    return OK


def show(call: Call) -> int:
    """Show one alert with its reasons and deliveries."""
    with opened(call.config_path, call.environ) as (_, store):
        filed = store.alert(call.words.alert)
        if filed is None:
            call.terminal.fail(f"no alert begins with {call.words.alert!r}; `tipstaff alerts list` shows the keys")
            return NEGATIVE
        document = store.document(filed.alert.document)
        deliveries = store.deliveries(alert=filed.alert.key)
    if call.terminal.as_json:
        call.terminal.answer(
            {
                **_brief(filed),
                "evidence": [
                    {"field": e.field, "start": e.start, "end": e.end, "clause": e.clause}
                    for e in filed.alert.evidence
                ],
                "document": None if document is None else _document(document),
                "deliveries": [_delivery(d) for d in deliveries],
            }
        )
        return OK
    say = call.terminal.say
    say(filed.title, "bold")
    say(f"{filed.alert.severity} · rule {filed.alert.rule} · {filed.source} · {filed.alert.at:%Y-%m-%d %H:%M:%S} UTC")
    say(filed.url or "(no link)")
    if document is not None:
        say(f"first seen {document.first_seen:%Y-%m-%d %H:%M:%S} UTC, document {document.key}")
        for reason in filed.alert.evidence:
            text = getattr(document.document, reason.field, "") if reason.end > reason.start else ""
            say(f"  {reason.clause}  in {reason.field}: {text[reason.start : reason.end]!r}")
    for delivery in deliveries:
        when = f" at {delivery.settled:%Y-%m-%d %H:%M:%S} UTC" if delivery.settled else ""
        say(f"  {delivery.channel}: {delivery.state}{when}, {delivery.attempts} tries, id {delivery.key}")
        if delivery.error or delivery.detail:
            say(f"    {delivery.error or delivery.detail}")
    return OK


def replay(call: Call) -> int:
    """Make parked (or sent) deliveries pending again; the running daemon sends them within seconds."""
    words = call.words
    if not (words.keys or words.channel or words.since):
        call.terminal.fail("name what to send again: KEYs, --channel ID or --since DURATION")
        return USAGE
    states: tuple[DeliveryState, ...] = ("parked", "sent") if words.sent else ("parked",)
    now = SystemClock().now()
    with opened(call.config_path, call.environ) as (_, store):
        keys = words.keys or [""]
        count = sum(
            store.replay(
                prefix=key or None, channel=words.channel, since=_since(call), states=states, now=now
            ).result()
            for key in keys
        )
        if words.channel:
            store.enable(words.channel).result()
    return _counted(call, count, "will be sent again under the same ids", "nothing matches; is it parked? see --sent")


def cancel(call: Call) -> int:
    """Give up deliveries; they stay listed as cancelled."""
    words = call.words
    if not (words.keys or words.channel):
        call.terminal.fail("name what to cancel: KEYs or --channel ID")
        return USAGE
    now = SystemClock().now()
    with opened(call.config_path, call.environ) as (_, store):
        keys = words.keys or [""]
        count = sum(store.cancel(prefix=key or None, channel=words.channel, now=now).result() for key in keys)
    return _counted(call, count, "cancelled; they stay in the record", "nothing owed or parked matches")


def _counted(call: Call, count: int, done: str, nothing: str) -> int:
    if call.terminal.as_json:
        call.terminal.answer({"deliveries": count})
    elif count:
        call.terminal.say(f"{count} deliver{'y' if count == 1 else 'ies'} {done}")
    else:
        call.terminal.fail(nothing)
    return OK if count else NEGATIVE


def _since(call: Call) -> datetime | None:
    text = call.words.since
    return SystemClock().now() - duration(text) if text else None


def _brief(filed: FiledAlert) -> dict[str, Any]:
    alert = filed.alert
    return {
        "alert": alert.key,
        "at": alert.at,
        "severity": alert.severity,
        "rule": alert.rule,
        "source": filed.source,
        "title": filed.title,
        "url": filed.url,
        "document": alert.document,
    }


def _document(filed: Any) -> dict[str, Any]:
    document = filed.document
    return {
        "key": filed.key,
        "kind": document.kind,
        "title": document.title,
        "body": document.body,
        "url": document.url,
        "published": document.published,
        "first_seen": filed.first_seen,
        "amended": filed.amended,
    }


def _delivery(filed: FiledDelivery) -> dict[str, Any]:
    message: Message = filed.message
    return {
        "delivery": filed.key,
        "channel": filed.channel,
        "state": filed.state,
        "attempts": filed.attempts,
        "created": filed.created,
        "not_before": filed.not_before,
        "settled": filed.settled,
        "error": filed.error,
        "detail": filed.detail,
        "title": message.title,
        "alerts": filed.alerts,
    }
