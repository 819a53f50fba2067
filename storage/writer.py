"""The one thread that writes: what is asked while a commit runs goes into the next one; what is written is not here.

A write is a callable that takes a connection. All writes of a group share one transaction and each has a
savepoint of its own, so a failing one undoes only itself. A future is resolved after the commit that holds it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from storage.faults import StoreAway, StoreClosed, StoreFault

log = logging.getLogger("tipstaff.storage")

T = TypeVar("T")

GROUP: Final = 256
"""Writes in one transaction, at most."""
PAUSES: Final = (0.0, 0.05, 0.1, 0.25, *[0.5] * 9, *[1.0] * 10)
"""Seconds before each try while the server is away; after the last the writes fail, to be asked again."""
IDLE: Final = 0.25
"""Seconds without a write after which there is time for upkeep."""
TRIES: Final = 3
"""For one write that loses against another one (deadlock, serialization)."""


class Database(Protocol):
    """What differs between SQLite and PostgreSQL."""

    readers: Engine
    warnings: tuple[str, ...]

    def connect(self) -> Connection:
        """Open a connection for the writer."""

    def begin(self, connection: Connection) -> str | None:
        """Look whether the database is still ours; return what `committed` needs to know the transaction by."""

    def committed(self, mark: str) -> bool:
        """Say whether the transaction of this mark was committed, after the connection was lost."""

    def is_passing(self, error: DBAPIError) -> bool:
        """Say whether the connection is gone and another one may do."""

    def is_fatal(self, error: DBAPIError) -> bool:
        """Say whether the whole transaction is lost, not only one statement."""

    def is_contention(self, error: DBAPIError) -> bool:
        """Say whether the same write may succeed right now, from its savepoint on."""

    def fault(self, error: DBAPIError | OSError) -> StoreFault:
        """Put an error into words."""

    def rest(self, connection: Connection) -> None:
        """Use a moment in which nothing waits, for upkeep."""

    def lock(self, holder: str) -> None:
        """Become the one active daemon, until `unlock` or death; raise StoreHeld where there is one."""

    def verify(self) -> None:
        """Raise Deposed when the lock is lost."""

    def unlock(self) -> None:
        """Let another daemon become the active one."""

    def describe(self) -> str:
        """Name kind, version and place, without secrets."""

    def close(self) -> None:
        """Close the connections of the readers."""


@dataclass(slots=True)
class _Write(Generic[T]):
    run: Callable[[Connection], T]
    future: Future[T] = field(default_factory=Future)


@dataclass(slots=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None

    def tell(self, future: Future[Any]) -> None:
        if self.error is None:
            future.set_result(self.value)
        else:
            future.set_exception(self.error)


@dataclass(slots=True)
class _Trial:
    """One run of a group; with a mark, its commit was asked for."""

    outcomes: list[_Outcome] = field(default_factory=list)
    mark: str | None = None


class _Undone(Exception):
    """One write has broken the transaction of its group."""

    def __init__(self, fault: StoreFault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class Writer:
    """Runs writes in the order they were asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._queue: SimpleQueue[_Write[Any] | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._closing = threading.Event()
        self.fence: Callable[[Connection], None] | None = None
        """Called in every transaction before its writes; raises Deposed."""
        self._thread = threading.Thread(target=self._work, name="tipstaff store writer", daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[Connection], T]) -> Future[T]:
        """Ask for a write; it may run more than once, but only its last run is kept.

        Raises:
            StoreClosed: after `close`.
        """
        write = _Write(run)
        with self._gate:
            if self._closing.is_set():
                raise StoreClosed("the store is closed")
            self._queue.put(write)
        return write.future

    def close(self) -> None:
        """Finish what was asked for and end; while the server is away, what waits fails."""
        with self._gate:
            if not self._closing.is_set():
                self._closing.set()
                self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        last = False
        while not last:
            group, last = self._gather()
            try:
                self._settle(group)
            except BaseException as error:
                log.exception("the store's writer hit a fault of its own")
                self._discard()
                for write in group:
                    if not write.future.done():
                        write.future.set_exception(StoreFault(f"internal fault of the store: {error!r}"))
            del group
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.close()

    def _gather(self) -> tuple[list[_Write[Any]], bool]:
        """Wait for a write and take along what else is there; say whether it was the last."""
        group: list[_Write[Any]] = []
        write = self._next()
        with suppress(Empty):
            while write is not None:
                if write.future.set_running_or_notify_cancel():
                    group.append(write)
                if len(group) >= GROUP:
                    return group, False
                write = self._queue.get_nowait()
        return group, write is None

    def _next(self) -> _Write[Any] | None:
        """Wait for a write; the first time that none comes for a while, use the moment for upkeep."""
        if self._connection is not None:
            with suppress(Empty):
                return self._queue.get(timeout=IDLE)
            self._rest()
        return self._queue.get()

    def _settle(self, group: Sequence[_Write[Any]]) -> None:
        if not group:
            return
        try:
            outcomes = self._transact(group)
        except _Undone as undone:
            if len(group) > 1:
                # One of them is too much for the database (a full disk, say); the others may not be.
                for write in group:
                    self._settle([write])
                return
            outcomes = [_Outcome(error=undone.fault)]
        for write, outcome in zip(group, outcomes, strict=True):
            outcome.tell(write.future)

    def _transact(self, group: Sequence[_Write[Any]]) -> list[_Outcome]:
        """Commit a group, on another connection if need be."""
        trial = _Trial()
        fault: StoreFault = StoreAway("the store is closing and its database is away", "nothing is lost: ask again")
        for pause in PAUSES:
            if pause and self._closing.wait(pause):
                break
            try:
                if trial.mark is not None and self._database.committed(trial.mark):
                    return trial.outcomes
                trial = _Trial()
                self._run_group(group, trial)
                return trial.outcomes
            except DBAPIError as error:
                self._discard()
                fault = self._database.fault(error)
                if not self._database.is_passing(error):
                    break
            except OSError as error:
                self._discard()
                fault = self._database.fault(error)
                break
            except StoreFault as refused:
                self._discard()
                fault = refused
                break
            except _Undone:
                self._discard()
                raise
        return [_Outcome(error=fault) for _ in group]

    def _run_group(self, group: Sequence[_Write[Any]], trial: _Trial) -> None:
        if self._connection is None:
            self._connection = self._database.connect()
        connection = self._connection
        transaction = connection.begin()
        mark = self._database.begin(connection)
        if self.fence is not None:
            self.fence(connection)
        trial.outcomes = [self._run(connection, write) for write in group]
        trial.mark = mark
        transaction.commit()

    def _run(self, connection: Connection, write: _Write[Any]) -> _Outcome:
        for _ in range(TRIES):
            savepoint = connection.begin_nested()
            try:
                value = write.run(connection)
                savepoint.commit()
                return _Outcome(value=value)
            except DBAPIError as error:
                if self._database.is_passing(error):
                    raise
                fault = self._database.fault(error)
                if self._database.is_fatal(error):
                    raise _Undone(fault) from error
                savepoint.rollback()
                outcome = _Outcome(error=fault)
                if not self._database.is_contention(error):
                    break
            except StatementError as error:
                savepoint.rollback()
                outcome = _Outcome(error=StoreFault(f"a value cannot be stored: {error.orig}"))
                break
            except Exception as error:
                savepoint.rollback()
                outcome = _Outcome(error=error)
                break
        return outcome

    def _rest(self) -> None:
        if self._connection is None:
            return
        try:
            self._database.rest(self._connection)
        except DBAPIError as error:
            log.warning("upkeep of the store failed: %s", self._database.fault(error))
            self._discard()

    def _discard(self) -> None:
        """Drop a connection that may be broken; what was not committed on it is undone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.invalidate()
            with suppress(Exception):
                connection.close()
