"""A SQLite file that is damaged, missing, foreign, locked or on a full disk: said clearly, never replaced."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import event
from stores import NOW, SOURCE, SOURCES, compared, delivery, minutes, round_

from storage.databases import files, sqlite
from storage.databases.sqlite import open_file
from storage.engine import CorruptStore, NewerSchema, StoreBusy, StoreFault, StoreFull, StoreMissing, open_store
from storage.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one source, closed."""
    place = tmp_path / "state" / "tipstaff.db"
    store = open_store(str(place))
    store.plan(SOURCES, NOW).result()
    store.close()
    return place


def _refused(path: Path, kind: type[StoreFault], words: str, *, create: bool = True) -> StoreFault:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(kind, match=words) as refused:
        open_store(str(path), create=create)
    assert refused.value.advice
    assert (path.read_bytes() if path.is_file() else None) == before
    return refused.value


def test_a_new_store_is_for_its_owner_only(path: Path) -> None:
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store = open_store(str(path))
    store.take("first:1", NOW)
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}
    store.close()


def test_what_a_power_cut_would_undo_is_never_acknowledged(path: Path) -> None:
    """The settings that decide about durability, as the connections really have them."""
    store = open_store(str(path))
    store.take("first:1", NOW)

    def pragma(connection: object, name: str) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()  # type: ignore[attr-defined]

    names = ("journal_mode", "synchronous", "mmap_size", "foreign_keys", "busy_timeout", "query_only")
    writing = store._writer.submit(lambda c: [pragma(c, name) for name in names]).result()
    assert writing == ["wal", 2, 0, 1, 10_000, 0]
    reading = store._read(lambda c: [pragma(c, name) for name in ("synchronous", "query_only", "wal_autocheckpoint")])
    assert reading == [2, 1, 0]
    assert "synchronous=FULL" in store.describe()
    store.close()


def test_readers_cannot_write(path: Path) -> None:
    store = open_store(str(path))
    with pytest.raises(StoreFault, match="cannot be written"):
        store._read(lambda c: c.exec_driver_sql("DELETE FROM source"))
    assert len(store.sources()) == 1
    store.close()


def test_only_the_active_daemon_checkpoints(path: Path) -> None:
    daemon, command = open_store(str(path)), open_store(str(path))
    daemon.take("first:1", NOW)
    limit = "PRAGMA wal_autocheckpoint"
    assert daemon._writer.submit(lambda c: c.exec_driver_sql(limit).scalar()).result() > 0
    assert command._writer.submit(lambda c: c.exec_driver_sql(limit).scalar()).result() == 0
    big = [compared(f"t{i}", *range(i * 9, i * 9 + 9)) for i in range(200)]
    daemon.file(round_(*big)).result()
    for _ in range(500):
        if path.stat().st_size > 200_000:
            break
        time.sleep(0.01)
    assert path.stat().st_size > 200_000, "an idle moment was to be used to bring the log into the file"
    command.close()
    daemon.close()
    assert not files.beside(path, "-wal").exists()


def test_an_empty_file_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    _refused(path, CorruptStore, "is empty")


@pytest.mark.parametrize("content", [b"\x00" * 8192, b"SQLite format 2\x00" + b"x" * 4096, b"hello"])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    _refused(path, CorruptStore, "is not a SQLite database")


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "other.db"
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE moz_places (id INTEGER)")
    connection.close()
    _refused(place, CorruptStore, "another program")


def test_a_truncated_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])
    _refused(path, CorruptStore, "is damaged")


def test_a_corrupted_page_is_refused_at_start(path: Path) -> None:
    store = open_store(str(path))
    store.file(round_(*(compared(f"t{i}", i, body="x" * 500) for i in range(300)))).result()
    store.close()
    whole = bytearray(path.read_bytes())
    # Every page but the first, whose header says what the file is.
    for start in range(4096, len(whole) - 4096, 8192):
        whole[start : start + 64] = b"\xff" * 64
    path.write_bytes(whole)
    _refused(path, CorruptStore, "is damaged")


def test_damage_found_while_reading_is_named(path: Path) -> None:
    store = open_store(str(path))
    store.file(round_(*(compared(f"t{i}", i, body="x" * 500) for i in range(300)))).result()
    store.close()
    whole = bytearray(path.read_bytes())
    half = len(whole) // 8192 * 4096
    whole[half:] = b"\xff" * (len(whole) - half)
    path.write_bytes(whole)
    store = open_store(str(path), check=False)
    with pytest.raises(CorruptStore, match="is damaged"):
        store.documents(limit=1000)
    store.close()


