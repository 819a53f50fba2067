"""A book of rules: read once, asked for every document; and how one is made from rules, entities and fragments.

`match` and `firing` look only at rules that `index` lets through; `match_all` looks at every rule in full and must
always give the same answer. A book does not change: an edited one is made from it, which reads only what is new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rules.entities import EntityFault, Gazetteer, View, find_faults
from rules.language.fragments import read_fragments
from rules.language.parse import InvalidQuery, Names, QueryFault, parse, walk
from rules.language.query import ANYWHERE, Anchors, FragmentRef, Node, Way, evaluate
from rules.model import Document, Entity, Fragment, Match, Rule, RuleFault
from rules.percolate.explanation import Explanation, evidence_of
from rules.percolate.index import Entry, Index, cheapest

Outcome = tuple[tuple[Match, ...], tuple[RuleFault, ...]]


class RuleBookFault(ValueError):
    """Everything that is wrong with a set of rules, fragments and entities."""

    def __init__(
        self,
        faults: Sequence[tuple[str, QueryFault]],
        entities: Sequence[EntityFault],
        queries: Iterable[tuple[str, str]] = (),
        fragments: Sequence[tuple[str, QueryFault]] = (),
    ) -> None:
        self.faults = tuple(faults)
        """(rule id, fault of its query) in the order of the rules."""
        self.entities = tuple(entities)
        self.fragments = tuple(fragments)
        """(fragment id, fault of its query) in the order of the fragments."""
        written = dict(queries)
        lines = [f'fragment "{name}": {fault}' for name, fault in self.fragments]
        lines += [f'rule "{rule}": {fault.render(written.get(rule, ""))}' for rule, fault in self.faults]
        lines += [f'entity "{fault.entity}": {fault.message}' for fault in self.entities]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What the queries of a book could refer to when they were read."""

    entities: tuple[Entity, ...]
    sources: frozenset[str] | None
    fragments: tuple[Fragment, ...]


class RuleBook:
    """Rules ready to be matched, with the entities they name. May be asked from any thread."""

    def __init__(
        self,
        rules: Sequence[tuple[Rule, Node]],
        gazetteer: Gazetteer,
        warnings: Sequence[EntityFault] = (),
        *,
        vocabulary: Vocabulary | None = None,
        before: RuleBook | None = None,
    ) -> None:
        self.rules = tuple(rule for rule, _ in rules)
        self.gazetteer = gazetteer
        self.warnings = tuple(warnings)
        self.vocabulary = vocabulary
        self._numbers = {rule.id: number for number, rule in enumerate(self.rules)}
        kept: dict[str, Entry] = before._entries if before is not None and before.gazetteer is gazetteer else {}
        entries = [self._entry(rule, node, kept.get(rule.id)) for rule, node in rules]
        self._entries: dict[str, Entry] = {entry.rule.id: entry for entry in entries}
        if before is not None and kept:
            new = [entry for entry in entries if kept.get(entry.rule.id) is not entry]
            gone = [entry for id, entry in kept.items() if self._entries.get(id) is not entry]
            self._index: Index = before._index.replaced(gone, new)
        else:
            self._index = Index(entries, gazetteer.names)

    def _entry(self, rule: Rule, node: Node, kept: Entry | None) -> Entry:
        if kept is not None and kept.node is node and (kept.rule is rule or kept.rule == rule):
            return kept
        return Entry(rule, node, node.ways(self.gazetteer, _choose))

    def node(self, rule_id: str) -> Node:
        """Return the query of a rule; raise KeyError if there is no such rule."""
        return self._entries[rule_id].node

    def match(self, document: Document, now: datetime | None = None) -> Outcome:
        """Return the rules that hold for the document, with evidence, in their order, and those that cannot say.

        Args:
            document: what is asked about.
            now: when it was first seen; the document's own date where that is not known.
        """
        view = View(document, self.gazetteer, now)
        candidates = self._index.candidates(view)
        return self._evaluated(candidates, view, fast=True) if candidates else ((), ())

    def match_all(self, document: Document, now: datetime | None = None) -> Outcome:
        """Do what `match` does without any shortcut: every rule, in full. The oracle of the tests."""
        return self._evaluated(self._entries.values(), View(document, self.gazetteer, now), fast=False)

    def firing(
        self, document: Document, now: datetime | None = None
    ) -> tuple[tuple[Rule, ...], tuple[RuleFault, ...]]:
        """Return what `match` returns without the evidence: only which rules hold."""
        view = View(document, self.gazetteer, now)
        candidates = self._index.candidates(view)
        if not candidates:
            return (), ()
        firing: list[Rule] = []
        faults: list[RuleFault] = []
        for entry in self._in_order(candidates):
            try:
                if entry.node.holds(view, ANYWHERE):
                    firing.append(entry.rule)
            except Exception as error:
                faults.append(_fault(entry.rule, error))
        return tuple(firing), tuple(faults)

    def _in_order(self, entries: Collection[Entry]) -> Collection[Entry]:
        return sorted(entries, key=lambda entry: self._numbers[entry.rule.id]) if len(entries) > 1 else entries

    def _evaluated(self, entries: Collection[Entry], view: View, *, fast: bool) -> Outcome:
        matches: list[Match] = []
        faults: list[RuleFault] = []
        for entry in self._in_order(entries):
            try:
                if fast and not entry.node.holds(view, ANYWHERE):
                    continue
                verdict = evaluate(entry.node, view)
                if verdict.holds:
                    matches.append(Match(rule=entry.rule, evidence=evidence_of(verdict)))
            except Exception as error:
                # One broken rule must not silence the others; whoever called reports it.
                faults.append(_fault(entry.rule, error))
        return tuple(matches), tuple(faults)

    def explain(self, document: Document, rule_id: str, now: datetime | None = None) -> Explanation:
        """Return why a rule holds or not; raise KeyError if there is no such rule."""
        entry = self._entries[rule_id]
        verdict = evaluate(entry.node, View(document, self.gazetteer, now))
        return Explanation(rule=entry.rule, document=document, verdict=verdict)


