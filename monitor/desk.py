"""What is in force: the sources watched, the rules asked and the channels told, built from one valid config.

A reload makes a new desk and puts it in the place of the old one; nothing here changes in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from monitor.fetching.client import Tls
from monitor.notifiers import Notifier
from monitor.sources import Source
from rules import timing
from rules.change import Identity
from rules.model import Message
from rules.percolate import RuleBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A source with what the desk wants of it."""

    source: Source
    title: str
    interval: timedelta
    first: timedelta | None = None
    """Tell documents of this much time before the first round; None: the first round is silent."""
    identity: Identity = "auto"
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: Tls | None = None

    @property
    def host(self) -> str:
        """The host whose lane this source shares."""
        return (urlsplit(self.source.url).hostname or "").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel with how fast it may be sent to."""

    notifier: Notifier
    rate: float
    """Messages a second, on average."""
    parallel: int = 1
    """Messages in flight at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One valid configuration at work."""

    rulebook: RuleBook
    watched: Mapping[str, Watched]
    channels: Mapping[str, Channel]
    notice_channels: tuple[str, ...]
    """Where tipstaff tells about itself."""
    failures: int = 3
    """Failures in a row after which a source is told ..."""
    repeat: timedelta = timing.FIRST_REPEAT
    """... and how long after that it is told again."""
    keep: timedelta | None = None
    """How long the text of a document without an alert is kept; None: for ever."""

    def others(self, channel: str) -> tuple[str, ...]:
        """Return where to tell about a channel: the notice channels without it, or any other channel."""
        chosen = tuple(c for c in self.notice_channels if c != channel)
        return chosen or tuple(sorted(c for c in self.channels if c != channel))

    def titled(self, source: str) -> str:
        """Return a source's title, or its id."""
        watched = self.watched.get(source)
        return watched.title if watched else source


def summary(message: Message) -> str:
    """Return one line that names a message in logs and on the terminal."""
    rules = ", ".join(reason.rule for reason in message.reasons)
    return f"[{rules or message.type}] {message.title}"
