"""Many rows at once, without the traps: how lists become statements; which rows, the verbs know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

T = TypeVar("T")

CHUNK: Final = 500
"""Values in one IN list."""


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists short enough for an IN."""
    rest = iter(values)
    while part := list(islice(rest, CHUNK)):
        yield part


def insert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, replacing: Sequence[str] = ()
) -> None:
    """Insert rows; of one whose key is there, nothing changes but the columns to be replaced."""
    if rows:
        execute(connection, _insertion(connection.dialect.name, table, tuple(replacing)), rows)


def execute(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement once for each row; with no row, not at all."""
    if rows:
        # A list makes the driver repeat one prepared statement; many rows in one VALUES are ten times as slow.
        connection.execute(statement, list(rows))


@cache
def _insertion(dialect: str, table: Table, replacing: tuple[str, ...]) -> Executable:
    make: Callable[[Table], Any] = sqlite_insert if dialect == "sqlite" else _postgres_insert()
    statement = make(table)
    if not replacing:
        return cast(Executable, statement.on_conflict_do_nothing())
    columns = {name: statement.excluded[name] for name in replacing}
    return cast(Executable, statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=columns))


def _postgres_insert() -> Callable[[Table], Any]:
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - slow, and not needed on a laptop

    return insert
