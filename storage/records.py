"""The values that go into and come out of the store; how they are laid out in tables is in `schema`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from rules.model import Alert, Compared, Delivery, Document, Health, Message, Traits

DeliveryState = Literal["pending", "parked", "sent", "cancelled"]
Edit = Literal["added", "edited", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is remembered of a source between rounds; the timetable is its `next_poll`."""

    source: str
    host: str
    url: str
    next_poll: datetime
    cursor: Mapping[str, Any] = field(default_factory=dict)
    """Validators and position, in the source kind's own words; JSON values only."""
    traits: Traits = field(default_factory=Traits)
    health: Health = field(default_factory=Health)
    baselined: bool = False
    """A first complete body has been stored: from now on what is new is news."""
    polls: int = 0
    last_new: datetime | None = None
    documents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The outcome of asking one source once; committed whole or not at all.

    `cursor` is None when nothing may move it (an error, a truncated or suspicious body).
    """

    source: str
    at: datetime
    next_poll: datetime
    health: Health
    traits: Traits
    cursor: Mapping[str, Any] | None = None
    baselined: bool = False
    compared: tuple[Compared, ...] = ()
    """Only new and amended documents, and seen ones that have aliases to add."""
    alerts: tuple[Alert, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledDocument:
    """A stored document with its key and the time tipstaff first saw it."""

    key: str
    document: Document
    first_seen: datetime
    amended: datetime | None = None
    thinned: datetime | None = None
    """When the body was dropped, which is empty since; None while the text is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledAlert:
    """An alert with what a list of alerts shows of its document."""

    alert: Alert
    title: str
    source: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A delivery as the sender takes it up: attempts made so far and what the channel noted of them."""

    delivery: Delivery
    attempts: int = 0
    created: datetime
    progress: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of one attempt. `sent` is only ever written after the receiver said yes."""

    key: str
    state: DeliveryState
    at: datetime
    not_before: datetime | None = None
    error: str | None = None
    detail: str | None = None
    """The receiver's own answer, cleaned and cut."""
    progress: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledDelivery:
    """A delivery with its history, as lists show it."""

    key: str
    channel: str
    state: DeliveryState
    message: Message
    alerts: tuple[str, ...]
    attempts: int
    created: datetime
    not_before: datetime
    settled: datetime | None = None
    error: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One line in the record of attempts: what came of trying to send a delivery once."""

    at: datetime
    outcome: Literal["sent", "deferred", "parked", "cancelled"]
    error: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """What is remembered of a channel: its health and whether the receiver asked us to stop (HTTP 410)."""

    channel: str
    health: Health = field(default_factory=Health)
    disabled: str | None = None
    """The reason why nothing is sent any more, until a person enables the channel again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Row counts for `status`."""

    documents: int
    alerts: int
    pending: int
    parked: int
    sent: int
    oldest_pending: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who is the one active daemon of this store."""

    holder: str
    """`host:pid` of the daemon."""
    epoch: int
    since: datetime
    heartbeat: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What became of one rule between two looks at the rules in force."""

    rule: str
    what: Edit
    version: str
    """The version that is in force from now on, or was until now when the rule is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """One definition of a rule and when it was in force; `number` counts from 1 for each rule."""

    rule: str
    number: int
    version: str
    definition: str
    since: datetime
    until: datetime | None = None
    """When it was edited or removed; None while it is in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One line of the audit log: what was done to what, such as `rule.edited` and the rule's id."""

    at: datetime
    what: str
    subject: str
    detail: str


def difference(before: RuleVersion | None, after: RuleVersion | None) -> str:
    """Return a unified diff of two definitions; None stands for no rule."""
    old, new = (
        (f"{one.rule} {one.version}", one.definition.split("\n")) if one else ("/dev/null", [])
        for one in (before, after)
    )
    return "\n".join(difflib.unified_diff(old[1], new[1], old[0], new[0], lineterm=""))
