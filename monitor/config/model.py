"""What a config says, as frozen values with a description of every key; reading and cross-checking are elsewhere.

The descriptions are shown by editors (through the JSON Schema) and must agree with docs/configuration.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from monitor.config.addresses import check_mail_host, is_loopback
from monitor.config.faults import ConfigWarning
from monitor.config.fields import (
    Facts,
    FilePath,
    First,
    Headers,
    Id,
    Identifiers,
    Interval,
    Lang,
    Mailbox,
    Moment,
    Tags,
    Text,
    Title,
    Url,
    as_alias,
)
from monitor.config.secret import Secret, SecretValue
from monitor.config.sections.single import HealthSettings, HistorySettings, Network, Settings, Table, nothing
from monitor.config.units import Rate
from rules.model import Alias, Entity, Example, Fragment, Kind, Matter, Rule, Severity
from rules.percolate import RuleBook

SHORTEST_INTERVAL: Final = timedelta(seconds=30)
USUAL_PORTS: Final[Mapping[str, int]] = MappingProxyType({"starttls": 587, "tls": 465, "none": 25})

Identity = Literal["auto", "guid", "content"]


class SourceConfig(Table):
    """`[[source]]`: a place that publishes documents."""

    id: Id = Field(description="The source's name in rules (source:ID), lists and the store; keep it for ever.")
    kind: str = Field(default="feed", description="How the source is read; feed: RSS, Atom or JSON Feed.")
    url: Url = Field(description="The address to ask; no user name or password in it, use headers.")
    title: Title = Field(default="", description="The name that people see in alerts; the id where there is none.")
    documents: Kind = Field(default="news", description="What the source publishes (kind:... in rules).")
    interval: Interval = Field(
        default=timedelta(minutes=5),
        description="Time between two looks, at least 30s (shorter only for this machine's own addresses).",
    )
    first: First = Field(
        default=None,
        description='"silent": what is there at the first look is no news; "24h": what was published in '
        "the last 24 hours is alerted.",
    )
    identity: Identity = Field(
        default="auto",
        description="How entries are told apart: by guid, by content, or as the feed's behaviour suggests (auto).",
    )
    tags: Tags = Field(default=(), description="Words to group sources by (tag:... in rules).")
    facts: Facts = Field(
        default=(),
        description="What is true of all its documents: form, item, docket, court, agency, topic (agency:sec).",
    )
    enabled: bool = Field(default=True, description="false: the source is checked but not asked.")
    headers: Headers = Field(
        default_factory=nothing,
        description='Request headers, for example Authorization = { env = "TOKEN" }; sent to this host only.',
    )
    ca_file: FilePath | None = Field(
        default=None, description="Certificates (PEM) to trust for this source instead of the system's."
    )
    insecure: bool = Field(
        default=False, description="true: the certificate is not checked, so that anybody may answer in its place."
    )
    lang: Lang | None = Field(
        default=None, description="Language of the documents where the source does not say it, such as en."
    )

    @property
    def label(self) -> str:
        """The title, or the id where there is none."""
        return self.title or self.id

    @property
    def host(self) -> str:
        """The host of the address, in lower case."""
        return (urlsplit(self.url).hostname or "").lower()

    @property
    def least_interval(self) -> timedelta:
        """The shortest interval that is polite: 30 s, but for a server on this machine."""
        return timedelta(milliseconds=100) if is_loopback(self.host) else SHORTEST_INTERVAL


class AliasTable(Table):
    """Another name of an entity, or an ambiguous one that needs company."""

    text: Text = Field(description="The name as it stands in texts.")
    only_with: tuple[Text, ...] = Field(
        default=(), description="The name counts only where one of these words is in the text too."
    )

    def alias(self) -> Alias:
        """Return the alias that rules use."""
        return Alias(text=self.text, only_with=self.only_with)


class EntityTable(Table):
    """`[[entity]]`: a company, person, agency or court that rules can name (entity:ID)."""

    id: Id = Field(description="The entity's name in rules (entity:ID) and matters.")
    name: Text = Field(description="Its full name; matched like an alias.")
    kind: Id = Field(default="company", description="company, exchange, person, agency, court ...")
    aliases: tuple[
        Annotated[
            AliasTable,
            BeforeValidator(as_alias),
        ],
        ...,
    ] = Field(
        default=(),
        description='Other names: "Binance US", or { text = "BAM", only_with = ["Binance", "SEC"] }.',
    )
    identifiers: Identifiers = Field(
        default=(), description="Numbers it is known by: docket, cik, lei, ticker, crd; text or a list of texts each."
    )
    tags: Tags = Field(default=(), description="Words to group entities by (entity:@TAG in rules).")

    def entity(self) -> Entity:
        """Return the entity that rules use."""
        return Entity(
            id=self.id,
            name=self.name,
            kind=self.kind,
            aliases=tuple(alias.alias() for alias in self.aliases),
            identifiers=self.identifiers,
            tags=self.tags,
        )


class MatterTable(Table):
    """`[[matter]]`: the client's word for a docket and its parties."""

    name: Text = Field(description="What the client calls it.")
    docket: Annotated[str, Field(pattern=r"^[a-z0-9]{2,15} \S.{2,60}$")] = Field(
        description='Court and number, for example "dcd 1:23-cv-01599".'
    )
    plaintiff: tuple[str, ...] = Field(default=(), description="Ids of the entities that brought it.")
    defendant: tuple[str, ...] = Field(default=(), description="Ids of the entities it is brought against.")

    def matter(self) -> Matter:
        """Return the matter that rules use."""
        return Matter(name=self.name, docket=self.docket, plaintiff=self.plaintiff, defendant=self.defendant)


