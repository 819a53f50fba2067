"""`tipstaff alerts`: what fired, why, what became of it, and sending it again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from monitor.cli import NEGATIVE, OK, USAGE, Call
from monitor.clock import SystemClock
from monitor.commands.terminal import counted
from monitor.opening import opened
from rules.model import Message
from storage.records import DeliveryState, FiledAlert, FiledDelivery


def list_alerts(call: Call) -> int:
    """List alerts, or the deliveries that are owed or parked."""
    words = call.words
    if words.pending or words.parked:
        if words.since or words.rule or words.source:
            call.terminal.refuse("--since, --rule and --source choose alerts; --pending and --parked list deliveries")
            return USAGE
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
            call.terminal.refuse(
                f"no alert's key begins with {call.words.alert!r}", "`tipstaff alerts list` shows the keys"
            )
            return NEGATIVE
        document = store.document(filed.alert.document)
        deliveries = store.deliveries(alert=filed.alert.key)
        fired = store.rule_version(filed.alert.rule, filed.alert.version)
    if call.terminal.as_json:
        call.terminal.answer(
            {
                **_brief(filed),
                "version": filed.alert.version or None,
                "definition": fired.definition if fired else None,
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
    if filed.alert.version:
        say(f"version {filed.alert.version} of the rule{':' if fired else ', whose text was not recorded'}")
        for line in fired.definition.split("\n") if fired else ():
            say(f"    {line}")
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
        call.terminal.refuse("nothing was named to be sent again", "name KEYs, --channel ID or --since DURATION")
        return USAGE
    states: tuple[DeliveryState, ...] = ("parked", "sent") if words.sent else ("parked",)
    now = SystemClock().now()
    with opened(call.config_path, call.environ) as (_, store):
        enabled = bool(words.channel and store.channel_state(words.channel).disabled)
        if enabled:
            # First, or a running daemon would park again what it finds owed to a channel that is off.
            store.enable(words.channel).result()
        again = partial(store.replay, channel=words.channel, since=_since(call), states=states, now=now)
        counts = {key: again(prefix=key).result() for key in words.keys or [None]}
    if enabled and not call.terminal.as_json:
        call.terminal.say(f"channel {words.channel} is enabled again")
    advice = "is it parked? --sent takes up what was sent, too" if not words.sent else ""
    done = "will be sent again under the same ids"
    return _answer(call, counts, done, advice, enabled=enabled)


def cancel(call: Call) -> int:
    """Give up deliveries; they stay listed as cancelled."""
    words = call.words
    if not (words.keys or words.channel):
        call.terminal.refuse("nothing was named to be cancelled", "name KEYs or --channel ID")
        return USAGE
    now = SystemClock().now()
    with opened(call.config_path, call.environ) as (_, store):
        give_up = partial(store.cancel, channel=words.channel, now=now)
        counts = {key: give_up(prefix=key).result() for key in words.keys or [None]}
    return _answer(call, counts, "cancelled; they stay in the record", "only what is owed or parked can be given up")


def _answer(call: Call, counts: Mapping[str | None, int], done: str, advice: str, *, enabled: bool = False) -> int:
    """Say how many deliveries were meant, and which keys meant none."""
    total = sum(counts.values())
    unmatched = [key for key, count in counts.items() if key is not None and not count]
    code = NEGATIVE if unmatched or not (total or enabled) else OK
    if call.terminal.as_json:
        call.terminal.answer({"deliveries": total, "unmatched": unmatched, "enabled": enabled})
        return code
    if total:
        call.terminal.say(f"{counted(total, 'delivery', 'deliveries')} {done}")
    if code == NEGATIVE:
        what = f"nothing matches {', '.join(unmatched)}" if unmatched else "nothing matches"
        call.terminal.fail("; ".join(filter(None, (what, advice))))
    return code


def _since(call: Call) -> datetime | None:
    since: timedelta | None = call.words.since
    return SystemClock().now() - since if since else None


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
