"""Migrations: they lead to the schema the program knows, may be killed anywhere, and never touch what is newer."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from kills import killed_at
from sqlalchemy import Connection, create_engine, inspect, make_url
from stores import NOW, SOURCE, SOURCES, compared, round_

from storage import migrate, schema
from storage.databases.postgres import open_url
from storage.databases.sqlite import open_file
from storage.engine import NewerSchema, StoreFault, StoreHeld, StoreMissing, open_store
from storage.migrate import STEPS, Steps
from storage.store import Store

ROOT = Path(__file__).resolve().parents[2]
NEXT, LAST = (f"{int(STEPS.head) + number:04}" for number in (1, 2))
"""The steps that a program two versions later would know besides."""

LATER = '''"""A later step: a new table, a new column, and a change of what is there."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.create_table("extra_{revision}", sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id"))
    op.add_column("document", sa.Column("extra_{revision}", sa.Text(), nullable=True))
    op.execute("UPDATE document SET extra_{revision} = title")
    op.execute("INSERT INTO extra_{revision} (id) VALUES (1)")
    {last}
'''


@pytest.fixture
def later(tmp_path: Path) -> Steps:
    """What a program two versions later would know."""
    return _steps(tmp_path / "later", last="")


@pytest.fixture
def failing(tmp_path: Path) -> Steps:
    """What a program with a mistake in its last step would do."""
    return _steps(tmp_path / "failing", last=f'op.execute("INSERT INTO extra_{LAST} (id) VALUES (1)")')


def _steps(folder: Path, last: str) -> Steps:
    shutil.copytree(STEPS.folder, folder)
    for revision, before, end in ((NEXT, STEPS.head, "pass"), (LAST, NEXT, last or "pass")):
        text = LATER.format(revision=revision, before=before, last=end)
        (folder / "versions" / f"{revision}_later.py").write_text(text, "utf-8")
    return Steps(folder, (*STEPS.revisions, NEXT, LAST))


def _open(address: str, steps: Steps = STEPS, *, create: bool = True) -> Store:
    if address.startswith("sqlite"):
        path = Path(address.removeprefix("sqlite:///"))
        return Store(open_file(path, create=create, check=True, steps=steps))
    return Store(open_url(make_url(address), create=create, steps=steps))


@contextmanager
def _connection(address: str) -> Iterator[Connection]:
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _shape(connection: Connection) -> dict[str, Any]:
    """Everything the database itself says about its tables."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {f"{r[0]} {r[1]}": " ".join(str(r[3]).replace('"', "").split()) for r in rows if r[1] != "unknown"}
    columns = connection.exec_driver_sql(
        "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name, ordinal_position"
        " FROM information_schema.columns WHERE table_schema = current_schema()"
    )
    indexes = connection.exec_driver_sql(
        "SELECT indexname, regexp_replace(indexdef, 'ON \\w+\\.', 'ON ') FROM pg_indexes"
        " WHERE schemaname = current_schema()"
    )
    constraints = connection.exec_driver_sql(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace"
    )
    return {
        "columns": {tuple(r) for r in columns if r[0] != migrate.VERSION_TABLE},
        "indexes": {tuple(r) for r in indexes if migrate.VERSION_TABLE not in r[0]},
        "constraints": {tuple(r) for r in constraints if migrate.VERSION_TABLE not in r[0]},
    }


def test_the_migrated_schema_is_the_one_the_program_knows(address: str) -> None:
    _open(address).close()
    with _connection(address) as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": migrate.VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, schema.metadata) == []


def test_the_migrated_tables_are_what_the_metadata_would_make(address: str, tmp_path: Path) -> None:
    _open(address).close()
    with _connection(address) as connection:
        migrated = _shape(connection)
        if connection.dialect.name == "sqlite":
            connection.close()
            with _connection(f"sqlite:///{tmp_path / 'made.db'}") as other:
                schema.metadata.create_all(other)
                made = _shape(other)
            migrated.pop(f"table {migrate.VERSION_TABLE}")
        else:
            for name in inspect(connection).get_table_names():
                connection.exec_driver_sql(f"DROP TABLE {name} CASCADE")
            schema.metadata.create_all(connection)
            made = _shape(connection)
            connection.rollback()
    assert migrated == made


def test_the_steps_named_in_the_program_are_those_in_its_folder() -> None:
    script = ScriptDirectory(str(STEPS.folder), version_locations=None)
    assert tuple(step.revision for step in script.walk_revisions())[::-1] == STEPS.revisions


def test_the_databases_name_for_the_program_is_the_same_in_step_and_schema(tmp_path: Path) -> None:
    _open(f"sqlite:///{tmp_path / 'a.db'}").close()
    with _connection(f"sqlite:///{tmp_path / 'a.db'}") as connection:
        assert connection.exec_driver_sql("PRAGMA application_id").scalar() == schema.APPLICATION_ID


def test_opening_an_up_to_date_store_does_not_import_alembic(tmp_path: Path) -> None:
    open_store(str(tmp_path / "a.db")).close()
    code = "import sys; from storage.engine import open_store; open_store(sys.argv[1]).close(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.db")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert not [name for name in loaded if name.startswith(("alembic", "psycopg", "sqlalchemy.orm"))]


def test_a_store_is_not_made_by_a_command_that_only_looks(postgres_address: str) -> None:
    with pytest.raises(StoreMissing, match="there is no store"):
        _open(postgres_address, create=False)
    with _connection(postgres_address) as connection:
        assert inspect(connection).get_table_names() == []


def _fill(address: str) -> None:
    store = _open(address)
    store.plan(SOURCES, NOW).result()
    store.file(round_(compared("MOTION", 1, key="k"))).result()
    store.close()


def _is_whole(address: str, steps: Steps) -> None:
    """All steps are done, each once, and nothing is lost."""
    store = _open(address, steps)
    assert [d.key for d in store.documents()] == ["k"]
    assert store.seen(SOURCE, [1]).keys() == {1}
    store.close()
    with _connection(address) as connection:
        assert migrate.version(connection) == steps.head
        for revision in steps.revisions[len(STEPS.revisions) :]:
            assert connection.exec_driver_sql(f"SELECT extra_{revision} FROM document").scalar() == "MOTION"
            assert connection.exec_driver_sql(f"SELECT count(*) FROM extra_{revision}").scalar() == 1


def test_an_older_store_is_brought_up_to_date(address: str, later: Steps) -> None:
    _fill(address)
    _is_whole(address, later)


def test_a_copy_is_made_before_an_older_file_is_changed(sqlite_address: str, later: Steps) -> None:
    _fill(sqlite_address)
    _is_whole(sqlite_address, later)
    copy = Path(sqlite_address.removeprefix("sqlite:///") + f".{STEPS.head}-before-{LAST}")
    assert copy.stat().st_mode & 0o777 == 0o600
    restored = open_store(str(copy))
    assert [d.key for d in restored.documents()] == ["k"]
    restored.close()


def test_a_step_that_fails_leaves_what_the_older_program_works_with(sqlite_address: str, failing: Steps) -> None:
    _fill(sqlite_address)
    copy = Path(sqlite_address.removeprefix("sqlite:///") + f".{STEPS.head}-before-{LAST}")
    with pytest.raises(StoreFault, match=f"could not be migrated to schema {LAST}"):
        _open(sqlite_address, failing)
    with _connection(sqlite_address) as connection:
        assert migrate.version(connection) == NEXT
        assert f"extra_{LAST}" not in inspect(connection).get_table_names()
    _is_whole(f"sqlite:///{copy}", STEPS)


def test_a_step_that_fails_is_undone_whole(address: str, failing: Steps) -> None:
    _fill(address)
    with pytest.raises(StoreFault, match="could not be migrated"):
        _open(address, failing)
    with _connection(address) as connection:
        assert migrate.version(connection) == NEXT
        assert f"extra_{LAST}" not in inspect(connection).get_table_names()
        assert f"extra_{LAST}" not in {c["name"] for c in inspect(connection).get_columns("document")}


def test_a_step_that_breaks_a_reference_is_undone(sqlite_address: str, tmp_path: Path) -> None:
    _fill(sqlite_address)
    steps = _steps(tmp_path / "breaking", last='op.execute("DELETE FROM source")')
    with pytest.raises(StoreFault, match="refers to a missing row of source"):
        _open(sqlite_address, steps)
    with _connection(sqlite_address) as connection:
        assert migrate.version(connection) == NEXT


def test_a_newer_store_is_refused_without_a_write(address: str, later: Steps) -> None:
    _fill(address)
    _open(address, later).close()
    with _connection(address) as connection:
        before = _shape(connection)
    with pytest.raises(NewerSchema, match=f"schema version {LAST}, .* no later one than {STEPS.head}"):
        _open(address)
    with _connection(address) as connection:
        assert _shape(connection) == before


def test_a_store_in_use_by_an_older_daemon_is_not_migrated(address: str, later: Steps) -> None:
    _fill(address)
    daemon = _open(address)
    daemon.take("older:1", NOW)
    with pytest.raises(StoreHeld, match="older:1"):
        _open(address, later)
    daemon.file(round_()).result()
    daemon.close()
    _is_whole(address, later)


def test_a_first_start_that_is_killed_anywhere_is_made_good_by_the_next(
    tmp_path: Path,
) -> None:
    points, killed = 0, True
    while killed:
        points += 1
        address = f"sqlite:///{tmp_path / f'kill-{points}.db'}"
        killed = killed_at(points, lambda at=address: _open(at))  # type: ignore[misc]
        _fill(address)
        _is_whole(address, STEPS)
    assert points > 40


def test_a_first_start_on_a_server_that_is_killed_anywhere_is_made_good_by_the_next(postgres_address: str) -> None:
    schema_name = postgres_address.rpartition("%3D")[2]
    points, killed = 1, True
    while killed:
        killed = killed_at(points, lambda: _open(postgres_address))
        _fill(postgres_address)
        _is_whole(postgres_address, STEPS)
        with psycopg.connect(postgres_address, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema_name} CASCADE")
            connection.execute(f"CREATE SCHEMA {schema_name}")
        points += 5
    assert points > 40


def test_an_upgrade_that_is_killed_anywhere_is_made_good_by_the_next(
    sqlite_address: str, later: Steps, tmp_path: Path
) -> None:
    _fill(sqlite_address)
    source = Path(sqlite_address.removeprefix("sqlite:///"))
    points, killed = 0, True
    while killed:
        points += 1
        address = f"sqlite:///{tmp_path / f'kill-{points}.db'}"
        shutil.copy(source, address.removeprefix("sqlite:///"))
        killed = killed_at(points, lambda at=address: _open(at, later))  # type: ignore[misc]
        _is_whole(address, later)
    assert points > 20


START = """
import sys
from storage.engine import open_store
sys.stdin.read(1)
store = open_store(sys.argv[1])
print(len(store.sources()))
store.close()
"""


def test_many_first_starts_at_once_make_one_store(address: str) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", START, address],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("x")
        child.stdin.flush()
    answers = [child.communicate(timeout=60) for child in children]
    assert [out.strip() for out, _ in answers] == ["0"] * 4, answers
    _fill(address)
    _is_whole(address, STEPS)


def test_a_database_without_a_version_row_is_taken_as_never_migrated(sqlite_address: str) -> None:
    path = Path(sqlite_address.removeprefix("sqlite:///"))
    _fill(sqlite_address)
    with sqlite3.connect(path) as connection:
        connection.execute(f"DELETE FROM {migrate.VERSION_TABLE}")
    connection.close()
    with pytest.raises(StoreFault, match="could not be migrated"):
        _open(sqlite_address)
