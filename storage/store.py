"""The verbs of the store, a transaction each: writing ones return futures, reading ones plain values; no SQL is here.

A future's value or fault comes after the commit: what it says is on the disk, or nothing of it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from rules.model import Delivery, Health, Rule, SeenDocument
from storage import leases, reading, writing
from storage.faults import Deposed, LookupFault, StoreBusy, StoreFault, StoreHeld
from storage.history import rules as rule_history
from storage.history import texts
from storage.records import (
    Attempt,
    AuditLine,
    ChannelState,
    DeliveryState,
    FiledAlert,
    FiledDelivery,
    FiledDocument,
    Lease,
    Owed,
    Round,
    RuleChange,
    RuleVersion,
    Settlement,
    SourceState,
    Totals,
)
from storage.writer import Database, Writer

__all__ = ["Deposed", "LookupFault", "Store", "StoreFault", "StoreHeld"]

T = TypeVar("T")

PARKED: Final[tuple[DeliveryState, ...]] = ("parked",)


class Store:
    """All that tipstaff remembers; made by `storage.engine.open_store`. May be used from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer(database)
        self._taken = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know about the place of the store, such as a network file system."""
        return self._database.warnings

    def describe(self) -> str:
        """Name the kind, version and place of the store, without secrets."""
        return self._database.describe()

    def close(self) -> None:
        """Finish what was asked for, give the lease back and close."""
        self.release()
        self._writer.close()
        self._database.close()

    # One active daemon

    def take(self, holder: str, now: datetime) -> Lease:
        """Become the one active daemon until `release` or death; every later write is refused once another is.

        Args:
            holder: `host:pid`, for the messages of others.

        Raises:
            StoreHeld: another daemon is active; it is named.
            StoreFault: the store cannot be written.
        """
        self._database.lock(holder)
        try:
            lease = self._writer.submit(lambda c: leases.take(c, holder, now)).result()
        except BaseException:
            self._database.unlock()
            raise
        self._writer.fence = partial(leases.check_epoch, epoch=lease.epoch)
        self._taken = True
        return lease

    def heartbeat(self, now: datetime) -> Future[None]:
        """Leave a sign of life; fails with Deposed when another daemon has taken over or the lock is lost."""

        def beat(connection: Connection) -> None:
            self._database.verify()
            leases.beat(connection, now)

        return self._writer.submit(beat)

    def lease(self) -> Lease | None:
        """Return who is written down as the active daemon, of this process or another one."""
        return self._read(leases.standing)

    def release(self) -> None:
        """Let another daemon become the active one; without effect when this one is not."""
        if not self._taken:
            return
        self._taken = False
        # Somebody else's epoch, a full disk or a lost server must not keep us from letting go.
        with suppress(StoreFault):
            self._writer.submit(leases.leave).result()
        self._writer.fence = None
        self._database.unlock()

    # Writing

    def plan(self, sources: Sequence[tuple[str, str, str]], now: datetime) -> Future[None]:
        """Bring the timetable in line with the (id, host, url) of the sources there are.

        New ones are due now; those that are missing rest, with their memory; one at a new address forgets its
        cursor (validators belong to the address) and is due now.
        """
        return self._writer.submit(lambda c: writing.plan(c, tuple(sources), now))

    def file(self, round_: Round) -> Future[tuple[str, ...]]:
        """Keep the whole outcome of a round, or nothing of it; return the keys that are new in the outbox.

        Fails with LookupFault for a source that was never planned.
        """
        return self._writer.submit(lambda c: writing.file(c, round_))

    def owe(
        self,
        deliveries: Sequence[Delivery],
        now: datetime,
        *,
        source_health: Mapping[str, Health] | None = None,
        channel_health: Mapping[str, Health] | None = None,
    ) -> Future[tuple[str, ...]]:
        """Put notices into the outbox with the health they were decided from; return the keys that are new."""
        sources, channels = dict(source_health or {}), dict(channel_health or {})
        return self._writer.submit(lambda c: writing.owe(c, tuple(deliveries), now, sources, channels))

    def settle(
        self, settlements: Sequence[Settlement], state: ChannelState | None, owed: Sequence[Delivery] = ()
    ) -> Future[None]:
        """Mark what became of attempts, with the channel's state and the notices that follow from it.

        What was sent or cancelled stays so, and a key that is not there is passed over.
        """
        return self._writer.submit(lambda c: writing.settle(c, tuple(settlements), state, tuple(owed)))

    def channel(self, state: ChannelState) -> Future[None]:
        """Keep what is known of a channel."""
        return self._writer.submit(lambda c: writing.put_channel(c, state))

    def enable(self, channel: str) -> Future[None]:
        """Let a channel send again whose receiver had asked us to stop."""
        return self._writer.submit(lambda c: writing.enable(c, channel))

    def replay(
        self,
        *,
        keys: Collection[str] = (),
        prefix: str | None = None,
        channel: str | None = None,
        alerts: Collection[str] = (),
        since: datetime | None = None,
        states: Collection[DeliveryState] = PARKED,
        now: datetime,
    ) -> Future[int]:
        """Make deliveries that meet all conditions pending again, under the same keys, with a fresh schedule.

        Args:
            keys: whole keys of deliveries.
            prefix: the beginning of one delivery's key, or of one alert's for all its deliveries.
            channel: only this channel's.
            alerts: whole keys of alerts.
            since: only those created at this time or later.
            states: what to take up; `sent` ones only when asked.
            now: from when they may be sent.

        Fails with LookupFault when the prefix may mean several things. The value is how many there were.
        """
        return self._writer.submit(
            lambda c: writing.replay(
                c, keys=keys, prefix=prefix, channel=channel, alerts=alerts, since=since, states=states, now=now
            )
        )

    def cancel(
        self, *, keys: Collection[str] = (), prefix: str | None = None, channel: str | None = None, now: datetime
    ) -> Future[int]:
        """Give up deliveries that are owed or parked and meet all conditions; return how many.

        Fails with LookupFault when there is no condition, or the prefix may mean several things.
        """
        return self._writer.submit(lambda c: writing.cancel(c, keys=keys, prefix=prefix, channel=channel, now=now))

    def poll_now(self, source: str | None, now: datetime) -> Future[int]:
        """Make one source, or all, due; return how many are."""
        return self._writer.submit(lambda c: writing.poll_now(c, source, now))

    def record_rules(self, rules: Sequence[Rule], now: datetime) -> Future[tuple[RuleChange, ...]]:
        """Keep the versions of the rules in force, and a line in the audit log for each that is not as it was."""
        return self._writer.submit(lambda c: rule_history.record(c, tuple(rules), now))

    def thin(self, before: datetime, now: datetime, *, limit: int = 500) -> Future[int]:
        """Drop the bodies of documents without an alert that are whole and unchanged since `before`, oldest first.

        They are recognised for ever all the same. The value is how many there were, at most `limit`.
        """
        return self._writer.submit(lambda c: texts.thin(c, before, now, limit))

    # Reading

    def due(self, now: datetime, *, limit: int = 500) -> tuple[SourceState, ...]:
        """Return the sources that have been due for longest, ordered by host and time."""
        return self._read(lambda c: reading.due(c, now, limit))

    def next_due(self) -> datetime | None:
        """Return when the next source is due."""
        return self._read(reading.next_due)

    def source(self, id: str) -> SourceState | None:
        """Return one source, also one that rests."""
        return self._read(lambda c: reading.source_named(c, id))

    def sources(self) -> tuple[SourceState, ...]:
        """Return the sources of the timetable, by id."""
        return self._read(reading.sources)

    def seen(self, source: str, aliases: Collection[int]) -> dict[int, tuple[SeenDocument, ...]]:
        """Return fingerprint -> the source's documents that left it, first seen first; unknown ones are missing."""
        return self._read(lambda c: reading.seen(c, source, aliases))

    def alerted(self, documents: Collection[str]) -> dict[str, frozenset[str]]:
        """Return document key -> ids of the rules that have alerted on it; those without are missing."""
        return self._read(lambda c: reading.alerted(c, documents))

    def first_seen(self, documents: Collection[str]) -> dict[str, datetime]:
        """Return document key -> when it was first seen."""
        return self._read(lambda c: reading.first_seen(c, documents))

    def owed(
        self, channel: str, now: datetime, *, limit: int = 100, exclude: Collection[str] = ()
    ) -> tuple[Owed, ...]:
        """Return what may be sent to a channel by now, oldest first."""
        return self._read(lambda c: reading.owed(c, channel, now, limit, exclude))

    def next_owed(self) -> dict[str, datetime]:
        """Return channel -> when the first of its pending deliveries may be sent."""
        return self._read(reading.next_owed)

    def channel_state(self, channel: str) -> ChannelState:
        """Return what is known of a channel; a fresh state when nothing is."""
        return self._read(lambda c: reading.channel_state(c, channel))

    def channels(self) -> tuple[ChannelState, ...]:
        """Return all channels of which something is known."""
        return self._read(reading.channels)

    def document(self, key_or_prefix: str) -> FiledDocument | None:
        """Return one document; raises LookupFault when several keys begin so."""
        return self._read(lambda c: reading.document_named(c, key_or_prefix))

    def documents(
        self, *, source: str | None = None, since: datetime | None = None, limit: int = 50
    ) -> tuple[FiledDocument, ...]:
        """Return documents, newest first."""
        return self._read(lambda c: reading.documents(c, source, since, limit))

    def history(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        source: str | None = None,
        batch: int = 1000,
    ) -> Iterator[FiledDocument]:
        """Yield the documents that have their text, oldest first, with `batch` of them in memory at a time.

        Args:
            since: only those first seen at this time or later.
            until: only those first seen before this time.
            source: only those of this source.
            batch: documents in one question; between two, nothing of the store is held.
        """
        return texts.stream(self._read, since, until, source, batch)

    def count_history(
        self, *, since: datetime | None = None, until: datetime | None = None, source: str | None = None
    ) -> int:
        """Return how many documents `history` would yield."""
        return self._read(lambda c: texts.count(c, since, until, source))

    def rule_versions(self, rule: str) -> tuple[RuleVersion, ...]:
        """Return the versions of a rule, the oldest first; none when it was never recorded."""
        return self._read(lambda c: rule_history.versions(c, rule))

    def rule_version(self, rule: str, version: str) -> RuleVersion | None:
        """Return one version of a rule, the last time that it was in force."""
        return self._read(lambda c: rule_history.version_named(c, rule, version))

    def audit(
        self, *, subject: str | None = None, since: datetime | None = None, limit: int = 50
    ) -> tuple[AuditLine, ...]:
        """Return lines of the audit log, newest first; `subject` is the id of a rule."""
        return self._read(lambda c: rule_history.audit_lines(c, subject, since, limit))

    def alert(self, key_or_prefix: str) -> FiledAlert | None:
        """Return one alert; raises LookupFault when several keys begin so."""
        return self._read(lambda c: reading.alert_named(c, key_or_prefix))

    def alerts(
        self, *, since: datetime | None = None, rule: str | None = None, source: str | None = None, limit: int = 50
    ) -> tuple[FiledAlert, ...]:
        """Return alerts, newest first."""
        return self._read(lambda c: reading.alerts(c, since, rule, source, limit))

    def deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        channel: str | None = None,
        alert: str | None = None,
        limit: int = 50,
    ) -> tuple[FiledDelivery, ...]:
        """Return deliveries, newest first; `alert` is a whole key."""
        return self._read(lambda c: reading.deliveries(c, state, channel, alert, limit))

    def attempts(self, delivery: str) -> tuple[Attempt, ...]:
        """Return the record of attempts of a delivery (a whole key), the first one first; replays add to it."""
        return self._read(lambda c: reading.attempts(c, delivery))

    def totals(self) -> Totals:
        """Return row counts and the age of the oldest debt."""
        return self._read(reading.totals)

    def _read(self, ask: Callable[[Connection], T]) -> T:
        with self._reading() as connection:
            return ask(connection)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._database.readers.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise self._database.fault(error) from error
        except NoConnectionFree as error:
            raise StoreBusy("too many questions to the store at once", "it goes on by itself") from error