def test_a_newer_schema_is_refused_without_a_write(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE tipstaff_version SET version_num = '9999'")
    connection.close()
    inode = path.stat().st_ino
    _refused(path, NewerSchema, "schema version 9999")
    assert path.stat().st_ino == inode


def test_a_missing_store_is_made_only_when_asked(tmp_path: Path) -> None:
    place = tmp_path / "tipstaff.db"
    _refused(place, StoreMissing, "there is no store at", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_gone_is_not_made_anew_in_silence(path: Path) -> None:
    store = open_store(str(path))
    store.take("first:1", NOW)
    store.close()
    path.unlink()
    refused = _refused(path, CorruptStore, "is gone, although a daemon has worked with it")
    assert "tipstaff.db.lock" in refused.advice
    files.beside(path, ".lock").unlink()
    open_store(str(path)).close()


def test_a_write_ahead_log_without_its_database_is_not_put_on_a_new_one(path: Path) -> None:
    path.rename(files.beside(path, "-wal"))
    _refused(path, CorruptStore, "its write-ahead log tipstaff.db-wal is there")


def test_what_a_killed_first_start_left_is_cleared_away(tmp_path: Path) -> None:
    for suffix in (".new", ".new-journal", ".new-wal"):
        (tmp_path / f"tipstaff.db{suffix}").write_bytes(b"half")
    open_store(str(tmp_path / "tipstaff.db")).close()
    assert [p.name for p in tmp_path.iterdir()] == ["tipstaff.db"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("missing/folder/tipstaff.db", "there is no folder"),
        ("file/tipstaff.db", "is not a folder"),
        ("folder", "is not a file"),
    ],
)
def test_a_place_that_cannot_hold_a_database_is_refused(tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    _refused(tmp_path / place, StoreFault, words)


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    _refused(Path("/proc/tipstaff/tipstaff.db"), StoreFault, "cannot be made")


@pytest.mark.parametrize("url", ["", ":memory:", "sqlite:///:memory:", "sqlite:///"])
def test_a_store_in_memory_is_refused(url: str) -> None:
    with pytest.raises(StoreFault, match="would forget"):
        open_store(url)


def test_another_kind_of_address_is_refused_without_its_password() -> None:
    with pytest.raises(StoreFault, match="no store of the kind 'mysql'") as refused:
        open_store("mysql://me:secret-word@host/db")
    assert "secret-word" not in str(refused.value)


def test_any_character_may_be_in_a_path(tmp_path: Path) -> None:
    place = tmp_path / "a b?c#d%20é" / "tip&staff.db"
    open_store(f"sqlite:///{place}").close()
    assert place.exists()


def test_a_lock_of_another_program_is_waited_for_and_then_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.2)
    store = open_store(str(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="locked"):
        store.file(round_()).result()
    assert len(store.sources()) == 1, "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    store.file(round_()).result()
    store.close()


def _limit_pages(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA max_page_count = 100")


def test_a_full_disk_undoes_what_did_not_fit_and_nothing_else(path: Path) -> None:
    database = open_file(path, create=False, check=False)
    event.listen(database._writers, "connect", _limit_pages)
    store = Store(database)
    big = [compared(f"t{i}", i, body="x" * 20_000) for i in range(40)]
    full = store.file(round_(*big, cursor={"etag": "after"}, deliveries=[delivery("a")]))
    small = store.file(round_(compared("small"), at=minutes(1)))
    with pytest.raises(StoreFull, match="no space is left"):
        full.result()
    assert small.result() == ()
    assert [d.document.title for d in store.documents()] == ["small"]
    assert store.source(SOURCE).cursor == {}  # type: ignore[union-attr]
    assert store.deliveries() == ()
    event.remove(database._writers, "connect", _limit_pages)
    with pytest.raises(StoreFull):
        store.file(round_(*big)).result()
    assert store.file(round_(*big, deliveries=[delivery("a")])).result() == (delivery("a").key,)
    assert store.totals().documents == 41
    store.close()


LIMITED = """
import resource, sys
from pathlib import Path
from stores import *
from storage.engine import open_store
from storage.store import StoreFault

store = open_store(sys.argv[1])
store.plan(SOURCES, NOW).result()
store.take("first:1", NOW)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
kept, refused = [], 0
for nth in range(60):
    try:
        store.file(round_(compared(f"t{nth}", nth, body="x" * 20_000), at=minutes(nth))).result()
        kept.append(f"t{nth}")
    except StoreFault as fault:
        refused += 1
        assert fault.advice, fault
assert refused and kept, (refused, kept)
assert [d.document.title for d in store.documents(limit=99)] == kept[::-1]
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for nth in range(60):
    store.file(round_(compared(f"t{nth}", nth, body="x" * 20_000), at=minutes(nth))).result()
assert store.totals().documents == 60
store.close()
again = open_store(sys.argv[1])
assert again.totals().documents == 60
again.close()
print("kept", len(kept), "refused", refused)
"""


def test_writes_that_the_system_refuses_are_not_acknowledged_and_the_store_goes_on_afterwards(tmp_path: Path) -> None:
    """A limit on the size of files (EFBIG) comes back from write() in the same places as a full disk."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "tipstaff.db")],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests/support'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept")


MOUNTS = """\
24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 24 0:32 / /mnt/share rw,relatime shared:2 - nfs4 server:/share rw
37 24 0:33 / /mnt/a\\040b rw,relatime - fuse.sshfs host: rw
38 36 0:34 / /mnt/share/local rw - tmpfs tmpfs rw
broken line
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/tipstaff.db", "ext4"),
        ("/mnt/share/x/tipstaff.db", "nfs4"),
        ("/mnt/share2/tipstaff.db", "ext4"),
        ("/mnt/a b/tipstaff.db", "fuse.sshfs"),
        ("/mnt/share/local/tipstaff.db", "tmpfs"),
    ],
)
def test_the_file_system_of_a_path_is_the_one_mounted_nearest(place: str, kind: str) -> None:
    assert files.mounted_as(Path(place), MOUNTS) == kind


def test_a_network_file_system_is_warned_about(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "mounted_as", lambda *_: "nfs4")
    store = open_store(str(path))
    (warning,) = store.warnings
    assert "network file system (nfs4)" in warning
    store.close()
