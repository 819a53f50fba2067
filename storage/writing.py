"""What each writing verb does in the writer's transaction; when it runs, and with what others, is `writer`'s part.

Every one may be run again with the same arguments: keys come from content, and what is there already stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, literal, select, update

from rules.model import Alert, Compared, Delivery, Document, Health
from storage import rows, schema
from storage.faults import LookupFault
from storage.reading import delivery_keys
from storage.records import ChannelState, DeliveryState, Round, Settlement

OPEN: Final = ("pending", "parked")
SETTLED: Final = ("sent", "cancelled")
"""States in which nothing more is owed."""


def plan(connection: Connection, sources: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Bring the timetable in line with the sources there are, given as (id, host, url)."""
    table = schema.source
    kept = {row.id: row for row in connection.execute(select(table.c.id, table.c.host, table.c.url, table.c.active))}
    wanted = {id_: (host, url) for id_, host, url in sources}
    new = [_new_source(id_, *where, now) for id_, where in wanted.items() if id_ not in kept]
    moved = [(id_, *where) for id_, where in wanted.items() if id_ in kept and kept[id_].url != where[1]]
    other = [
        (id_, *where)
        for id_, where in wanted.items()
        if id_ in kept and kept[id_].url == where[1] and (kept[id_].host != where[0] or not kept[id_].active)
    ]
    gone = [id_ for id_, row in kept.items() if row.active and id_ not in wanted]
    rows.insert(connection, table, new)
    this = update(table).where(table.c.id == bindparam("this"))
    rows.execute(
        connection,
        # Validators and positions belong to the address they came from.
        this.values(host=bindparam("to_host"), url=bindparam("to_url"), active=True, cursor={}, next_poll=now),
        [{"this": id_, "to_host": host, "to_url": url} for id_, host, url in moved],
    )
    rows.execute(
        connection,
        this.values(host=bindparam("to_host"), active=True),
        [{"this": id_, "to_host": host} for id_, host, _ in other],
    )
    rows.execute(connection, this.values(active=False), [{"this": id_} for id_ in gone])


def _new_source(id_: str, host: str, url: str, now: datetime) -> dict[str, Any]:
    return {
        "id": id_,
        "host": host,
        "url": url,
        "active": True,
        "next_poll": now,
        "cursor": {},
        "traits": {},
        "health": {},
        "baselined": False,
        "polls": 0,
        "last_new": None,
        "documents": 0,
    }


def file(connection: Connection, round_: Round) -> tuple[str, ...]:
    """Keep the whole outcome of a round; return the keys of the deliveries that are new in the outbox."""
    new = _file_documents(connection, round_.compared, round_.at)
    _update_source(connection, round_, new)
    rows.insert(
        connection,
        schema.alias,
        [
            {"source": round_.source, "alias": alias, "document": one.key}
            for one in round_.compared
            for alias in one.aliases
        ],
    )
    rows.insert(connection, schema.alert, [_alert(nth, alert) for nth, alert in enumerate(round_.alerts)])
    return _owe(connection, round_.deliveries, round_.at)


def _update_source(connection: Connection, round_: Round, new: int) -> None:
    table = schema.source
    values: dict[str, Any] = {
        "next_poll": round_.next_poll,
        "health": round_.health,
        "traits": round_.traits,
        "polls": table.c.polls + 1,
        "documents": table.c.documents + new,
    }
    if round_.cursor is not None:
        values["cursor"] = round_.cursor
    if round_.baselined:
        values["baselined"] = True
    if round_.url is not None:
        values["url"] = round_.url
    if new:
        values["last_new"] = round_.at
    found = connection.execute(update(table).where(table.c.id == round_.source).values(values))
    if found.rowcount == 0:
        raise LookupFault(f"the source {round_.source!r} is not in the timetable", "plan it first")


