"""The nouns of tipstaff as frozen values; how any of them is read, stored or sent is not here.

Every time is an aware UTC datetime, every sequence a tuple, and every key is made from content by
`digest`, so the same history of input gives the same keys on any store and after any restore.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

Kind = Literal["news", "release", "filing", "docket-entry", "notice", "page"]
Severity = Literal["low", "normal", "high", "critical"]
Novelty = Literal["new", "amended", "seen"]
MessageType = Literal["alert.created", "alert.updated", "notice", "test"]

KINDS: Final[tuple[Kind, ...]] = ("news", "release", "filing", "docket-entry", "notice", "page")
SEVERITIES: Final[tuple[Severity, ...]] = ("low", "normal", "high", "critical")
FACTS: Final = ("form", "item", "docket", "court", "agency", "topic")
"""What a source can state of a document beside its text; rules ask for it by `form:`, `court:` and so on."""


def digest(*parts: str) -> str:
    """Return 32 hex digits (128 bits of SHA-256) that stand for these parts in this order.

    Each part is prefixed by its length, so ("ab", "c") and ("a", "bc") differ.
    """
    state = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "big"))
        state.update(raw)
    return state.hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a source served, as plain text: no markup, no NUL, no lone surrogate, lengths capped."""

    source: str
    kind: Kind = "news"
    title: str = ""
    body: str = ""
    url: str | None = None
    guid: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    lang: str | None = None
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """(field, value) pairs that the source states, e.g. ("form", "8-K"); the fields are those of FACTS."""

    @property
    def revision(self) -> str:
        """The digest of what rules read and people see; a changed date alone is not a revision."""
        return digest(self.title, self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDocument:
    """As much of a stored document as comparing needs."""

    key: str
    revision: str
    title: str
    published: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A document after comparison with what was seen: its lasting key and whether it is news."""

    key: str
    document: Document
    novelty: Novelty
    aliases: tuple[int, ...] = ()
    """Fingerprints (signed 64-bit) under which this document is to be recognised later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """One way to name an entity. `only_with`: ambiguous, counts only if one of these is in the text too."""

    text: str
    only_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A company, person, agency or court that rules can name."""

    id: str
    name: str
    kind: str = "company"
    aliases: tuple[Alias, ...] = ()
    identifiers: tuple[tuple[str, str], ...] = ()
    """(scheme, value) pairs such as ("docket", "dcd 1:23-cv-01599") or ("cik", "1679788")."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """The client's word for a docket and its parties."""

    name: str
    docket: str
    plaintiff: tuple[str, ...] = ()
    defendant: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A document text with the outcome its author wants; run by `tipstaff check`."""

    alert: bool
    title: str = ""
    text: str = ""
    kind: Kind = "news"
    source: str = "example"
    published: datetime | None = None
    lang: str | None = None
    tags: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def document(self) -> Document:
        """The document that the rule is tried on."""
        return Document(
            source=self.source,
            kind=self.kind,
            title=self.title,
            body=self.text,
            published=self.published,
            lang=self.lang,
            tags=self.tags,
            facts=self.facts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A piece of a query with a name, which rules share by `fragment:id`."""

    id: str
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A standing order: when `when` holds for a document, tell `channels`."""

    id: str
    when: str
    title: str = ""
    severity: Severity = "normal"
    channels: tuple[str, ...] = ()
    updates: bool = False
    """Also tell when a document that already alerted is amended (in the same thread)."""
    examples: tuple[Example, ...] = ()
    fragments: tuple[Fragment, ...] = ()
    """Those that `when` uses, also through one another, in the order of their ids; filled in when compiled."""

    @property
    def label(self) -> str:
        """The title, or the id where there is none."""
        return self.title or self.id

    @property
    def definition(self) -> str:
        """All that decides when the rule fires and whom it tells, a key a line: what the history of rules keeps."""
        lines = [f"when = {self.when.strip()}"]
        lines += [f"fragment {fragment.id} = {fragment.when.strip()}" for fragment in self.fragments]
        lines += [f"title = {self.title}", f"severity = {self.severity}", f"channels = {', '.join(self.channels)}"]
        lines.append(f"updates = {str(self.updates).lower()}")
        return "\n".join(lines)

    @property
    def version(self) -> str:
        """Twelve hex digits that stand for the definition: equal definitions, equal versions."""
        return digest("rule", self.id, self.definition)[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a clause held: the characters [start, end) of one field of the document."""

    field: str
    start: int
    end: int
    clause: str
    """The clause as its author would write it, e.g. `motion*` or `entity:binance-us`."""
    lookalike: bool = False
    """The characters only look like the clause's, e.g. a Cyrillic o in "Coinbase"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One rule that holds for one document, with its reasons."""

    rule: Rule
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFault:
    """A rule that could not be evaluated on a document; it is reported, the other rules go on."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """The fact that one rule fired on one document; it is owed to every channel of the rule."""

    key: str
    document: str
    rule: str
    revision: str
    severity: Severity
    evidence: tuple[Evidence, ...]
    at: datetime
    version: str = ""
    """The version of the rule that fired (Rule.version)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule's part of a message: what fired, in words that need no look-up later."""

    rule: str
    title: str
    severity: Severity
    when: str
    clauses: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of the document with the characters that made the rule fire, as [start, end) pairs."""

    field: str
    text: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """All a channel needs to tell somebody; complete in itself, so that a retry next week says the same."""

    type: MessageType
    thread: str
    """What belongs together carries the same thread: today the document's key, a development's later."""
    at: datetime
    title: str
    severity: Severity = "normal"
    body: str = ""
    """The text of a notice; empty for alerts, which have passages."""
    url: str | None = None
    document: str | None = None
    kind: str | None = None
    source: str | None = None
    source_title: str | None = None
    published: datetime | None = None
    first_seen: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message owed to one channel. The key is its name for ever: webhook-id, Message-ID."""

    key: str
    channel: str
    message: Message
    not_before: datetime
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What was learnt about the way a source names its entries."""

    shared_guids: bool = False
    """One guid was seen on different entries of one page: a guid alone does not identify."""
    migrations: int = 0
    """How many rounds renamed nearly every entry; two or more mean that ids are unstable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The running record of a source or channel from which silence and failure notices are decided."""

    failures: int = 0
    """Consecutive failures."""
    failing_since: datetime | None = None
    last_success: datetime | None = None
    told_at: datetime | None = None
    """When the last failing notice of this spell was decided; None while none was told."""
    told: int = 0
    notice: str | None = None
    """The thread of that notice; the recovery is told in the same one."""
    last_error: str | None = None
    last_error_kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one compared document leads to; both tuples empty means: no rule fired."""

    alerts: tuple[Alert, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    held: tuple[str, ...] = field(default=())
    """Reasons why a match was not told, e.g. "already alerted" or "baseline"."""
