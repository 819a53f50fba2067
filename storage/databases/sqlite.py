"""One SQLite file: how it is made, checked, opened, locked and kept; its tables and verbs are elsewhere.

WAL with synchronous=FULL (a power cut undoes nothing that was acknowledged), one connection that writes and
checkpoints (SQLite before 3.51.3 can corrupt a file when two do, https://sqlite.org/wal.html), readers that cannot.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from storage import migrate
from storage.databases import files
from storage.databases.files import LockFile
from storage.faults import (
    CorruptStore,
    Deposed,
    StoreBusy,
    StoreFault,
    StoreFull,
    StoreHeld,
    StoreMissing,
)
from storage.migrate import Steps

log = logging.getLogger("tipstaff.storage")

BUSY_TIMEOUT: Final = 10.0
"""Seconds to wait for a lock that a backup tool or an sqlite3 shell holds."""
CHECKED_UP_TO: Final = 512 * 1024 * 1024
"""Bytes up to which a database is checked page by page at start."""
CHECKPOINT_AFTER: Final = 1000
"""Changed rows after which an idle moment is used for a checkpoint."""
BACKSTOP_PAGES: Final = 4000
"""Pages in the write-ahead log after which a commit checkpoints although there was no idle moment."""
LARGE_LOG: Final = 64 * 1024 * 1024
PRAGMAS: Final = (
    "synchronous = FULL",
    "fullfsync = ON",
    "mmap_size = 0",
    "wal_autocheckpoint = 0",
    f"journal_size_limit = {LARGE_LOG}",
    "trusted_schema = OFF",
    "cache_size = -16000",
)
"""For every connection; the one that writes also checkpoints once the process holds the lease."""
RESTORE: Final = "restore a backup in its place; to start anew, move it away with its -wal, -shm and .lock files"

_FATAL: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_INTERRUPT,
    }
)
"""Result codes after which SQLite may have rolled back, or the connection is not to be trusted any more."""


class SqliteDatabase:
    """An existing database file at the schema this program knows."""

    def __init__(self, path: Path, readers: Engine, *, warnings: tuple[str, ...] = ()) -> None:
        self.path = path
        self.readers = readers
        self.warnings = warnings
        self._writers = _writing_engine(path)
        self._identity = files.identity(path)
        self._lock = LockFile(files.beside(path, ".lock"))
        self._leased = False
        self._backstopped = False
        self._checkpointed_at = 0

    def connect(self) -> Connection:
        self._must_be_ours()
        self._checkpointed_at = 0
        self._backstopped = False
        return self._writers.connect()

    def begin(self, connection: Connection) -> str | None:
        self._must_be_ours()
        if self._leased and not self._backstopped:
            _raw(connection).execute(f"PRAGMA wal_autocheckpoint = {BACKSTOP_PAGES}")
            self._backstopped = True
        return None

    def committed(self, mark: str) -> bool:
        return False

    def is_passing(self, error: DBAPIError) -> bool:
        return False

    def is_fatal(self, error: DBAPIError) -> bool:
        return _code(error.orig) in _FATAL

    def is_contention(self, error: DBAPIError) -> bool:
        return False

    def fault(self, error: DBAPIError | OSError) -> StoreFault:
        return fault(error.orig if isinstance(error, DBAPIError) else error, self.path)

    def rest(self, connection: Connection) -> None:
        if not self._leased:
            return
        changes = _raw(connection).total_changes
        if changes - self._checkpointed_at < CHECKPOINT_AFTER:
            return
        self._checkpointed_at = changes
        _, logged, done = _raw(connection).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        behind = (logged - done) * 4096
        if behind > LARGE_LOG:
            log.warning(
                "the write-ahead log of %s has grown to %d MB: a reader holds it open", self.path, behind >> 20
            )

    def lock(self, holder: str) -> None:
        other = self._lock.acquire(holder)
        if other is not None:
            raise StoreHeld(
                other,
                f"{self.path} is in use by another daemon: {other}",
                "one daemon at a time; stop that one first",
            )
        self._leased = True

    def verify(self) -> None:
        """The lock is the kernel's: it is lost only with the process."""

    def unlock(self) -> None:
        self._leased = False
        self._lock.release()

    def describe(self) -> str:
        return f"SQLite {sqlite3.sqlite_version} (WAL, synchronous=FULL) {self.path}"

    def close(self) -> None:
        self.readers.dispose()

    def _must_be_ours(self) -> None:
        """Writing into a file that has no name any more would succeed, and be lost."""
        if files.identity(self.path) != self._identity:
            raise Deposed(
                f"the database {self.path} was deleted or replaced while it was in use",
                "put the right file there and start again",
            )


def open_file(path: Path, *, create: bool, check: bool, steps: Steps = migrate.STEPS) -> SqliteDatabase:
    """Open a database file, made or migrated if need be.

    Raises:
        StoreFault: with reason and advice; a file that is there is never replaced by a new one.
    """
    path = path.absolute()
    readers = _reading_engine(path)
    try:
        if not path.exists():
            if not create:
                raise StoreMissing(f"there is no store at {path}", "`tipstaff run` makes it at its first start")
            _create(path, steps)
        files.examine(path)
        with readers.connect() as connection:
            behind = migrate.is_behind(connection, steps, where=str(path))
        if behind:
            readers.dispose()
            _migrate(path, steps)
        if check and path.stat().st_size <= CHECKED_UP_TO:
            with readers.connect() as connection:
                _check(connection, path)
        return SqliteDatabase(path, readers, warnings=files.network_warnings(path))
    except (DBAPIError, sqlite3.Error, OSError) as error:
        readers.dispose()
        raise fault(error.orig if isinstance(error, DBAPIError) else error, path) from error
    except BaseException:
        readers.dispose()
        raise


