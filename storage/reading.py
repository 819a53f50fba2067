"""The questions the store answers, each on a connection that is given; nothing is written and nothing decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, Select, func, literal_column, select

from rules.model import Alert, Delivery, Document, SeenDocument
from storage import encoding
from storage.faults import LookupFault
from storage.records import (
    Attempt,
    ChannelState,
    DeliveryState,
    FiledAlert,
    FiledDelivery,
    FiledDocument,
    Owed,
    SourceState,
    Totals,
)
from storage.rows import chunks
from storage.schema import alert, alias, attempt, channel, delivery, delivery_alert, document, source

LAST: Final = "\U0010ffff"
"""Sorts after everything a key may go on with."""
PENDING: Final = delivery.c.state == literal_column("'pending'")
"""Written out, not bound: only then is the index of what is owed used."""


def key_named(connection: Connection, column: Column[str], prefix: str, what: str) -> str | None:
    """Return the key that is, or alone begins with, these characters; None when there is none.

    Raises:
        LookupFault: several keys begin so.
    """
    found = _keys_beginning(connection, column, prefix)
    if len(found) > 1:
        raise _ambiguous(prefix, what, found)
    return found[0] if found else None


def delivery_keys(connection: Connection, prefix: str) -> list[str]:
    """Return the keys of the deliveries meant by the beginning of a delivery's or an alert's key.

    Raises:
        LookupFault: it may mean several things.
    """
    deliveries = _keys_beginning(connection, delivery.c.key, prefix)
    alerts = _keys_beginning(connection, alert.c.key, prefix)
    if len(deliveries) + len(alerts) > 1:
        raise _ambiguous(prefix, "delivery or alert", deliveries + alerts)
    for one in alerts:
        links = select(delivery_alert.c.delivery).where(delivery_alert.c.alert == one)
        deliveries += connection.scalars(links)
    return deliveries


def _keys_beginning(connection: Connection, column: Column[str], prefix: str) -> list[str]:
    """Return up to four such keys; the key itself alone where it is there in full."""
    if not prefix:
        return []
    # A range and no LIKE: nothing in the prefix has a meaning of its own, and the primary key's index serves it.
    like = select(column).where(column >= prefix, column < prefix + LAST).order_by(column).limit(4)
    found = list(connection.scalars(like))
    return [prefix] if prefix in found else found


def _ambiguous(prefix: str, what: str, found: Sequence[str]) -> LookupFault:
    return LookupFault(
        f"more than one {what} key begins with {prefix!r}: {', '.join(found[:3])}{', ...' if len(found) > 3 else ''}",
        "give more of it",
    )


def due(connection: Connection, now: datetime, limit: int) -> tuple[SourceState, ...]:
    """Return the sources that have been due for longest, then grouped by host."""
    rows = connection.execute(
        select(source)
        .where(source.c.active, source.c.next_poll <= now)
        .order_by(source.c.next_poll, source.c.id)
        .limit(limit)
    )
    return tuple(sorted(map(_source, rows), key=lambda state: (state.host, state.next_poll, state.source)))


def next_due(connection: Connection) -> datetime | None:
    """Return when the next source is due."""
    first = select(source.c.next_poll).where(source.c.active).order_by(source.c.next_poll).limit(1)
    return connection.execute(first).scalar_one_or_none()


def source_named(connection: Connection, id_: str) -> SourceState | None:
    """Return one source, active or not."""
    row = connection.execute(select(source).where(source.c.id == id_)).first()
    return None if row is None else _source(row)


def sources(connection: Connection) -> tuple[SourceState, ...]:
    """Return the active sources by id."""
    return tuple(map(_source, connection.execute(select(source).where(source.c.active).order_by(source.c.id))))


def _source(row: Row[Any]) -> SourceState:
    return SourceState(
        source=row.id,
        host=row.host,
        url=row.url,
        next_poll=row.next_poll,
        cursor=row.cursor,
        traits=encoding.traits(row.traits),
        health=encoding.health(row.health),
        baselined=row.baselined,
        polls=row.polls,
        last_new=row.last_new,
        documents=row.documents,
    )


def seen(connection: Connection, id_: str, aliases: Collection[int]) -> dict[int, tuple[SeenDocument, ...]]:
    """Return fingerprint -> the documents of a source that left it, first seen first."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for part in chunks(aliases):
        rows = connection.execute(
            select(
                alias.c.alias,
                document.c.key,
                document.c.revision,
                document.c.title,
                document.c.published,
                document.c.first_seen,
                document.c.nth,
            )
            .join_from(alias, document, document.c.key == alias.c.document)
            .where(alias.c.source == id_, alias.c.alias.in_(part))
        )
        for row in rows:
            found[row.alias].append(row)
    return {
        number: tuple(
            SeenDocument(key=row.key, revision=row.revision, title=row.title, published=row.published)
            for row in sorted(rows_, key=lambda row: (row.first_seen, row.nth, row.key))
        )
        for number, rows_ in found.items()
    }


