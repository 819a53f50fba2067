"""The queries of a config: every fault of every one of them at its own line, and warnings about what they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from monitor.config import checks
from monitor.config.toml.lines import KeyPath
from monitor.config.validation import Ledger
from rules.language.parse import InvalidQuery, QueryFault, parse
from rules.model import Alias, Entity, Fragment, Rule
from rules.percolate import RuleBook, RuleBookFault, check_rules


def check(ledger: Ledger) -> None:
    """Read every query, also of rules that are faulty elsewhere or not enabled, and write down what is wrong."""
    asked = {str(path[1]): (path, when) for path, when in _queries(ledger, "rule")}
    shared = {_text(ledger.table(*path).get("id"), "?"): (path, when) for path, when in _queries(ledger, "fragment")}
    if ledger.reading.broken:
        # What a query names may stand in the file that could not be read: only its form can be judged.
        for path, when in (*asked.values(), *shared.values()):
            _check_form(ledger, path, when)
        return
    entities = {entity.id: (path, entity) for path, entity in _named_entities(ledger)}
    try:
        check_rules(
            [Rule(id=number, when=when) for number, (_, when) in asked.items()],
            [entity for _, entity in entities.values()],
            frozenset(checks.ids(ledger, "source")),
            [Fragment(id=name, when=when) for name, (_, when) in shared.items()],
        )
    except RuleBookFault as book:
        for name, fault in book.fragments:
            _write_down(ledger, *shared[name], fault)
        for number, fault in book.faults:
            _write_down(ledger, *asked[number], fault)
        for wrong in book.entities:
            ledger.fault(_named_part(ledger, entities[wrong.entity][0], wrong.message), wrong.message)


def _queries(ledger: Ledger, section: str) -> Iterable[tuple[tuple[str, int], str]]:
    for path, table in ledger.tables(section):
        if isinstance(when := table.get("when"), str):
            yield (section, int(path[1])), when


def _check_form(ledger: Ledger, path: KeyPath, when: str) -> None:
    try:
        parse(when)
    except InvalidQuery as invalid:
        for fault in invalid.faults:
            _write_down(ledger, path, when, fault)


def _write_down(ledger: Ledger, path: KeyPath, when: str, fault: QueryFault) -> None:
    key = (*path, "when")
    origin = ledger.reading.origin(key)
    at = origin[0].lines.inside(origin[1], fault.line, fault.column) if origin else None
    hint = f'did you mean "{fault.suggestion}"?' if fault.suggestion else ""
    snippet = "\n".join(fault.render(when).split("\n")[1:])
    ledger.fault(key, fault.message, hint, at=at, snippet=snippet)


def _named_entities(ledger: Ledger) -> Iterable[tuple[KeyPath, Entity]]:
    """Yield every entity that has an id: a fault elsewhere in its table is no fault of rules that name it."""
    seen: set[str] = set()
    for path, table in ledger.tables("entity"):
        name = table.get("id")
        if isinstance(name, str) and name not in seen:
            seen.add(name)
            named = _text(table.get("name"), name)
            yield path, Entity(id=name, name=named, aliases=_aliases(table), tags=_tags(table))


def warn_of_entities(ledger: Ledger, book: RuleBook, paths: Mapping[str, KeyPath]) -> None:
    """Write down what a book says about the entities that stand at `paths`."""
    for fault in book.warnings:
        ledger.warn(_named_part(ledger, paths[fault.entity], fault.message), fault.message)


def _named_part(ledger: Ledger, path: KeyPath, message: str) -> KeyPath:
    """Return the key of an entity that a message about it quotes: an alias, or else the name."""
    aliases = ledger.table("entity", int(path[1])).get("aliases")
    for number, alias in enumerate(aliases if isinstance(aliases, tuple) else ()):
        text = alias.get("text") if isinstance(alias, dict) else alias
        if isinstance(text, str) and f'"{text.casefold()}"' in message.casefold():
            return (*path, "aliases", number)
    return (*path, "name")


def _text(value: object, otherwise: str) -> str:
    return value if isinstance(value, str) and value else otherwise


def _tags(table: Mapping[str, Any]) -> tuple[str, ...]:
    tags = table.get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, tuple) else ()


def _aliases(table: Mapping[str, Any]) -> tuple[Alias, ...]:
    aliases = table.get("aliases")
    texts = [a.get("text") if isinstance(a, dict) else a for a in aliases] if isinstance(aliases, tuple) else []
    return tuple(Alias(text=text) for text in texts if isinstance(text, str) and text)
