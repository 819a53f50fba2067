"""One active daemon: the second is refused and told by whom, a deposed one can write nothing any more."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from stores import NOW, SOURCE, SOURCES, Opener, minutes, round_

from storage.engine import open_store
from storage.records import Lease
from storage.store import Deposed, Store, StoreFault, StoreHeld

ROOT = Path(__file__).resolve().parents[2]

HOLD = """
import sys
from datetime import UTC, datetime
from storage.engine import open_store
store = open_store(sys.argv[1])
try:
    lease = store.take(sys.argv[2], datetime(2026, 3, 2, tzinfo=UTC))
except Exception as fault:
    print(type(fault).__name__, getattr(fault, "holder", ""), flush=True)
else:
    print("taken", lease.epoch, flush=True)
    sys.stdin.read()
store.close()
"""


@contextmanager
def _process(address: str, holder: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that takes the lease and keeps it until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, address, holder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_second_process_is_refused_and_told_by_whom(address: str, opener: Opener) -> None:
    store = opener()
    assert store.take("first:1", NOW).epoch == 1
    with _process(address, "second:2") as (_, said):
        assert said == "StoreHeld first:1"
    store.release()
    with _process(address, "second:2") as (_, said):
        assert said == "taken 2"
        with pytest.raises(StoreHeld) as refused:
            store.take("first:1", NOW)
    assert refused.value.holder == "second:2"
    assert "second:2" in refused.value.reason
    assert refused.value.advice


def test_the_lock_of_a_killed_daemon_needs_no_cleaning_up(address: str, opener: Opener) -> None:
    store = opener()
    with _process(address, "first:1") as (process, said):
        assert said == "taken 1"
        process.send_signal(signal.SIGKILL)
        process.wait()
    lease = _take_as_soon_as_possible(store)
    assert (lease.epoch, lease.holder) == (2, "second:2")


def _take_as_soon_as_possible(store: Store) -> Lease:
    """The server of PostgreSQL notices a moment later than the kernel that a process is gone."""
    for _ in range(200):
        try:
            return store.take("second:2", minutes(1))
        except StoreHeld:
            time.sleep(0.05)
    raise AssertionError("the lock of a killed process was not given back")


def test_a_second_store_in_the_same_process_is_refused_too(opener: Opener) -> None:
    first, second = opener(), opener()
    first.take("first:1", NOW)
    with pytest.raises(StoreHeld):
        second.take("second:2", NOW)
    first.close()
    assert second.take("second:2", NOW).epoch == 2


def test_commands_may_write_beside_the_daemon(opener: Opener) -> None:
    daemon, command = opener(), opener()
    daemon.take("first:1", NOW)
    command.plan(SOURCES, NOW).result()
    daemon.file(round_(next_poll=minutes(60))).result()
    assert command.poll_now(SOURCE, minutes(1)).result() == 1
    assert [s.source for s in daemon.due(minutes(1))] == [SOURCE]


def test_the_lease_can_be_read_by_others_until_it_is_released(opener: Opener) -> None:
    daemon, command = opener(), opener()
    assert command.lease() is None
    taken = daemon.take("first:1", NOW)
    assert command.lease() == taken
    daemon.heartbeat(minutes(1)).result()
    seen = command.lease()
    assert seen is not None
    assert (seen.heartbeat, seen.since) == (minutes(1), NOW)
    daemon.release()
    assert command.lease() is None
    daemon.release()


def test_releasing_what_was_never_taken_is_no_fault(opener: Opener) -> None:
    opener().release()


def _depose(store: Store, address: str) -> Store:
    """Make another store the active one behind the back of this one, as a split or a careless hand could."""
    if address.startswith("sqlite"):
        Path(address.removeprefix("sqlite:///") + ".lock").unlink()
    else:
        _cut_lock_session(address)
    other = open_store(address)
    other.take("second:2", minutes(1))
    return other


def test_a_deposed_daemon_can_neither_file_nor_mark_nor_beat(address: str, opener: Opener) -> None:
    store = opener()
    store.plan(SOURCES, NOW).result()
    store.take("first:1", NOW)
    other = _depose(store, address)
    try:
        for refused in (store.file(round_()), store.settle([], None), store.heartbeat(minutes(2))):
            with pytest.raises(Deposed):
                refused.result()
        assert other.source(SOURCE).polls == 0  # type: ignore[union-attr]
        other.file(round_()).result()
        store.release()
        assert other.lease().holder == "second:2"  # type: ignore[union-attr]
    finally:
        other.close()


def test_a_daemon_whose_database_is_replaced_writes_no_more(sqlite_address: str) -> None:
    path = Path(sqlite_address.removeprefix("sqlite:///"))
    store = open_store(sqlite_address)
    store.plan(SOURCES, NOW).result()
    store.take("first:1", NOW)
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    with pytest.raises(Deposed, match="deleted or replaced"):
        store.file(round_()).result()
    path.unlink()
    with pytest.raises(Deposed, match="deleted or replaced"):
        store.heartbeat(NOW).result()
    store.close()


def _cut_lock_session(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")


def test_a_cut_lock_session_is_noticed_and_the_lock_taken_again(postgres_address: str) -> None:
    store, other = open_store(postgres_address), open_store(postgres_address)
    store.plan(SOURCES, NOW).result()
    store.take("first:1", NOW)
    _cut_lock_session(postgres_address)
    store.heartbeat(minutes(1)).result()
    with pytest.raises(StoreHeld, match="first:1"):
        other.take("second:2", NOW)
    store.file(round_()).result()
    store.close()
    other.close()


def test_a_cut_lock_session_is_noticed_at_the_next_heartbeat_when_another_has_taken_over(
    postgres_address: str,
) -> None:
    store, other = open_store(postgres_address), open_store(postgres_address)
    store.take("first:1", NOW)
    _cut_lock_session(postgres_address)
    other.take("second:2", NOW)
    with pytest.raises(Deposed):
        store.heartbeat(minutes(1)).result()
    store.close()
    other.close()


def test_taking_a_store_that_cannot_be_written_lets_go_of_the_lock(sqlite_address: str) -> None:
    store = open_store(sqlite_address)
    path = Path(sqlite_address.removeprefix("sqlite:///"))
    away = path.rename(path.with_name("away.db"))
    with pytest.raises(StoreFault):
        store.take("first:1", NOW)
    away.rename(path)
    assert store.take("first:1", NOW).epoch == 1
    store.close()
