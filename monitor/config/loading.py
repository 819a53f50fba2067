"""A config file found, read and checked as a whole: either a `Config` that can be used, or every fault there is.

What the values mean to the daemon is not known here; the one thing computed from them is the rule book.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from monitor.config import checks, queries
from monitor.config.faults import ConfigFaults, ConfigMissing, Fault
from monitor.config.model import (
    ChannelConfig,
    Config,
    EmailChannel,
    EntityTable,
    ExampleTable,
    FragmentTable,
    MatterTable,
    RuleTable,
    SourceConfig,
    WebhookChannel,
)
from monitor.config.preparation import Preparation, store_address
from monitor.config.sections.single import HealthSettings, HistorySettings, Network, Settings
from monitor.config.toml.lines import KeyPath
from monitor.config.toml.reading import Reading, read
from monitor.config.validation import SECTIONS, Ledger, channel_model, check_sections, repeated, single, validated
from rules.model import Example, Rule
from rules.percolate import RuleBook, compile_rules

NAME: Final = "config.toml"
SOURCE_KINDS: Final = ("feed",)
LAYERED: Final = frozenset({"entity", "matter", "fragment", "rule"})
"""Sections of which a file may consist that is an edit of another config and no config of its own."""
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
    before: RuleBook | None = None,
) -> Config:
    """Read a config file with all that it includes and refers to.

    Args:
        path: the root file.
        environ: environment variables, for overrides, secrets and credentials.
        secrets: False leaves secrets unread, so that a config can be looked at without them.
        options: values from the command line for keys of [tipstaff], above environment and file.
        source_kinds: the kinds of source there are.
        before: the rules in force, of which what is unchanged is taken over.

    Raises:
        ConfigFaults: with every fault of every file.
    """
    return _assembled(read(path, SECTIONS), environ, secrets, options or {}, source_kinds, before)


def load_edited(
    path: Path, edit: Path, *, environ: Mapping[str, str], source_kinds: Collection[str] = SOURCE_KINDS
) -> Config:
    """Read a config as it would be with an edit; secrets stay unread.

    Args:
        path: the root file.
        edit: another config file, to be read instead; or one with only rules and what they name, whose tables take
            the place of those of the same ids.
        environ: environment variables, for overrides.
        source_kinds: the kinds of source there are.

    Raises:
        ConfigFaults: with every fault of every file.
    """
    changed = read(edit, SECTIONS)
    if not changed.table or not changed.table.keys() <= LAYERED:
        return _assembled(changed, environ, False, {}, source_kinds)
    reading = read(path, SECTIONS)
    reading.lay(changed)
    return _assembled(reading, environ, False, {}, source_kinds)


def places_of(path: Path, sections: Collection[str]) -> Mapping[tuple[str, str], tuple[str, int]]:
    """Return where the tables of a config stand: (section, id) -> file and line."""
    reading = read(path, SECTIONS)
    ledger = Ledger(reading)
    return {
        (section, str(table.get("id"))): (origin[0].shown, origin[0].lines.position(origin[1])[0])
        for section in sections
        for path_of, table in ledger.tables(section)
        if (origin := reading.origin(path_of)) is not None
    }


def _assembled(
    reading: Reading,
    environ: Mapping[str, str],
    secrets: bool,
    options: Mapping[str, str],
    source_kinds: Collection[str],
    before: RuleBook | None = None,
) -> Config:
    if not reading.files:
        raise ConfigFaults(_ordered(reading, reading.faults))
    ledger = Ledger(reading)
    preparation = Preparation(ledger, environ, secrets=secrets)
    check_sections(ledger)
    preparation.override(options)
    preparation.fetch()
    return _Assembly(ledger, preparation, before).config(source_kinds)


class _Assembly:
    """The tables of one config on their way to becoming a `Config`."""

    def __init__(self, ledger: Ledger, preparation: Preparation, before: RuleBook | None) -> None:
        self.ledger = ledger
        self.preparation = preparation
        self.before = before

    def config(self, source_kinds: Collection[str]) -> Config:
        ledger = self.ledger
        settings = single(ledger, "tipstaff", Settings)
        network = single(ledger, "network", Network)
        health = single(ledger, "health", HealthSettings)
        history = single(ledger, "history", HistorySettings)
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
        queries.check(ledger)
        settings = checks.check_contact(ledger, settings, sources)
        if ledger.faults or ledger.reading.faults:
            raise ConfigFaults(_ordered(ledger.reading, (*ledger.reading.faults, *ledger.faults)))
        everybody = tuple(channel.id for channel in channels if channel.enabled)
        by_id = {source.id: source for source in sources}
        asked = tuple(_rule(table, everybody, by_id) for table in rules.values() if table.enabled)
        known = tuple(table.entity() for table in entities.values())
        shared = tuple(table.fragment() for table in repeated(ledger, "fragment", FragmentTable).values())
        book = compile_rules(
            asked, known, frozenset(checks.ids(ledger, "source")), fragments=shared, before=self.before
        )
        queries.warn_of_entities(ledger, book, {table.id: path for path, table in entities.items()})
        return Config(
            path=ledger.reading.root,
            tipstaff=self._with_place(settings),
            network=network,
            health=health,
            history=history,
            sources=sources,
            entities=known,
            matters=tuple(table.matter() for table in matters.values()),
            fragments=shared,
            rules=book.rules,
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


def _rule(table: RuleTable, everybody: tuple[str, ...], sources: Mapping[str, SourceConfig]) -> Rule:
    return Rule(
        id=table.id,
        when=table.when,
        title=table.title,
        severity=table.severity,
        channels=everybody if table.channels is None else tuple(dict.fromkeys(table.channels)),
        updates=table.updates,
        examples=tuple(_example(example, sources.get(example.source)) for example in table.example),
    )


def _example(table: ExampleTable, source: SourceConfig | None) -> Example:
    """Return an example; one that names a source has what that source gives to all its documents."""
    made = table.made()
    if source is None:
        return made
    return replace(
        made,
        kind=made.kind if "kind" in table.model_fields_set else source.documents,
        tags=tuple(dict.fromkeys((*made.tags, *source.tags))),
        facts=tuple(dict.fromkeys((*made.facts, *source.facts))),
    )


def _ordered(reading: Reading, faults: Iterable[AnyFault]) -> list[AnyFault]:
    """Return faults in the order of files, lines and columns, each once."""
    return sorted(dict.fromkeys(faults), key=lambda fault: (reading.order(fault.file), fault.line, fault.column or 0))
