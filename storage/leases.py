"""The lease row: whose epoch it is; the lock that keeps a second daemon out in the first place is in `databases`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, update

from storage import rows
from storage.faults import Deposed
from storage.records import Lease
from storage.schema import lease

NAME: Final = "daemon"


def take(connection: Connection, holder: str, now: datetime) -> Lease:
    """Begin a new epoch."""
    before = connection.execute(
        select(lease.c.epoch).where(lease.c.name == NAME).with_for_update()
    ).scalar_one_or_none()
    taken = Lease(holder=holder, epoch=(before or 0) + 1, since=now, heartbeat=now)
    row = {"name": NAME, "holder": holder, "epoch": taken.epoch, "since": now, "heartbeat": now}
    rows.insert(connection, lease, [row], replacing=("holder", "epoch", "since", "heartbeat"))
    return taken


def check_epoch(connection: Connection, epoch: int) -> None:
    """Make sure that until the end of the transaction nobody else becomes the active daemon.

    Raises:
        Deposed: somebody has, or the database is another one than before (restored, failed over).
    """
    query = select(lease.c.epoch, lease.c.holder).where(lease.c.name == NAME).with_for_update(read=True)
    row = connection.execute(query).first()
    if row is None or row.epoch != epoch:
        now = "no epoch" if row is None else f"epoch {row.epoch} of {row.holder or 'a daemon that has left'}"
        raise Deposed(
            f"this daemon of epoch {epoch} is no longer the active one: the store is in {now}",
            "this one must end; what it has not written is done again by the other one",
        )


def beat(connection: Connection, now: datetime) -> None:
    """Leave a sign of life."""
    connection.execute(update(lease).where(lease.c.name == NAME).values(heartbeat=now))


def leave(connection: Connection) -> None:
    """Take the holder's name away; the epoch stays."""
    connection.execute(update(lease).where(lease.c.name == NAME).values(holder=""))


def standing(connection: Connection) -> Lease | None:
    """Return who is written down as the active daemon; None when it has left in good order."""
    row = connection.execute(select(lease).where(lease.c.name == NAME)).first()
    if row is None or not row.holder:
        return None
    return Lease(holder=row.holder, epoch=row.epoch, since=row.since, heartbeat=row.heartbeat)
