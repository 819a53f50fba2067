"""Opening what a command works with: its config and, beside the daemon or instead of it, its store.

It knows nothing of sources and channels at work, so that a look at the store loads neither network nor scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor import config as configuration
from monitor.config import Config
from storage.engine import open_store
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config with the file it came from."""

    path: Path
    config: Config


def load(path: Path | None, environ: Mapping[str, str], *, secrets: bool = False) -> Loaded:
    """Find and read the config.

    Raises:
        ConfigFaults: all that is wrong with it.
    """
    found = configuration.find(path, environ, Path.cwd())
    return Loaded(found, configuration.load(found, environ=environ, secrets=secrets))


@contextmanager
def opened(path: Path | None, environ: Mapping[str, str]) -> Iterator[tuple[Loaded, Store]]:
    """Open the store that a config names, for commands that read or nudge it beside the daemon."""
    loaded = load(path, environ)
    store = open_store(loaded.config.tipstaff.store, create=False)
    try:
        yield loaded, store
    finally:
        store.close()
