"""Which rules a call is about: found by id, edited by a query or a file, and read with what they name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from monitor.cli import USAGE, Call
from monitor.commands.terminal import Terminal, counted
from monitor.config.faults import Fault, did_you_mean
from monitor.config.loading import load_edited
from monitor.opening import Loaded
from rules.language.mentions import EntityRef, EntityTag
from rules.language.parse import walk
from rules.model import Entity, Rule
from rules.percolate import RuleBook, RuleBookFault, compile_rules

_MOST_NAMED: Final = 20


class UnknownRule(LookupError):
    """There is no such rule; `advice` says which there are."""

    def __init__(self, rule: str, known: Collection[str]) -> None:
        near = did_you_mean(rule, known)
        super().__init__(f"there is no rule {rule!r} that is enabled" + (f"; {near}" if near else ""))
        names = list(known)
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        self.advice = f"there are: {', '.join(names[:_MOST_NAMED]) or 'none'}{more}"


class QueryRefused(ValueError):
    """A query that was typed is at fault; `faults` are as `tipstaff check` would tell them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def known_rule(book: RuleBook, id_: str) -> Rule:
    """Return a rule by its id; raise UnknownRule."""
    for rule in book.rules:
        if rule.id == id_:
            return rule
    raise UnknownRule(id_, [rule.id for rule in book.rules])


def alone(book: RuleBook, rules: Sequence[Rule]) -> RuleBook:
    """Return a book of only these rules, with the entities, sources and fragments of another one."""
    vocabulary = book.vocabulary
    if vocabulary is None:
        return compile_rules(rules)
    return compile_rules(rules, vocabulary.entities, vocabulary.sources, fragments=vocabulary.fragments, before=book)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rules of a backtest: those in force, and as they would be; None where nothing is edited."""

    live: RuleBook
    edited: RuleBook | None = None


def chosen(call: Call, loaded: Loaded) -> Chosen:
    """Return the rules that a call of `rules backtest` names.

    Raises:
        UnknownRule: neither the config nor the edit has it.
        QueryRefused: the query of `--when` is at fault.
        ConfigFaults: the file of `--edited` is at fault.
    """
    words, book = call.words, loaded.config.rulebook
    if words.edited is not None:
        config = load_edited(loaded.path, Path(words.edited), environ=call.environ)
        return _edited(book, config.rulebook, words.rule)
    if words.rule is None:
        return Chosen(book)
    rule = known_rule(book, words.rule)
    live = alone(book, [rule])
    return Chosen(live, None if words.when is None else _with_query(book, replace(rule, when=words.when)))


def _edited(live: RuleBook, edited: RuleBook, only: str | None) -> Chosen:
    """Return the rules that differ, or the one that is named."""
    before, after = ({rule.id: rule for rule in book.rules} for book in (live, edited))
    both = list(dict.fromkeys([*before, *after]))
    if only is not None:
        if only not in both:
            raise UnknownRule(only, both)
        ids = [only]
    else:
        ids = [id_ for id_ in both if _differs(before.get(id_), after.get(id_), live, edited)]
    return Chosen(
        alone(live, [before[id_] for id_ in ids if id_ in before]),
        alone(edited, [after[id_] for id_ in ids if id_ in after]),
    )


def _differs(before: Rule | None, after: Rule | None, live: RuleBook, edited: RuleBook) -> bool:
    if before is None or after is None:
        return True
    if (before.when.strip(), before.fragments) != (after.when.strip(), after.fragments):
        return True
    return _entities(live) != _entities(edited) and any(
        isinstance(part, EntityRef | EntityTag) for part in walk(edited.node(after.id))
    )


def _entities(book: RuleBook) -> tuple[Entity, ...]:
    return book.vocabulary.entities if book.vocabulary else ()


def _with_query(book: RuleBook, rule: Rule) -> RuleBook:
    try:
        return alone(book, [rule])
    except RuleBookFault as refused:
        raise QueryRefused(
            [
                Fault(
                    file="--when",
                    line=fault.line,
                    column=fault.column,
                    where=f'[[rule]] "{rule.id}"',
                    key="when",
                    message=fault.message,
                    hint=f'did you mean "{fault.suggestion}"?' if fault.suggestion else "",
                    snippet="\n".join(fault.render(rule.when).split("\n")[1:]),
                )
                for _, fault in refused.faults
            ]
        ) from None


def refuse_query(terminal: Terminal, refused: QueryRefused) -> int:
    """Say what is wrong with a query that was typed, as `tipstaff check` would, and return the exit code."""
    if terminal.as_json:
        terminal.answer({"ok": False, "faults": [_values(fault) for fault in refused.faults]})
        return USAGE
    for fault in refused.faults:
        terminal.fail(str(fault))
        terminal.fail(fault.snippet)
    terminal.fail(f"{counted(len(refused.faults), 'fault')} in the query; nothing was looked at")
    return USAGE


def _values(fault: Fault) -> dict[str, Any]:
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "where": fault.where,
        "key": fault.key,
        "message": fault.message,
        "hint": fault.hint,
    }
