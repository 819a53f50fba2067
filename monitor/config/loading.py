"""A config file found, read and checked as a whole: either a `Config` that can be used, or every fault there is.

What the values mean to the daemon is not known here; the one thing computed from them is the rule book.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from monitor.config import checks
from monitor.config.faults import ConfigFaults, ConfigMissing, Fault
from monitor.config.model import (
    ChannelConfig,
    Config,
    EmailChannel,
    EntityTable,
    HealthSettings,
    MatterTable,
    Network,
    RuleTable,
    Settings,
    SourceConfig,
    WebhookChannel,
)
from monitor.config.preparation import Preparation, store_address
from monitor.config.toml.lines import KeyPath
from monitor.config.toml.reading import Reading, read
from monitor.config.validation import SECTIONS, Ledger, channel_model, check_sections, repeated, single, validated
from rules.model import Alias, Entity, Example, Rule
from rules.parse import InvalidQuery, QueryFault, parse
from rules.percolate import RuleBook, RuleBookFault, compile_rules

NAME: Final = "config.toml"
SOURCE_KINDS: Final = ("feed",)
AnyFault = TypeVar("AnyFault", bound=Fault)


def places(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """Return where a config is looked for, in order.

    That is the file named on the command line; else the one named by $TIPSTAFF_CONFIG; else ./config.toml,
    $XDG_CONFIG_HOME/tipstaff/config.toml (~/.config where it is not set) and /etc/tipstaff/config.toml.
    """
    if explicit is not None:
        return (cwd / explicit,)
    if environ.get("TIPSTAFF_CONFIG"):
        return (cwd / environ["TIPSTAFF_CONFIG"],)
    homes = [cwd]
    if environ.get("XDG_CONFIG_HOME"):
        homes.append(Path(environ["XDG_CONFIG_HOME"], "tipstaff"))
    elif environ.get("HOME"):
        homes.append(Path(environ["HOME"], ".config", "tipstaff"))
    return tuple(home / NAME for home in (*homes, Path("/etc/tipstaff")))


def find(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the first config file there is in `places`.

    Raises:
        ConfigMissing: there is none; the fault lists the places.
    """
    tried = places(explicit, environ, cwd)
    for place in tried:
        if place.is_file():
            return place
    if len(tried) == 1:
        named = "--config" if explicit is not None else "$TIPSTAFF_CONFIG"
        reason = "is a folder" if tried[0].is_dir() else "there is no such file"
        raise ConfigMissing([Fault(file=str(tried[0]), message=f"{reason} (named by {named})")])
    listed = ", ".join(str(place) for place in tried)
    raise ConfigMissing(
        [Fault(file=NAME, message=f"no config file in {listed}", hint="name one with --config or $TIPSTAFF_CONFIG")]
    )


def load(
    path: Path,
    *,
    environ: Mapping[str, str],
    secrets: bool = True,
    options: Mapping[str, str] | None = None,
    source_kinds: Collection[str] = SOURCE_KINDS,
) -> Config:
    """Read a config file with all that it includes and refers to.

    Args:
        path: the root file.
        environ: environment variables, for overrides, secrets and credentials.
        secrets: False leaves secrets unread, so that a config can be looked at without them.
        options: values from the command line for keys of [tipstaff], above environment and file.
        source_kinds: the kinds of source there are.

    Raises:
        ConfigFaults: with every fault of every file.
    """
    reading = read(path, SECTIONS)
    if not reading.files:
        raise ConfigFaults(_ordered(reading, reading.faults))
    ledger = Ledger(reading)
    preparation = Preparation(ledger, environ, secrets=secrets)
    check_sections(ledger)
    preparation.override(options or {})
    preparation.fetch()
    return _Assembly(ledger, preparation).config(source_kinds)