def fault(error: BaseException | None, path: Path) -> StoreFault:
    """Put an error of SQLite or of the file system into words."""
    code = _code(error)
    if code == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}):
        return StoreFull(f"no space is left for {path}", "free some; nothing was lost, it goes on by itself")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return CorruptStore(f"{path} is damaged: {error}", RESTORE)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreBusy(
            f"{path} was locked for {BUSY_TIMEOUT:.0f} s by another program",
            "close the sqlite3 shell or backup tool that holds it",
        )
    if not path.exists():
        return StoreMissing(f"there is no store at {path} any more", RESTORE)
    if code == sqlite3.SQLITE_READONLY or (
        isinstance(error, OSError) and error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}
    ):
        return StoreFault(f"{path} cannot be written: {error}", "check the file system and the owner of the file")
    return StoreFault(f"{path}: {error}", "look at the disk and the system log; nothing of this was kept")


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait until no other process makes or migrates a database in this folder; a killed one leaves nothing behind."""
    with files.locked_folder(path.parent) as gained:
        if not gained:
            raise StoreBusy(f"another process has been making or migrating {path} for 30 s", "look at that process")
        yield


def _create(path: Path, steps: Steps) -> None:
    """Make a database under another name and move it into place when it is whole and on the disk."""
    files.make_folder(path.parent)
    with _turn(path):
        if path.exists():
            return
        _refuse_remains(path)
        draft = files.beside(path, ".new")
        for leftover in (draft, files.beside(draft, "-journal"), files.beside(draft, "-wal")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with _migrating(draft) as connection:
            migrate.upgrade(connection, steps)
            _raw(connection).execute("PRAGMA journal_mode = WAL")
        files.sync(draft)
        draft.rename(path)
        files.sync(path.parent)


def _refuse_remains(path: Path) -> None:
    if files.beside(path, "-wal").exists():
        raise CorruptStore(
            f"{path} is gone, but its write-ahead log {path.name}-wal is there",
            "restore the file beside it, or move the -wal away to start anew",
        )
    holder = LockFile(files.beside(path, ".lock")).text()
    if holder:
        raise CorruptStore(
            f"{path} is gone, although a daemon has worked with it ({path.name}.lock: {holder})",
            f"restore it from a backup; to start anew with an empty memory, remove {path.name}.lock",
        )


def _migrate(path: Path, steps: Steps) -> None:
    """Take the missing steps, after a copy of what was there; no daemon of the old program may be running."""
    lock = LockFile(files.beside(path, ".lock"))
    with _turn(path), _migrating(path) as connection:
        if not migrate.is_behind(connection, steps, where=str(path)):
            return
        other = lock.acquire(None)
        if other is not None:
            raise StoreHeld(
                other,
                f"{path} must be migrated to schema {steps.head}, but a daemon is working with it: {other}",
                "stop that daemon first",
            )
        try:
            _back_up(connection, path, f".{migrate.version(connection)}-before-{steps.head}")
            migrate.upgrade(connection, steps)
        except Exception as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise StoreFault(
                f"{path} could not be migrated to schema {steps.head}: {cause}",
                "it is as it was and the older tipstaff still works with it; please report this",
            ) from error
        finally:
            lock.release()


def _back_up(connection: Connection, path: Path, suffix: str) -> None:
    copy, part = files.beside(path, suffix), files.beside(path, suffix + ".part")
    if copy.exists():
        return
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    _raw(connection).execute("VACUUM INTO ?", (str(part),))
    files.sync(part)
    part.rename(copy)
    files.sync(path.parent)


def _check(connection: Connection, path: Path) -> None:
    found = [str(row[0]) for row in _raw(connection).execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise CorruptStore(f"{path} is damaged: {'; '.join(found)}", RESTORE)


@contextmanager
def _migrating(path: Path) -> Iterator[Connection]:
    """A connection without foreign keys: a step may have to rebuild a table (sqlite.org/lang_altertable.html, 7)."""
    engine = _writing_engine(path, foreign_keys=False)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _reading_engine(path: Path) -> Engine:
    """Make the readers' engine: it cannot write, and no statement leaves a snapshot open."""
    return create_engine(
        "sqlite+pysqlite:///store",
        creator=lambda: _connection(path, "query_only = ON"),
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=32,
        skip_autocommit_rollback=True,
    )


def _writing_engine(path: Path, *, foreign_keys: bool = True) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite:///store",
        creator=lambda: _connection(path, f"foreign_keys = {'ON' if foreign_keys else 'OFF'}"),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction fails at once when it turns from reading to writing; busy_timeout does not help.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _connection(path: Path, pragma: str) -> sqlite3.Connection:
    """Connect to the file, which must be there."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    for one in (*PRAGMAS, pragma):
        connection.execute(f"PRAGMA {one}")
    return connection


def _raw(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)


def _code(error: BaseException | None) -> int | None:
    """Return SQLite's primary result code."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF
