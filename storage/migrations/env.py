"""What Alembic runs for every upgrade, on the connection that `storage.migrate` brings; it opens none itself."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection

from storage import migrate, schema


def _check_references(ctx: Any, *_: object, **__: object) -> None:
    """Fail the step, inside its transaction, when it left a row that refers to nothing (SQLite checks no sooner)."""
    connection = ctx.connection
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise RuntimeError(f"table {broken[0]} refers to a missing row of {broken[2]}")


def _run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        schema.complete_for_postgresql()
    context.configure(
        connection=connection,
        target_metadata=schema.metadata,
        version_table=migrate.VERSION_TABLE,
        # Alembic takes SQLite for a database without transactional DDL; with an explicit BEGIN it has it.
        transactional_ddl=True,
        transaction_per_migration=True,
        on_version_apply=_check_references,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