def _file_documents(connection: Connection, compared: Sequence[Compared], at: datetime) -> int:
    """Keep new documents and new revisions; return how many documents are new."""
    table = schema.document
    told = {one.key: one.document for one in compared if one.novelty != "seen"}
    kept: dict[str, str] = {}
    for keys in rows.chunks(told):
        query = select(table.c.key, table.c.revision).where(table.c.key.in_(keys))
        kept.update((row.key, row.revision) for row in connection.execute(query))
    new = [
        {"key": key, "first_seen": at, "nth": nth, "amended": None, "thinned": None, **_document(document)}
        for nth, (key, document) in enumerate(told.items())
        if key not in kept
    ]
    amended = [
        {"this": key, **{f"to_{name}": value for name, value in _document(document).items()}}
        for key, document in told.items()
        if key in kept and kept[key] != document.revision
    ]
    rows.insert(connection, table, new)
    if amended:
        texts: dict[str, Any] = {name: bindparam(f"to_{name}") for name in _document(next(iter(told.values())))}
        rows.execute(
            connection,
            update(table).where(table.c.key == bindparam("this")).values(amended=at, thinned=None, **texts),
            amended,
        )
    return len(new)


def _document(document: Document) -> dict[str, Any]:
    return {
        "source": document.source,
        "kind": document.kind,
        "title": document.title,
        "body": document.body,
        "url": document.url,
        "guid": document.guid,
        "published": document.published,
        "updated": document.updated,
        "lang": document.lang,
        "authors": document.authors,
        "tags": document.tags,
        "facts": document.facts,
        "revision": document.revision,
    }


def _alert(nth: int, alert: Alert) -> dict[str, Any]:
    return {
        "key": alert.key,
        "document": alert.document,
        "rule": alert.rule,
        "revision": alert.revision,
        "severity": alert.severity,
        "evidence": alert.evidence,
        "at": alert.at,
        "nth": nth,
        "version": alert.version,
    }


def owe(
    connection: Connection,
    deliveries: Sequence[Delivery],
    now: datetime,
    source_health: Mapping[str, Health],
    channel_health: Mapping[str, Health],
) -> tuple[str, ...]:
    """Put notices into the outbox together with the health they were decided from."""
    table = schema.source
    rows.execute(
        connection,
        update(table).where(table.c.id == bindparam("this")).values(health=bindparam("to_health")),
        [{"this": id_, "to_health": health} for id_, health in source_health.items()],
    )
    rows.insert(
        connection,
        schema.channel,
        [{"id": id_, "health": health, "disabled": None} for id_, health in channel_health.items()],
        replacing=("health",),
    )
    return _owe(connection, deliveries, now)


def _owe(connection: Connection, deliveries: Sequence[Delivery], now: datetime) -> tuple[str, ...]:
    table = schema.delivery
    owed = {delivery.key: delivery for delivery in deliveries}
    kept: set[str] = set()
    for keys in rows.chunks(owed):
        kept.update(connection.scalars(select(table.c.key).where(table.c.key.in_(keys))))
    new = [delivery for key, delivery in owed.items() if key not in kept]
    rows.insert(connection, table, [_delivery(nth, delivery, now) for nth, delivery in enumerate(new)])
    rows.insert(
        connection,
        schema.delivery_alert,
        [{"delivery": d.key, "nth": nth, "alert": alert} for d in new for nth, alert in enumerate(d.alerts)],
    )
    return tuple(delivery.key for delivery in new)


def _delivery(nth: int, delivery: Delivery, now: datetime) -> dict[str, Any]:
    return {
        "key": delivery.key,
        "channel": delivery.channel,
        "state": "pending",
        "message": delivery.message,
        "attempts": 0,
        "created": now,
        "nth": nth,
        "not_before": delivery.not_before,
        "settled": None,
        "error": None,
        "detail": None,
        "progress": {},
    }


def settle(
    connection: Connection, settlements: Sequence[Settlement], state: ChannelState | None, owed: Sequence[Delivery]
) -> None:
    """Mark what became of attempts, with the channel's health and the notices that follow from it.

    What is sent stays sent and what was cancelled stays cancelled; a cancelled one that was in flight gets its
    line in the record of attempts.
    """
    table = schema.delivery
    kept: dict[str, str] = {}
    for keys in rows.chunks({mark.key for mark in settlements}):
        statement = select(table.c.key, table.c.state).where(table.c.key.in_(keys)).with_for_update()
        kept.update((row.key, row.state) for row in connection.execute(statement))
    tried = [mark for mark in settlements if kept.get(mark.key, "sent") != "sent"]
    changed = update(table).where(table.c.key == bindparam("this"), table.c.state.in_(OPEN))
    rows.execute(
        connection,
        changed.values(
            attempts=table.c.attempts + 1,
            not_before=func.coalesce(bindparam("to_not_before", type_=schema.Instant()), table.c.not_before),
            **{name: bindparam(f"to_{name}") for name in ("state", "settled", "error", "detail", "progress")},
        ),
        [_mark(mark) for mark in tried],
    )
    rows.insert(connection, schema.attempt, [_attempt(mark) for mark in tried])
    if state is not None:
        put_channel(connection, state)
    if owed:
        _owe(connection, owed, settlements[0].at if settlements else owed[0].message.at)


