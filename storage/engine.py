"""Opening a store by its address; everything that differs between the two kinds is in `databases`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from storage.databases.sqlite import open_file
from storage.faults import (
    CorruptStore,
    Deposed,
    LookupFault,
    NewerSchema,
    StoreAway,
    StoreBusy,
    StoreClosed,
    StoreFault,
    StoreFull,
    StoreHeld,
    StoreMissing,
)
from storage.store import Store

__all__ = [
    "CorruptStore",
    "Deposed",
    "LookupFault",
    "NewerSchema",
    "StoreAway",
    "StoreBusy",
    "StoreClosed",
    "StoreFault",
    "StoreFull",
    "StoreHeld",
    "StoreMissing",
    "open_store",
]

SQLITE: Final = ("sqlite:///", "sqlite+pysqlite:///")
POSTGRES: Final = ("postgresql+psycopg://", "postgresql://", "postgres://")


def open_store(url: str, *, create: bool = True, check: bool | None = None) -> Store:
    """Open the store at an address; make its tables or bring them up to date where that is needed.

    Args:
        url: `sqlite:////var/lib/tipstaff/tipstaff.db`, a bare path (SQLite too), or `postgresql://...`.
        create: make a store where there is none; False is for commands beside the daemon.
        check: read through a SQLite file for damage (up to 512 MB); by default when `create` is given.

    Raises:
        StoreFault: with reason and advice: missing, damaged, newer, held by another daemon, not to be reached.
    """
    for prefix in SQLITE:
        if url.startswith(prefix):
            return _at_path(url.removeprefix(prefix), create=create, check=check)
    if url.startswith(POSTGRES):
        from storage.databases.postgres import open_url  # noqa: PLC0415 - slow, and not needed on a laptop

        try:
            address = make_url(url)
        except (ArgumentError, ValueError) as error:
            raise StoreFault(
                "the address of the store cannot be read", "write postgresql://user:password@host:5432/database"
            ) from error
        return Store(open_url(address, create=create))
    if "://" in url:
        scheme = url.partition(":")[0]
        raise StoreFault(
            f"there is no store of the kind {scheme!r}", "write sqlite:////path/to/tipstaff.db or postgresql://..."
        )
    return _at_path(url, create=create, check=check)


def _at_path(path: str, *, create: bool, check: bool | None) -> Store:
    if path in {"", ":memory:"}:
        raise StoreFault("a store in memory would forget what is owed", "name a file")
    return Store(open_file(Path(path).expanduser(), create=create, check=create if check is None else check))