class FragmentTable(Table):
    """`[[fragment]]`: a piece of a query that rules share (fragment:ID)."""

    id: Id = Field(description="The fragment's name in rules (fragment:ID).")
    when: Annotated[str, Field(max_length=20_000)] = Field(description="The query; see docs/rules.md.")

    def fragment(self) -> Fragment:
        """Return the fragment that rules use."""
        return Fragment(id=self.id, when=self.when)


class ExampleTable(Table):
    """`[[rule.example]]`: a text with the outcome its author wants; run by `tipstaff check`."""

    alert: bool = Field(description="true: the rule must hold for this text; false: it must not.")
    title: str = Field(default="", max_length=10_000, description="The document's title.")
    text: str = Field(default="", max_length=100_000, description="The document's text.")
    kind: Kind = Field(default="news", description="What the document is (kind:... in rules).")
    source: str = Field(default="example", description="The source it comes from (source:... in rules).")
    published: Moment | None = Field(default=None, description="When it was published (published:... in rules).")
    lang: Lang | None = Field(default=None, description="The document's language (lang:... in rules).")
    tags: tuple[Text, ...] = Field(default=(), description="The document's tags (tag:... in rules).")
    facts: Facts = Field(
        default=(), description="What the source states of it: form, item, docket, court, agency, topic (form:8-K)."
    )

    def made(self) -> Example:
        """Return the example that rules use."""
        return Example(**{name: getattr(self, name) for name in type(self).model_fields})


class RuleTable(Table):
    """`[[rule]]`: a standing order: when the query holds for a document, tell the channels."""

    id: Id = Field(description="The rule's name in alerts and lists; keep it for ever.")
    when: Annotated[str, Field(max_length=20_000)] = Field(description="The query; see docs/rules.md.")
    title: Title = Field(default="", description="What people read in the alert; the id where there is none.")
    severity: Severity = Field(default="normal", description="How much it matters.")
    channels: tuple[str, ...] | None = Field(
        default=None, description="Ids of the channels to tell; without it, every channel that is enabled."
    )
    updates: bool = Field(
        default=False, description="true: tell also when a document that was alerted is amended, in the same thread."
    )
    enabled: bool = Field(default=True, description="false: the rule is checked but not asked.")
    example: tuple[ExampleTable, ...] = Field(
        default=(), description="Texts with the wanted outcome, as [[rule.example]]; `tipstaff check` runs them."
    )


class Channel(Table):
    """What every `[[channel]]` has."""

    id: Id = Field(description="The channel's name in rules and lists; keep it for ever.")
    enabled: bool = Field(default=True, description="false: nothing is sent, and its secrets are not looked up.")
    ca_file: FilePath | None = Field(
        default=None, description="Certificates (PEM) to trust for this channel instead of the system's."
    )