def _mark(mark: Settlement) -> dict[str, Any]:
    return {
        "this": mark.key,
        "to_state": mark.state,
        "to_not_before": mark.not_before,
        "to_settled": mark.at if mark.state in SETTLED else None,
        "to_error": mark.error,
        "to_detail": mark.detail,
        "to_progress": mark.progress,
    }


def _attempt(mark: Settlement) -> dict[str, Any]:
    outcome = "deferred" if mark.state == "pending" else mark.state
    return {"delivery": mark.key, "at": mark.at, "outcome": outcome, "error": mark.error, "detail": mark.detail}


def put_channel(connection: Connection, state: ChannelState) -> None:
    """Keep what is known of a channel."""
    row = {"id": state.channel, "health": state.health, "disabled": state.disabled}
    rows.insert(connection, schema.channel, [row], replacing=("health", "disabled"))


def enable(connection: Connection, channel: str) -> None:
    """Let a channel send again whose receiver had asked us to stop."""
    table = schema.channel
    connection.execute(update(table).where(table.c.id == channel).values(disabled=None))


def replay(
    connection: Connection,
    *,
    keys: Collection[str],
    prefix: str | None,
    channel: str | None,
    alerts: Collection[str],
    since: datetime | None,
    states: Collection[DeliveryState],
    now: datetime,
) -> int:
    """Make deliveries pending again, under their keys and with a fresh schedule; return how many."""
    table = schema.delivery
    chosen = _chosen(connection, keys=keys, prefix=prefix, channel=channel, alerts=alerts)
    if since is not None:
        chosen.append(table.c.created >= since)
    again = update(table).where(table.c.state.in_(states), *chosen)
    # Of one that was sent already, the recipients that have it are to get it again; of a parked one they are not.
    progress = case((table.c.state == "sent", literal({}, schema.Json())), else_=table.c.progress)
    values = {"state": "pending", "not_before": now, "attempts": 0, "settled": None, "progress": progress}
    return int(connection.execute(again.values(values)).rowcount)


def cancel(
    connection: Connection, *, keys: Collection[str], prefix: str | None, channel: str | None, now: datetime
) -> int:
    """Give up what is owed or parked; return how many deliveries."""
    table = schema.delivery
    chosen = _chosen(connection, keys=keys, prefix=prefix, channel=channel, alerts=())
    if not chosen:
        raise LookupFault("nothing was named to be cancelled", "name delivery keys or a channel")
    given_up = update(table).where(table.c.state.in_(OPEN), *chosen).values(state="cancelled", settled=now)
    return int(connection.execute(given_up).rowcount)


def _chosen(
    connection: Connection,
    *,
    keys: Collection[str],
    prefix: str | None,
    channel: str | None,
    alerts: Collection[str],
) -> list[ColumnElement[bool]]:
    """Turn a choice of deliveries into conditions; none means all."""
    table, links = schema.delivery, schema.delivery_alert
    chosen: list[ColumnElement[bool]] = []
    if keys:
        chosen.append(table.c.key.in_(sorted(keys)))
    if prefix is not None:
        named = delivery_keys(connection, prefix)
        chosen.append(table.c.key.in_(named))
    if channel is not None:
        chosen.append(table.c.channel == channel)
    if alerts:
        chosen.append(table.c.key.in_(select(links.c.delivery).where(links.c.alert.in_(sorted(alerts)))))
    return chosen


def poll_now(connection: Connection, source: str | None, now: datetime) -> int:
    """Make sources due; return how many are."""
    table = schema.source
    which = [table.c.active, *([] if source is None else [table.c.id == source])]
    connection.execute(update(table).where(*which, table.c.next_poll > now).values(next_poll=now))
    return int(connection.execute(select(func.count()).select_from(table).where(*which)).scalar_one())
