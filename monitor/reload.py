"""The config in force: read again on request or when a file changed; an invalid one never replaces a valid one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from monitor.clock import Clock
from monitor.config import Config, ConfigFaults
from monitor.desk import Desk
from monitor.log import Log, Redactor
from rules import notices
from storage.store import Store

log = Log("tipstaff.config")

PATIENCE: Final = timedelta(minutes=10)
"""How long a config may stay invalid before the channels are told; editors save half-done files."""
AGAIN: Final = timedelta(seconds=10)
"""How long until an invalid config is read again although none of the files we know of has changed: what it lacks may
be in a file that only the new config names."""


class Reloading:
    """Holds the desk in force and puts a new one in its place."""

    def __init__(
        self,
        path: Path,
        config: Config,
        desk: Desk,
        *,
        read: Callable[[Path], Config],
        make: Callable[[Config], Desk],
        redactor: Redactor,
        clock: Clock,
        store: Store,
    ) -> None:
        self._path = path
        self._files = config.files
        self._desk = desk
        self._read = read
        self._make = make
        self._redactor = redactor
        self._clock = clock
        self._store = store
        self._signature = signature(self._files)
        self._invalid_since: datetime | None = None
        self._again: datetime | None = None
        self._faults: tuple[str, ...] = ()
        self._told = False

    def desk(self) -> Desk:
        """Return the desk in force."""
        return self._desk

    async def look(self, forced: bool) -> bool:
        """Read the config if a file changed or `forced`; return whether a new desk is in force."""
        now_there = signature(self._files)
        changed = forced or now_there != self._signature
        if not changed and (self._again is None or self._clock.now() < self._again):
            await self._complain()
            return False
        self._signature = now_there
        try:
            config = await asyncio.to_thread(self._read, self._path)
        except ConfigFaults as faults:
            self._refuse(tuple(str(fault) for fault in faults.faults), loudly=changed)
            await self._complain()
            return False
        self._redactor.learn(config.secret_values)
        self._desk = self._make(config)
        self._files = config.files
        self._signature = signature(self._files)
        self._invalid_since = self._again = None
        self._faults = ()
        self._told = False
        log.info("config in force", file=str(self._path), sources=len(self._desk.watched))
        return True

    def _refuse(self, faults: tuple[str, ...], *, loudly: bool) -> None:
        """Keep what is in force and log every fault, unless nothing has changed since they were logged."""
        now = self._clock.now()
        self._invalid_since = self._invalid_since or now
        self._again = now + AGAIN
        if not loudly and faults == self._faults:
            return
        self._faults = faults
        log.error("config refused; the last good one stays in force", faults=len(faults), file=str(self._path))
        for fault in faults:
            log.error("config fault", fault=fault)

    async def _complain(self) -> None:
        """Tell the channels once when the file has been invalid for a while."""
        now = self._clock.now()
        if self._invalid_since is None or self._told or now - self._invalid_since < PATIENCE:
            return
        message = notices.config_invalid(self._faults[0], len(self._faults), since=self._invalid_since, now=now)
        owed = notices.deliveries(message, self._desk.notice_channels, now=now)
        await asyncio.wrap_future(self._store.owe(owed, now))
        self._told = True


def signature(files: Iterable[Path]) -> tuple[tuple[int, int, int] | None, ...]:
    """Return what changes when one of the files is written or replaced."""
    marks: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            state = file.stat()
            marks.append((state.st_ino, state.st_size, state.st_mtime_ns))
        except OSError:
            marks.append(None)
    return tuple(marks)