def _choose(way: Way) -> Anchors:
    best = cheapest(way)
    assert best is not None  # noqa: S101 - a way without anchors is never offered
    return best


def _fault(rule: Rule, error: Exception) -> RuleFault:
    return RuleFault(rule=rule.id, reason=f"{type(error).__name__}: {error}")


def compile_rules(
    rules: Sequence[Rule],
    entities: Sequence[Entity] = (),
    sources: Collection[str] | None = None,
    *,
    fragments: Sequence[Fragment] = (),
    before: RuleBook | None = None,
) -> RuleBook:
    """Return the rules ready to be matched; raise RuleBookFault with all faults of all of them at once.

    Args:
        rules: in the order in which matches are reported.
        entities: what `entity:` may name.
        sources: the ids that `source:` may name; None leaves them unchecked.
        fragments: what `fragment:` may name.
        before: the book in force; what is unchanged is taken from it and not read again.
    """
    vocabulary = Vocabulary(
        entities=tuple(entities),
        sources=None if sources is None else frozenset(sources),
        fragments=tuple(fragments),
    )
    if before is not None and before.vocabulary != vocabulary:
        before = None
    gazetteer = before.gazetteer if before else Gazetteer(entities)
    read, warnings = _read(rules, vocabulary, gazetteer, before)
    return RuleBook(read, gazetteer, warnings, vocabulary=vocabulary, before=before)


def check_rules(
    rules: Sequence[Rule],
    entities: Sequence[Entity],
    sources: Collection[str],
    fragments: Sequence[Fragment],
) -> None:
    """Raise RuleBookFault where `compile_rules` would; nothing is laid out, which is most of the work."""
    vocabulary = Vocabulary(entities=tuple(entities), sources=frozenset(sources), fragments=tuple(fragments))
    _read(rules, vocabulary, Gazetteer(entities), None)


def _read(
    rules: Sequence[Rule], vocabulary: Vocabulary, gazetteer: Gazetteer, before: RuleBook | None
) -> tuple[list[tuple[Rule, Node]], list[EntityFault]]:
    """Return the rules with their queries read, and warnings about the entities."""
    fragments = vocabulary.fragments
    names = Names(entities=gazetteer.ids, tags=gazetteer.tags, sources=vocabulary.sources)
    nodes, fragment_faults = read_fragments(fragments, names)
    names = replace(names, fragments=nodes)
    known = before._entries if before else {}
    read: list[tuple[Rule, Node]] = []
    faults: list[tuple[str, QueryFault]] = []
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            message = f'two rules have the id "{rule.id}"; give one of them another'
            faults.append((rule.id, QueryFault(message=message, line=1, column=1, length=1)))
        seen.add(rule.id)
        kept = known.get(rule.id)
        try:
            node = kept.node if kept is not None and kept.rule.when == rule.when else parse(rule.when, names)
        except InvalidQuery as invalid:
            faults.extend((rule.id, fault) for fault in invalid.faults)
        else:
            read.append((_with_fragments(rule, node, fragments), node))
    entity_faults = before.warnings if before else find_faults(vocabulary.entities)
    grave = [fault for fault in entity_faults if not fault.warning]
    if faults or grave or fragment_faults:
        raise RuleBookFault(faults, grave, ((rule.id, rule.when) for rule in rules), fragment_faults)
    return read, [fault for fault in entity_faults if fault.warning]


def _with_fragments(rule: Rule, node: Node, fragments: Sequence[Fragment]) -> Rule:
    """Return the rule with the fragments that its query uses, so that its definition is complete."""
    if not fragments:
        return rule
    used = {part.name for part in walk(node) if isinstance(part, FragmentRef)}
    return replace(rule, fragments=tuple(sorted((f for f in fragments if f.id in used), key=lambda f: f.id)))
