"""Documents read in bulk, as backtests need them, and their texts dropped when they are old; none is ever removed.

Columns come as the database has them and are converted here: for a backtest of 200,000 documents, looking up every
column by its name and parsing empty lists is most of the time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    Select,
    Text,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)

from rules.model import Document
from storage.encoding import instant
from storage.records import FiledDocument
from storage.schema import Instant, Json, alert, document

Rows = Sequence[Row[Any]]

ORDER: Final = (document.c.first_seen, document.c.nth, document.c.key)
COLUMNS: Final = (
    *("key", "source", "kind", "title", "body", "url", "guid", "published", "updated", "lang"),
    *("authors", "tags", "facts", "first_seen", "nth", "amended"),
)
"""As `_filed` takes them."""


def stream(
    read: Callable[[Callable[[Connection], Rows]], Rows],
    since: datetime | None,
    until: datetime | None,
    source: str | None,
    batch: int,
) -> Iterator[FiledDocument]:
    """Yield documents that have their text, oldest first, a batch at a time in memory.

    Each batch is a short question of its own, put through `read`: nothing is held open in between.
    """
    columns = select(*map(_plain, COLUMNS)).order_by(*ORDER).limit(batch)
    query = _in_full(columns, since, until, source)
    # Without `since`, which SQLite would take for the better beginning, and read everything again for every batch.
    rest = _in_full(columns, None, until, source)
    while True:
        rows = read(partial(_ask, query))
        for row in rows:
            yield _filed(row)
        if len(rows) < batch:
            return
        last = rows[-1]
        place = (literal(last.first_seen, BigInteger), literal(last.nth), literal(last.key))
        query = rest.where(tuple_(*ORDER) > tuple_(*place))


def count(connection: Connection, since: datetime | None, until: datetime | None, source: str | None) -> int:
    """Return how many documents `stream` would yield."""
    query = _in_full(select(func.count()).select_from(document), since, until, source)
    return int(connection.execute(query).scalar_one())


def thin(connection: Connection, before: datetime, now: datetime, limit: int) -> int:
    """Drop the bodies of the oldest documents that nothing came of; return how many.

    Title, key, revision and aliases stay: such a document is recognised for ever and alerts no second time.
    """
    old = (
        select(document.c.key)
        .where(
            document.c.thinned.is_(None),
            document.c.first_seen < before,
            or_(document.c.amended.is_(None), document.c.amended < before),
            ~exists().where(alert.c.document == document.c.key),
        )
        .order_by(*ORDER)
        .limit(limit)
    )
    thinned = update(document).where(document.c.key.in_(old)).values(body="", thinned=now)
    return int(connection.execute(thinned).rowcount)


def _in_full(query: Select[Any], since: datetime | None, until: datetime | None, source: str | None) -> Select[Any]:
    query = query.where(document.c.thinned.is_(None))
    if since is not None:
        query = query.where(document.c.first_seen >= since)
    if until is not None:
        query = query.where(document.c.first_seen < until)
    return query if source is None else query.where(document.c.source == source)


def _plain(name: str) -> Any:
    """Return a column as the database has it: times as numbers, lists as JSON text."""
    column = document.c[name]
    kind = {Instant: BigInteger, Json: Text}.get(type(column.type))
    return column if kind is None else type_coerce(column, kind).label(name)


def _ask(query: Select[Any], connection: Connection) -> Rows:
    return connection.execute(query).all()


def _filed(row: Any) -> FiledDocument:
    key, source, kind, title, body, url, guid, published, updated, lang, authors, tags, facts, first, _, amended = row
    return FiledDocument(
        key=key,
        document=Document(
            source=source,
            kind=kind,
            title=title,
            body=body,
            url=url,
            guid=guid,
            published=None if published is None else instant(published),
            updated=None if updated is None else instant(updated),
            lang=lang,
            authors=_texts(authors),
            tags=_texts(tags),
            facts=_pairs(facts),
        ),
        first_seen=instant(first),
        amended=None if amended is None else instant(amended),
    )


@lru_cache(maxsize=4096)
def _texts(kept: str) -> tuple[str, ...]:
    return tuple(json.loads(kept))


@lru_cache(maxsize=4096)
def _pairs(kept: str) -> tuple[tuple[str, str], ...]:
    return tuple((field, value) for field, value in json.loads(kept))
