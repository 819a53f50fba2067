"""What the rule engine needs remembered: facts and age of documents, versions of rules, the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns, which reads no row, and tables."""
    words = sa.TEXT() if op.get_bind().dialect.name == "sqlite" else sa.TEXT(collation="C")
    op.add_column("document", sa.Column("facts", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("document", sa.Column("thinned", sa.BigInteger()))
    in_full = sa.text("thinned IS NULL")
    op.create_index(
        "document_in_full", "document", ["first_seen", "nth", "key"], sqlite_where=in_full, postgresql_where=in_full
    )
    op.add_column("alert", sa.Column("version", words, nullable=False, server_default=""))
    _versions(words)
    _audit(words)


def _versions(words: sa.TEXT) -> None:
    op.create_table(
        "rule_version",
        sa.Column("rule", words, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", words, nullable=False),
        sa.Column("definition", words, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("rule", "number", name="pk_rule_version"),
    )
    in_force = sa.text("until IS NULL")
    op.create_index(
        "rule_version_in_force", "rule_version", ["rule"], sqlite_where=in_force, postgresql_where=in_force
    )


def _audit(words: sa.TEXT) -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", words, nullable=False),
        sa.Column("subject", words, nullable=False),
        sa.Column("detail", words, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("audit_by_time", "audit", ["at", "id"])
    op.create_index("audit_by_subject", "audit", ["subject", "at", "id"])
