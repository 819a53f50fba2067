"""The tables, the same on SQLite and PostgreSQL; how they came to be, step by step, is in `migrations`.

Every time is an integer of microseconds UTC, every structure canonical JSON text, every text compares by code
point: so order and equality are the same on both. `nth` is the place within one round, for a stable order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    TEXT,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.types import TypeEngine

from storage import encoding

APPLICATION_ID: Final = 0x54495053
"""Written into the SQLite header, so that another program's database is recognised as such ("TIPS")."""


class Words(TypeDecorator[str]):
    """Text as both databases can hold it; PostgreSQL compares it by code point, as SQLite does."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return TEXT(collation="C") if dialect.name == "postgresql" else TEXT()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else encoding.clean(value)


class Instant(TypeDecorator[datetime]):
    """An aware time, as microseconds since 1970 UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else encoding.micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else encoding.instant(value)


class Fingerprint(TypeDecorator[int]):
    """A signed 64-bit number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else encoding.folded(value)


class Json(TypeDecorator[Mapping[str, Any] | Sequence[Any]]):
    """A structure as canonical JSON text; equal structures are equal texts."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        return None if value is None else encoding.dump(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else encoding.load(value)


metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

source: Final = Table(
    "source",
    metadata,
    Column("id", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Column("url", Words, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("next_poll", Instant, nullable=False),
    Column("cursor", Json, nullable=False),
    Column("traits", Json, nullable=False),
    Column("health", Json, nullable=False),
    Column("baselined", Boolean, nullable=False),
    Column("polls", BigInteger, nullable=False),
    Column("last_new", Instant),
    Column("documents", BigInteger, nullable=False),
    Index("source_due", "next_poll"),
)

IN_FULL: Final = Index("document_in_full", "first_seen", "nth", "key", sqlite_where=text("thinned IS NULL"))
"""Documents that have their text, in the order in which history is read: what was thinned costs it nothing."""

document: Final = Table(
    "document",
    metadata,
    Column("key", Words, primary_key=True),
    Column("source", Words, ForeignKey("source.id"), nullable=False),
    Column("kind", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("body", Words, nullable=False),
    Column("url", Words),
    Column("guid", Words),
    Column("published", Instant),
    Column("updated", Instant),
    Column("lang", Words),
    Column("authors", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("revision", Words, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("nth", Integer, nullable=False),
    Column("amended", Instant),
    Column("facts", Json, nullable=False, server_default="[]"),
    # When the body was dropped; NULL while it is there.
    Column("thinned", Instant),
    IN_FULL,
    Index("document_by_time", "first_seen", "nth"),
    Index("document_by_source", "source", "first_seen", "nth"),
)

alias: Final = Table(
    "alias",
    metadata,
    Column("source", Words, primary_key=True),
    Column("alias", Fingerprint, primary_key=True, autoincrement=False),
    # No foreign key: what was seen must be remembered for longer than the texts themselves are kept.
    Column("document", Words, primary_key=True),
    sqlite_with_rowid=False,
)

alert: Final = Table(
    "alert",
    metadata,
    Column("key", Words, primary_key=True),
    Column("document", Words, ForeignKey("document.key"), nullable=False),
    Column("rule", Words, nullable=False),
    Column("revision", Words, nullable=False),
    Column("severity", Words, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("at", Instant, nullable=False),
    Column("nth", Integer, nullable=False),
    # Of the rule that fired; empty for alerts from before versions were kept. As text(): Alembic's comparison takes
    # an empty default for none.
    Column("version", Words, nullable=False, server_default=text("''")),
    Index("alert_by_time", "at", "nth"),
    Index("alert_by_document", "document"),
)

OWED: Final = Index("delivery_owed", "channel", "not_before", sqlite_where=text("state = 'pending'"))
"""Only what is owed is in this index: it stays small however many deliveries were made."""

delivery: Final = Table(
    "delivery",
    metadata,
    Column("key", Words, primary_key=True),
    Column("channel", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("message", Json, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", Instant, nullable=False),
    Column("nth", Integer, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("settled", Instant),
    Column("error", Words),
    Column("detail", Words),
    Column("progress", Json, nullable=False),
    CheckConstraint("state IN ('pending', 'parked', 'sent', 'cancelled')", name="state"),
    OWED,
    Index("delivery_by_state", "state", "created", "nth"),
    Index("delivery_by_time", "created", "nth"),
)

delivery_alert: Final = Table(
    "delivery_alert",
    metadata,
    Column("delivery", Words, ForeignKey("delivery.key"), primary_key=True),
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("alert", Words, nullable=False),
    Index("delivery_by_alert", "alert"),
    sqlite_with_rowid=False,
)

attempt: Final = Table(
    "attempt",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("delivery", Words, ForeignKey("delivery.key"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("error", Words),
    Column("detail", Words),
    Index("attempt_by_delivery", "delivery"),
)

channel: Final = Table(
    "channel",
    metadata,
    Column("id", Words, primary_key=True),
    Column("health", Json, nullable=False),
    Column("disabled", Words),
)

IN_FORCE: Final = Index("rule_version_in_force", "rule", sqlite_where=text("until IS NULL"))

rule_version: Final = Table(
    "rule_version",
    metadata,
    Column("rule", Words, primary_key=True),
    # Counted from 1 for each rule; a rule that goes back to an old definition gets a new number.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", Words, nullable=False),
    Column("definition", Words, nullable=False),
    Column("since", Instant, nullable=False),
    # When it was edited or removed; NULL while it is in force.
    Column("until", Instant),
    IN_FORCE,
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("what", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Index("audit_by_time", "at", "id"),
    Index("audit_by_subject", "subject", "at", "id"),
)

lease: Final = Table(
    "lease",
    metadata,
    Column("name", Words, primary_key=True),
    Column("holder", Words, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("since", Instant, nullable=False),
    Column("heartbeat", Instant, nullable=False),
)

receipt: Final = Table(
    "receipt",
    metadata,
    Column("writer", Words, primary_key=True),
    # The last transaction of this writer that was committed; PostgreSQL's answer to a lost answer.
    Column("number", BigInteger, nullable=False),
)


def complete_for_postgresql() -> None:
    """Add what only PostgreSQL's DDL needs to know; not said above, since that loads its dialect (40 ms a start)."""
    for index in (OWED, IN_FULL, IN_FORCE):
        index.dialect_kwargs["postgresql_where"] = index.dialect_kwargs["sqlite_where"]
