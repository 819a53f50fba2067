"""The first tables; later steps change them, this one stays as it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPLICATION_ID = 0x54495053


def upgrade() -> None:
    """Create everything that version 0001 had."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    words = sa.TEXT() if sqlite else sa.TEXT(collation="C")
    if sqlite:
        op.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _sources_and_documents(words)
    _alerts_and_deliveries(words)
    _channels_and_lease(words)


def _sources_and_documents(words: sa.TEXT) -> None:
    op.create_table(
        "source",
        sa.Column("id", words, nullable=False),
        sa.Column("host", words, nullable=False),
        sa.Column("url", words, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("next_poll", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("traits", sa.Text(), nullable=False),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("baselined", sa.Boolean(), nullable=False),
        sa.Column("polls", sa.BigInteger(), nullable=False),
        sa.Column("last_new", sa.BigInteger()),
        sa.Column("documents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_source"),
    )
    op.create_index("source_due", "source", ["next_poll"])
    op.create_table(
        "document",
        sa.Column("key", words, nullable=False),
        sa.Column("source", words, nullable=False),
        sa.Column("kind", words, nullable=False),
        sa.Column("title", words, nullable=False),
        sa.Column("body", words, nullable=False),
        sa.Column("url", words),
        sa.Column("guid", words),
        sa.Column("published", sa.BigInteger()),
        sa.Column("updated", sa.BigInteger()),
        sa.Column("lang", words),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("revision", words, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("amended", sa.BigInteger()),
        sa.PrimaryKeyConstraint("key", name="pk_document"),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name="fk_document_source"),
    )
    op.create_index("document_by_time", "document", ["first_seen", "nth"])
    op.create_index("document_by_source", "document", ["source", "first_seen", "nth"])
    op.create_table(
        "alias",
        sa.Column("source", words, nullable=False),
        sa.Column("alias", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document", words, nullable=False),
        sa.PrimaryKeyConstraint("source", "alias", "document", name="pk_alias"),
        sqlite_with_rowid=False,
    )


def _alerts_and_deliveries(words: sa.TEXT) -> None:
    op.create_table(
        "alert",
        sa.Column("key", words, nullable=False),
        sa.Column("document", words, nullable=False),
        sa.Column("rule", words, nullable=False),
        sa.Column("revision", words, nullable=False),
        sa.Column("severity", words, nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_alert"),
        sa.ForeignKeyConstraint(["document"], ["document.key"], name="fk_alert_document"),
    )
    op.create_index("alert_by_time", "alert", ["at", "nth"])
    op.create_index("alert_by_document", "alert", ["document"])
    op.create_table(
        "delivery",
        sa.Column("key", words, nullable=False),
        sa.Column("channel", words, nullable=False),
        sa.Column("state", words, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger()),
        sa.Column("error", words),
        sa.Column("detail", words),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_delivery"),
        sa.CheckConstraint("state IN ('pending', 'parked', 'sent', 'cancelled')", name=op.f("ck_delivery_state")),
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "delivery_owed", "delivery", ["channel", "not_before"], sqlite_where=pending, postgresql_where=pending
    )
    op.create_index("delivery_by_state", "delivery", ["state", "created", "nth"])
    op.create_index("delivery_by_time", "delivery", ["created", "nth"])
    op.create_table(
        "delivery_alert",
        sa.Column("delivery", words, nullable=False),
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("alert", words, nullable=False),
        sa.PrimaryKeyConstraint("delivery", "nth", name="pk_delivery_alert"),
        sa.ForeignKeyConstraint(["delivery"], ["delivery.key"], name="fk_delivery_alert_delivery"),
        sqlite_with_rowid=False,
    )
    op.create_index("delivery_by_alert", "delivery_alert", ["alert"])
    op.create_table(
        "attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery", words, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", words, nullable=False),
        sa.Column("error", words),
        sa.Column("detail", words),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.ForeignKeyConstraint(["delivery"], ["delivery.key"], name="fk_attempt_delivery"),
    )
    op.create_index("attempt_by_delivery", "attempt", ["delivery"])


def _channels_and_lease(words: sa.TEXT) -> None:
    op.create_table(
        "channel",
        sa.Column("id", words, nullable=False),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("disabled", words),
        sa.PrimaryKeyConstraint("id", name="pk_channel"),
    )
    op.create_table(
        "lease",
        sa.Column("name", words, nullable=False),
        sa.Column("holder", words, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "receipt",
        sa.Column("writer", words, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("writer", name="pk_receipt"),
    )
