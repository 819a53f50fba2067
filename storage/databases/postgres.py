"""One schema of a PostgreSQL database, through psycopg 3: connections, locks, lost commits; tables are elsewhere."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from storage import migrate
from storage.faults import Deposed, StoreAway, StoreBusy, StoreFault, StoreFull, StoreHeld, StoreMissing
from storage.migrate import Steps

OLDEST: Final = 13
"""Earlier versions have had no fixes since 2024."""
CONNECT_TIMEOUT: Final = 3
PATIENCE: Final = 30.0
"""Seconds to wait for another process that migrates."""
PAUSE: Final = 0.1
# With these the server notices within 12 s that a daemon's machine is gone, and gives its locks back.
KEEPALIVE: Final = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
DAEMON: Final = "daemon"
MIGRATION: Final = "migration"

_TRY_LOCK: Final = text("SELECT pg_try_advisory_lock(hashtextextended('tipstaff ' || :name || current_schema(), 0))")
_SIGN: Final = text(
    "INSERT INTO receipt (writer, number) VALUES (:writer, :number)"
    " ON CONFLICT (writer) DO UPDATE SET number = excluded.number"
)
_LAST_SIGNED: Final = text(
    "INSERT INTO receipt (writer, number) VALUES (:writer, 0)"
    " ON CONFLICT (writer) DO UPDATE SET number = receipt.number RETURNING number"
)
# Those of others; one that is being signed at this moment is passed over.
_TIDY: Final = text(
    "DELETE FROM receipt WHERE writer IN (SELECT writer FROM receipt WHERE writer <> :writer FOR UPDATE SKIP LOCKED)"
)


class PostgresDatabase:
    """A database at the schema this program knows."""

    warnings: tuple[str, ...] = ()

    def __init__(self, url: URL, version: int) -> None:
        self._url = url
        self._version = version
        self._writer = secrets.token_hex(8)
        self._number = 0
        self._writers = _engine(url, f"-c synchronous_commit=on {KEEPALIVE}")
        self.readers = create_engine(
            _with_options(url, "-c default_transaction_read_only=on"),
            connect_args=_connect_args(),
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=32,
        )
        self._lockers = _engine(url, KEEPALIVE)
        self._lock: Connection | None = None

    def connect(self) -> Connection:
        return self._writers.connect()

    def begin(self, connection: Connection) -> str | None:
        """Leave a receipt in the transaction itself.

        The server's own pg_xact_status() will not do: after a crash the number of a lost transaction is given
        to the next one, and a standby that took over never saw it.
        """
        self._number += 1
        connection.execute(_SIGN, {"writer": self._writer, "number": self._number})
        return str(self._number)

    def committed(self, mark: str) -> bool:
        with self._writers.connect() as connection:
            # An upsert waits for the lost transaction if the server is still busy with it.
            last = connection.execute(_LAST_SIGNED, {"writer": self._writer}).scalar_one()
            connection.rollback()
        return bool(last == int(mark))

    def is_passing(self, error: DBAPIError) -> bool:
        return error.connection_invalidated or isinstance(self.fault(error), StoreAway)

    def is_fatal(self, error: DBAPIError) -> bool:
        return False

    def is_contention(self, error: DBAPIError) -> bool:
        return _state(error) in {"40001", "40P01"}

    def fault(self, error: DBAPIError | OSError) -> StoreFault:
        return fault(error, self._url)

    def rest(self, connection: Connection) -> None:
        """The server does its own upkeep."""

    def lock(self, holder: str) -> None:
        try:
            lock = _autocommit(self._lockers)
            try:
                if not lock.execute(_TRY_LOCK, {"name": DAEMON}).scalar_one():
                    raise _held(lock, f"{_shown(self._url)} is in use by another daemon")
                lock.execute(_TIDY, {"writer": self._writer})
            except BaseException:
                lock.close()
                raise
        except DBAPIError as error:
            raise self.fault(error) from error
        self._lock = lock

    def verify(self) -> None:
        """Look whether the session that holds the lock lives, and take the lock again where nobody else did.

        The epoch tells whether somebody did and let go again; it is compared in every transaction.
        """
        if self._lock is None:
            raise Deposed("the lock was given back")
        try:
            self._lock.exec_driver_sql("SELECT 1")
        except DBAPIError:
            self._drop_lock()
            try:
                self.lock("")
            except StoreHeld as held:
                raise Deposed(
                    f"the session that held the lock was cut and another daemon took over: {held.holder}",
                    "only one may be active; this one ends",
                ) from held

    def unlock(self) -> None:
        self._drop_lock()

    def describe(self) -> str:
        return f"PostgreSQL {self._version} {_shown(self._url)}"

    def close(self) -> None:
        self._drop_lock()
        self.readers.dispose()

    def _drop_lock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(SQLAlchemyError):
                lock.close()


def open_url(url: URL, *, create: bool, steps: Steps = migrate.STEPS) -> PostgresDatabase:
    """Open a database, its tables made or migrated if need be.

    Raises:
        StoreFault: with reason and advice.
    """
    url = url.set(drivername="postgresql+psycopg")
    try:
        engine = _engine(url, "-c synchronous_commit=on")
    except ImportError as error:
        raise StoreFault(
            f"a store on PostgreSQL needs psycopg, and it cannot be imported: {error}",
            "install it with: pip install 'tipstaff[postgres]'",
        ) from error
    try:
        with engine.connect() as connection:
            version = _examine(connection, url)
            behind = migrate.is_behind(connection, steps, where=_shown(url))
            fresh = migrate.version(connection) is None
        if behind and fresh and not create:
            raise StoreMissing(f"there is no store in {_shown(url)}", "`tipstaff run` makes it at its first start")
        if behind:
            _migrate(engine, url, steps)
    except DBAPIError as error:
        raise fault(error, url) from error
    return PostgresDatabase(url, version)


def fault(error: DBAPIError | OSError, url: URL) -> StoreFault:
    """Put an error of PostgreSQL into words (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
    state = _state(error)
    cause = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
    where = _shown(url)
    silent = not state and isinstance(error, OSError | OperationalError | InterfaceError)
    if silent or state in {"25006", "53300"} or state.startswith(("08", "57P")):
        return StoreAway(
            f"{where} cannot be reached: {cause}",
            "check that the server runs, the address, the name and the password",
        )
    if state == "53100":
        return StoreFull(f"no space is left on the server of {where}", "free some; it goes on by itself")
    if state in {"55P03", "57014", "40001", "40P01"}:
        return StoreBusy(f"{where} was kept busy by others: {cause}", "it goes on by itself when they let go")
    if state == "42501":
        return StoreFault(f"{where}: {cause}", "give this user the right to make and write tables in its schema")
    return StoreFault(f"{where}: {cause}", "nothing of this was kept")


def _examine(connection: Connection, url: URL) -> int:
    """Check what the server is, and return its major version."""
    row = connection.exec_driver_sql(
        "SELECT current_setting('server_version_num')::int / 10000,"
        " current_setting('server_encoding'), current_schema()"
    ).one()
    connection.rollback()
    version, encoding, schema = int(row[0]), row[1], row[2]
    if version < OLDEST:
        raise StoreFault(f"{_shown(url)} is PostgreSQL {version}", f"tipstaff needs version {OLDEST} or later")
    if encoding != "UTF8":
        raise StoreFault(f"{_shown(url)} is encoded in {encoding}", "make the database with ENCODING 'UTF8'")
    if schema is None:
        raise StoreFault(f"{_shown(url)} has no schema on its search_path", "create the schema that the URL names")
    return version


def _migrate(engine: Engine, url: URL, steps: Steps) -> None:
    with _turn(engine, url) as lock, engine.connect() as connection:
        if not migrate.is_behind(connection, steps, where=_shown(url)):
            return
        if not lock.execute(_TRY_LOCK, {"name": DAEMON}).scalar_one():
            raise _held(lock, f"{_shown(url)} must be migrated to schema {steps.head}, but a daemon is at work")
        try:
            migrate.upgrade(connection, steps)
        except Exception as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise StoreFault(
                f"{_shown(url)} could not be migrated to schema {steps.head}: {cause}",
                "it is as the last whole step left it; please report this",
            ) from error


@contextmanager
def _turn(engine: Engine, url: URL) -> Iterator[Connection]:
    """Wait until no other process migrates; the server frees the lock of one that was killed."""
    with _autocommit(engine) as lock:
        for _ in range(round(PATIENCE / PAUSE)):
            if lock.execute(_TRY_LOCK, {"name": MIGRATION}).scalar_one():
                yield lock
                return
            time.sleep(PAUSE)
    raise StoreBusy(f"another process has been migrating {_shown(url)} for {PATIENCE:.0f} s", "look at that process")


def _held(connection: Connection, reason: str) -> StoreHeld:
    """Name the daemon that has the lock; the row may not be there yet."""
    holder = "a daemon that has not said its name"
    with suppress(DBAPIError):
        row = connection.exec_driver_sql("SELECT holder FROM lease WHERE name = 'daemon'").first()
        if row is not None and row[0]:
            holder = str(row[0])
    return StoreHeld(holder, f"{reason}: {holder}", "one daemon at a time; stop that one first")


def _autocommit(engine: Engine) -> Connection:
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _engine(url: URL, options: str) -> Engine:
    return create_engine(_with_options(url, options), connect_args=_connect_args(), poolclass=NullPool)


def _connect_args() -> dict[str, object]:
    return {
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": "tipstaff",
        "client_encoding": "utf8",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }


def _with_options(url: URL, options: str) -> URL:
    """Add to the session options that the URL itself may carry."""
    given = url.query.get("options", "")
    parts = (given,) if isinstance(given, str) else given
    return url.update_query_dict({"options": " ".join((*parts, options)).strip()})


def _state(error: DBAPIError | OSError) -> str:
    """Return the SQLSTATE; empty where the server said none, because it could not be reached or went away."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) or ""


def _shown(url: URL) -> str:
    """Name the database without its password."""
    host = url.host or url.query.get("host") or "the local socket"
    return f"the PostgreSQL database {url.database or 'postgres'} at {host}"