class _Assembly:
    """The tables of one config on their way to becoming a `Config`."""

    def __init__(self, ledger: Ledger, preparation: Preparation) -> None:
        self.ledger = ledger
        self.preparation = preparation

    def config(self, source_kinds: Collection[str]) -> Config:
        ledger = self.ledger
        settings = single(ledger, "tipstaff", Settings)
        network = single(ledger, "network", Network)
        health = single(ledger, "health", HealthSettings)
        sources = tuple(repeated(ledger, "source", SourceConfig).values())
        entities = repeated(ledger, "entity", EntityTable)
        matters = repeated(ledger, "matter", MatterTable)
        rules = repeated(ledger, "rule", RuleTable)
        channels = self._channels()
        checks.check_ids(ledger)
        checks.check_references(ledger)
        checks.check_sources(ledger, source_kinds, network)
        checks.check_channels(ledger)
        checks.check_examples(ledger)
        self._check_queries()
        settings = checks.check_contact(ledger, settings, sources)
        if ledger.faults or ledger.reading.faults:
            raise ConfigFaults(_ordered(ledger.reading, (*ledger.reading.faults, *ledger.faults)))
        everybody = tuple(channel.id for channel in channels if channel.enabled)
        asked = tuple(_rule(table, everybody) for table in rules.values() if table.enabled)
        known = tuple(table.entity() for table in entities.values())
        book = compile_rules(asked, known, frozenset(checks.ids(ledger, "source")))
        self._warn_of_entities(book, entities)
        return Config(
            path=ledger.reading.root,
            tipstaff=self._with_place(settings),
            network=network,
            health=health,
            sources=sources,
            entities=known,
            matters=tuple(table.matter() for table in matters.values()),
            rules=asked,
            channels=channels,
            rulebook=book,
            warnings=tuple(_ordered(ledger.reading, ledger.warnings)),
            secret_values=tuple(sorted(self.preparation.secret_values)),
            files=self._files(settings),
        )

    def _channels(self) -> tuple[ChannelConfig, ...]:
        found: list[ChannelConfig] = []
        for path, table in self.ledger.tables("channel"):
            model = channel_model(self.ledger, path, table)
            valid = validated(self.ledger, model, path, table) if model else None
            if isinstance(valid, EmailChannel | WebhookChannel):
                found.append(valid)
        return tuple(found)

    def _check_queries(self) -> None:
        """Read every query, also of rules that are faulty elsewhere or not enabled, and write down what is wrong."""
        ledger = self.ledger
        asked = {
            str(path[1]): (path, Rule(id=str(path[1]), when=table["when"]))
            for path, table in ledger.tables("rule")
            if isinstance(table.get("when"), str)
        }
        if ledger.reading.broken:
            # What a query names may stand in the file that could not be read: only its form can be judged.
            for path, rule in asked.values():
                self._check_form(path, rule)
            return
        entities = {entity.id: (path, entity) for path, entity in self._named_entities()}
        try:
            compile_rules(
                [rule for _, rule in asked.values()],
                [entity for _, entity in entities.values()],
                frozenset(checks.ids(ledger, "source")),
            )
        except RuleBookFault as book:
            for number, fault in book.faults:
                self._query_fault(*asked[number], fault)
            for wrong in book.entities:
                ledger.fault(self._named_part(entities[wrong.entity][0], wrong.message), wrong.message)

    def _check_form(self, path: KeyPath, rule: Rule) -> None:
        try:
            parse(rule.when)
        except InvalidQuery as invalid:
            for fault in invalid.faults:
                self._query_fault(path, rule, fault)

    def _query_fault(self, path: KeyPath, rule: Rule, fault: QueryFault) -> None:
        key = (*path, "when")
        origin = self.ledger.reading.origin(key)
        at = origin[0].lines.inside(origin[1], fault.line, fault.column) if origin else None
        hint = f'did you mean "{fault.suggestion}"?' if fault.suggestion else ""
        snippet = "\n".join(fault.render(rule.when).split("\n")[1:])
        self.ledger.fault(key, fault.message, hint, at=at, snippet=snippet)

    def _named_entities(self) -> Iterable[tuple[KeyPath, Entity]]:
        """Yield every entity that has an id: a fault elsewhere in its table is no fault of rules that name it."""
        seen: set[str] = set()
        for path, table in self.ledger.tables("entity"):
            name = table.get("id")
            if isinstance(name, str) and name not in seen:
                seen.add(name)
                yield (
                    path,
                    Entity(id=name, name=_text(table.get("name"), name), aliases=_aliases(table), tags=_tags(table)),
                )

    def _warn_of_entities(self, book: RuleBook, entities: Mapping[KeyPath, EntityTable]) -> None:
        by_id = {table.id: path for path, table in entities.items()}
        for fault in book.warnings:
            self.ledger.warn(self._named_part(by_id[fault.entity], fault.message), fault.message)

    def _named_part(self, path: KeyPath, message: str) -> KeyPath:
        """Return the key of an entity that a message about it quotes: an alias, or else the name."""
        aliases = self.ledger.table("entity", int(path[1])).get("aliases")
        for number, alias in enumerate(aliases if isinstance(aliases, tuple) else ()):
            text = alias.get("text") if isinstance(alias, dict) else alias
            if isinstance(text, str) and f'"{text.casefold()}"' in message.casefold():
                return (*path, "aliases", number)
        return (*path, "name")

    def _with_place(self, settings: Settings) -> Settings:
        """Make a store path absolute: it counts from the file it stands in, or from where tipstaff was started."""
        path: KeyPath = ("tipstaff", "store")
        if path in self.ledger.overridden:
            folder = Path.cwd()
        else:
            origin = self.ledger.reading.origin(path)
            folder = (origin[0].path if origin else self.ledger.reading.root).absolute().parent
        return settings.model_copy(update={"store": store_address(settings.store, folder)})

    def _files(self, settings: Settings) -> tuple[Path, ...]:
        reading = self.ledger.reading
        store = Path(self._with_place(settings).store).parent
        # A folder in which the store lives changes with every commit; new files there wait for SIGHUP.
        folders = [folder for folder in reading.folders if folder.absolute() != store]
        return tuple(dict.fromkeys((*(file.path for file in reading.files), *folders, *self.preparation.files)))


def _rule(table: RuleTable, everybody: tuple[str, ...]) -> Rule:
    return Rule(
        id=table.id,
        when=table.when,
        title=table.title,
        severity=table.severity,
        channels=everybody if table.channels is None else tuple(dict.fromkeys(table.channels)),
        updates=table.updates,
        examples=tuple(
            Example(alert=e.alert, title=e.title, text=e.text, kind=e.kind, source=e.source) for e in table.example
        ),
    )


def _text(value: object, otherwise: str) -> str:
    return value if isinstance(value, str) and value else otherwise


def _tags(table: Mapping[str, Any]) -> tuple[str, ...]:
    tags = table.get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, tuple) else ()


def _aliases(table: Mapping[str, Any]) -> tuple[Alias, ...]:
    aliases = table.get("aliases")
    texts = [a.get("text") if isinstance(a, dict) else a for a in aliases] if isinstance(aliases, tuple) else []
    return tuple(Alias(text=text) for text in texts if isinstance(text, str) and text)


def _ordered(reading: Reading, faults: Iterable[AnyFault]) -> list[AnyFault]:
    """Return faults in the order of files, lines and columns, each once."""
    return sorted(dict.fromkeys(faults), key=lambda fault: (reading.order(fault.file), fault.line, fault.column or 0))
