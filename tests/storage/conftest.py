"""Real stores for the tests of the store: SQLite files, and schemas of one PostgreSQL server for the whole run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from stores import NOW, SOURCES, Opener, in_schema, running_postgres

from storage.engine import open_store
from storage.store import Store

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a running PostgreSQL server."""
    with running_postgres() as server:
        yield server.get_uri()


@pytest.fixture
def postgres_address(postgres: str) -> Iterator[str]:
    """The address of a fresh schema."""
    schema = f"test_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield in_schema(postgres, schema)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tipstaff'"
        )
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def sqlite_address(tmp_path: Path) -> str:
    """The address of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'tipstaff.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """The address of a fresh store of either kind; a test that takes it runs on both."""
    name = "sqlite_address" if request.param == "sqlite" else "postgres_address"
    value: str = request.getfixturevalue(name)
    return value


@pytest.fixture
def opener(address: str) -> Iterator[Opener]:
    """Opens the store of `address`, as often as one likes."""
    opened: list[Store] = []

    def open_again() -> Store:
        opened.append(open_store(address))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    """An open store that knows one source."""
    store = opener()
    store.plan(SOURCES, NOW).result()
    return store


@pytest.fixture
def two_stores(tmp_path: Path, postgres: str) -> Iterator[Callable[[], list[Store]]]:
    """Makes a fresh pair of stores for every history."""
    opened: list[Store] = []
    numbers = itertools.count(1)

    def fresh() -> list[Store]:
        for store in opened:
            store.close()
        schema = f"history_{next(_numbers)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        opened[:] = [open_store(str(tmp_path / f"{next(numbers)}.db")), open_store(in_schema(postgres, schema))]
        return opened

    yield fresh
    for store in opened:
        store.close()