def alerted(connection: Connection, documents_: Collection[str]) -> dict[str, frozenset[str]]:
    """Return document key -> ids of the rules that have alerted on it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for part in chunks(documents_):
        for row in connection.execute(select(alert.c.document, alert.c.rule).where(alert.c.document.in_(part))):
            found[row.document].add(row.rule)
    return {key: frozenset(rules) for key, rules in found.items()}


def first_seen(connection: Connection, documents_: Collection[str]) -> dict[str, datetime]:
    """Return document key -> when it was first seen."""
    found: dict[str, datetime] = {}
    for part in chunks(documents_):
        rows = connection.execute(select(document.c.key, document.c.first_seen).where(document.c.key.in_(part)))
        found.update((row.key, row.first_seen) for row in rows)
    return found


def owed(
    connection: Connection, channel_: str, now: datetime, limit: int, exclude: Collection[str]
) -> tuple[Owed, ...]:
    """Return what may be sent to a channel by now, oldest first."""
    rows = connection.execute(
        select(delivery)
        .where(delivery.c.channel == channel_, PENDING, delivery.c.not_before <= now)
        .order_by(delivery.c.created, delivery.c.nth, delivery.c.key)
        .limit(limit + len(exclude))
    )
    left_out = frozenset(exclude)
    chosen = [row for row in rows if row.key not in left_out][:limit]
    alerts_ = _alerts_of(connection, [row.key for row in chosen])
    return tuple(
        Owed(
            delivery=Delivery(
                key=row.key,
                channel=row.channel,
                message=encoding.message(row.message),
                not_before=row.not_before,
                alerts=alerts_.get(row.key, ()),
            ),
            attempts=row.attempts,
            created=row.created,
            progress=row.progress,
        )
        for row in chosen
    )


def next_owed(connection: Connection) -> dict[str, datetime]:
    """Return channel -> when the first of its pending deliveries may be sent."""
    firsts = select(delivery.c.channel, func.min(delivery.c.not_before).label("at")).where(PENDING)
    return {row.channel: row.at for row in connection.execute(firsts.group_by(delivery.c.channel))}


def _alerts_of(connection: Connection, keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in chunks(keys):
        rows = connection.execute(
            select(delivery_alert.c.delivery, delivery_alert.c.alert)
            .where(delivery_alert.c.delivery.in_(part))
            .order_by(delivery_alert.c.delivery, delivery_alert.c.nth)
        )
        for row in rows:
            found[row.delivery].append(row.alert)
    return {key: tuple(alerts_) for key, alerts_ in found.items()}


def channel_state(connection: Connection, id_: str) -> ChannelState:
    """Return what is known of a channel; nothing yet is a state too."""
    row = connection.execute(select(channel).where(channel.c.id == id_)).first()
    return ChannelState(channel=id_) if row is None else _channel(row)


def channels(connection: Connection) -> tuple[ChannelState, ...]:
    """Return all channels of which something is known, by id."""
    return tuple(map(_channel, connection.execute(select(channel).order_by(channel.c.id))))


def _channel(row: Row[Any]) -> ChannelState:
    return ChannelState(channel=row.id, health=encoding.health(row.health), disabled=row.disabled)


def document_named(connection: Connection, prefix: str) -> FiledDocument | None:
    """Return one document by its key or the beginning of it."""
    key = key_named(connection, document.c.key, prefix, "document")
    row = connection.execute(select(document).where(document.c.key == key)).first() if key else None
    return None if row is None else _document(row)


def documents(
    connection: Connection, source_: str | None, since: datetime | None, limit: int
) -> tuple[FiledDocument, ...]:
    """Return documents, newest first."""
    query = (
        select(document).order_by(document.c.first_seen.desc(), document.c.nth.desc(), document.c.key).limit(limit)
    )
    if source_ is not None:
        query = query.where(document.c.source == source_)
    if since is not None:
        query = query.where(document.c.first_seen >= since)
    return tuple(map(_document, connection.execute(query)))


def _document(row: Row[Any]) -> FiledDocument:
    return FiledDocument(
        key=row.key,
        document=Document(
            source=row.source,
            kind=row.kind,
            title=row.title,
            body=row.body,
            url=row.url,
            guid=row.guid,
            published=row.published,
            updated=row.updated,
            lang=row.lang,
            authors=tuple(row.authors),
            tags=tuple(row.tags),
            facts=tuple((field, value) for field, value in row.facts),
        ),
        first_seen=row.first_seen,
        amended=row.amended,
        thinned=row.thinned,
    )


def alert_named(connection: Connection, prefix: str) -> FiledAlert | None:
    """Return one alert by its key or the beginning of it."""
    key = key_named(connection, alert.c.key, prefix, "alert")
    row = connection.execute(_alerts().where(alert.c.key == key)).first() if key else None
    return None if row is None else _alert(row)


def alerts(
    connection: Connection, since: datetime | None, rule: str | None, source_: str | None, limit: int
) -> tuple[FiledAlert, ...]:
    """Return alerts, newest first."""
    query = _alerts().order_by(alert.c.at.desc(), alert.c.nth.desc(), alert.c.key).limit(limit)
    if since is not None:
        query = query.where(alert.c.at >= since)
    if rule is not None:
        query = query.where(alert.c.rule == rule)
    if source_ is not None:
        query = query.where(document.c.source == source_)
    return tuple(map(_alert, connection.execute(query)))


def _alerts() -> Select[Any]:
    shown = select(alert, document.c.title, document.c.source, document.c.url)
    return shown.join_from(alert, document, document.c.key == alert.c.document)


def _alert(row: Row[Any]) -> FiledAlert:
    return FiledAlert(
        alert=Alert(
            key=row.key,
            document=row.document,
            rule=row.rule,
            revision=row.revision,
            severity=row.severity,
            evidence=encoding.evidence(row.evidence),
            at=row.at,
            version=row.version,
        ),
        title=row.title,
        source=row.source,
        url=row.url,
    )


def deliveries(
    connection: Connection, state: DeliveryState | None, channel_: str | None, alert_: str | None, limit: int
) -> tuple[FiledDelivery, ...]:
    """Return deliveries, newest first."""
    query = select(delivery).order_by(delivery.c.created.desc(), delivery.c.nth.desc(), delivery.c.key).limit(limit)
    if state is not None:
        query = query.where(delivery.c.state == state)
    if channel_ is not None:
        query = query.where(delivery.c.channel == channel_)
    if alert_ is not None:
        links = select(delivery_alert.c.delivery).where(delivery_alert.c.alert == alert_)
        query = query.where(delivery.c.key.in_(links))
    rows = connection.execute(query).all()
    alerts_ = _alerts_of(connection, [row.key for row in rows])
    return tuple(
        FiledDelivery(
            key=row.key,
            channel=row.channel,
            state=row.state,
            message=encoding.message(row.message),
            alerts=alerts_.get(row.key, ()),
            attempts=row.attempts,
            created=row.created,
            not_before=row.not_before,
            settled=row.settled,
            error=row.error,
            detail=row.detail,
        )
        for row in rows
    )


def attempts(connection: Connection, key: str) -> tuple[Attempt, ...]:
    """Return the attempts made for a delivery, in the order they were settled."""
    rows = connection.execute(select(attempt).where(attempt.c.delivery == key).order_by(attempt.c.id))
    return tuple(Attempt(at=row.at, outcome=row.outcome, error=row.error, detail=row.detail) for row in rows)


def totals(connection: Connection) -> Totals:
    """Return row counts and the age of the oldest debt."""
    counts = select(delivery.c.state, func.count().label("rows")).group_by(delivery.c.state)
    states = {row.state: row.rows for row in connection.execute(counts)}
    # Every source counts its own documents: counting a million rows takes too long for `status`.
    documents_ = connection.execute(select(func.coalesce(func.sum(source.c.documents), 0))).scalar_one()
    return Totals(
        documents=int(documents_),
        alerts=connection.execute(select(func.count()).select_from(alert)).scalar_one(),
        pending=states.get("pending", 0),
        parked=states.get("parked", 0),
        sent=states.get("sent", 0),
        oldest_pending=connection.execute(select(func.min(delivery.c.created)).where(PENDING)).scalar_one_or_none(),
    )