class EmailChannel(Channel):
    """`[[channel]]` of kind email: messages go out by SMTP."""

    kind: Literal["email"] = Field(description="email")
    host: Annotated[str, AfterValidator(check_mail_host)] = Field(description="The mail server that takes messages.")
    port: int = Field(
        default=587, ge=1, le=65_535, description="Its port; without it 587 for starttls, 465 for tls, 25 for none."
    )
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls: encrypt after connecting; tls: from the start; none: in clear."
    )
    username: Text | None = Field(default=None, description="Name to log in with.")
    password: SecretValue | None = Field(default=None, description='Password to log in with: { env = "NAME" }.')
    from_: Mailbox = Field(alias="from", description='Sender, "tipstaff <alerts@example.com>" or the address alone.')
    to: Annotated[tuple[Mailbox, ...], Field(min_length=1)] = Field(description="Recipients.")
    rate: Rate = Field(default=1.0, description="Messages sent at most, on average.")

    @model_validator(mode="before")
    @classmethod
    def _usual_port(cls, table: Any) -> Any:
        """Put the usual port of the TLS mode where none is given."""
        if isinstance(table, dict) and "port" not in table:
            tls = table.get("tls", "starttls")
            return {**table, "port": USUAL_PORTS.get(tls, 587) if isinstance(tls, str) else 587}
        return table


class WebhookChannel(Channel):
    """`[[channel]]` of kind webhook: messages are posted as JSON, signed after Standard Webhooks."""

    kind: Literal["webhook"] = Field(description="webhook")
    url: Url = Field(description="The address to post to.")
    secret: SecretValue | None = Field(
        default=None, description='Signing secret (whsec_...): { env = "NAME" }; see also secrets.'
    )
    several: tuple[SecretValue, ...] = Field(
        default=(),
        alias="secrets",
        description="Several signing secrets, the newest first, while receivers change over; instead of secret.",
    )
    headers: Headers = Field(
        default_factory=nothing, description='Request headers, for example Authorization = { env = "TOKEN" }.'
    )
    rate: Rate = Field(default=10.0, description="Messages sent at most, on average.")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The signing secrets, the newest first."""
        return (self.secret,) if self.secret is not None else self.several


ChannelConfig = EmailChannel | WebhookChannel
CHANNEL_KINDS: Final[Mapping[str, type[EmailChannel] | type[WebhookChannel]]] = MappingProxyType(
    {"email": EmailChannel, "webhook": WebhookChannel}
)


class ConfigTables(Table):
    """tipstaff: a whole config file, as editors see it."""

    include: tuple[str, ...] = Field(
        default=(), description='Other config files to read, relative to this one: ["rules/*.toml"]. Comes first.'
    )
    tipstaff: Settings = Field(default=Settings(), description="Who runs it, where it remembers, how it logs.")
    network: Network = Field(default=Network(), description="Limits for every request to a source or webhook.")
    health: HealthSettings = Field(default=HealthSettings(), description="Telling about tipstaff's own troubles.")
    history: HistorySettings = Field(default=HistorySettings(), description="How much of the past is kept.")
    source: tuple[SourceConfig, ...] = Field(default=(), description="Places that publish documents.")
    entity: tuple[EntityTable, ...] = Field(default=(), description="Companies, persons, agencies that rules name.")
    matter: tuple[MatterTable, ...] = Field(default=(), description="Dockets and their parties.")
    fragment: tuple[FragmentTable, ...] = Field(default=(), description="Pieces of queries that rules share.")
    rule: tuple[RuleTable, ...] = Field(default=(), description="Standing orders: when this, tell them.")
    channel: tuple[Annotated[ChannelConfig, Field(discriminator="kind")], ...] = Field(
        default=(), description="Ways to tell people and programs."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One valid configuration, complete: what it names exists, what it needs was read."""

    path: Path
    tipstaff: Settings
    network: Network
    health: HealthSettings
    history: HistorySettings
    sources: tuple[SourceConfig, ...]
    entities: tuple[Entity, ...]
    matters: tuple[Matter, ...]
    fragments: tuple[Fragment, ...]
    rules: tuple[Rule, ...]
    """Only those that are enabled; `channels` names every enabled channel where the file names none."""
    channels: tuple[ChannelConfig, ...]
    rulebook: RuleBook
    """The enabled rules, compiled."""
    warnings: tuple[ConfigWarning, ...] = ()
    secret_values: tuple[str, ...] = ()
    """Every secret that was read, for the log to hide."""
    files: tuple[Path, ...] = ()
    """Whatever can change the outcome: config files, folders of include patterns, secret files, certificates."""

    def __repr__(self) -> str:
        return f"Config(path={str(self.path)!r}, {len(self.sources)} sources, {len(self.rules)} rules)"
