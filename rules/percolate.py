"""All rules against one document: those that hold and why, those that fail and at which clause.

What becomes of a match is not here (see `alerting`). `match` looks only at rules that share a word, a prefix or an
entity with the document; `match_all` looks at every rule in full and must always give the same answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rules.entities import EntityFault, Gazetteer, View, find_faults
from rules.model import Document, Entity, Evidence, Match, Rule, RuleFault
from rules.parse import InvalidQuery, Names, QueryFault, parse
from rules.query import ANYWHERE, Anchors, And, Node, Not, Verdict, evaluate

Outcome = tuple[tuple[Match, ...], tuple[RuleFault, ...]]


class RuleBookFault(ValueError):
    """Everything that is wrong with a set of rules and entities."""

    def __init__(
        self,
        faults: Sequence[tuple[str, QueryFault]],
        entities: Sequence[EntityFault],
        queries: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.faults = tuple(faults)
        """(rule id, fault of its query) in the order of the rules."""
        self.entities = tuple(entities)
        written = dict(queries)
        lines = [f'rule "{rule}": {fault.render(written.get(rule, ""))}' for rule, fault in self.faults]
        lines += [f'entity "{fault.entity}": {fault.message}' for fault in self.entities]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a rule holds, or does not hold, for a document."""

    rule: Rule
    document: Document
    verdict: Verdict

    @property
    def holds(self) -> bool:
        """Whether the rule matches the document."""
        return self.verdict.holds

    @property
    def first_failing(self) -> Verdict | None:
        """The first clause, in the author's order, because of which the rule does not hold."""
        return _first_failing(self.verdict)

    def lines(self) -> tuple[str, ...]:
        """Return the explanation as lines of text: the outcome, then the tree of clauses."""
        failing = self.first_failing
        outcome = f'rule "{self.rule.id}" holds' if failing is None else f'rule "{self.rule.id}" does not hold'
        because = "" if failing is None else f": first failing clause {failing.clause}: {failing.reason}"
        return (outcome + because, *_tree_lines(self.verdict, 1))

    def as_dict(self) -> dict[str, object]:
        """Return the explanation as values that JSON can carry."""
        failing = self.first_failing
        return {
            "rule": self.rule.id,
            "query": self.rule.when,
            "holds": self.holds,
            "first_failing": None if failing is None else {"clause": failing.clause, "reason": failing.reason},
            "tree": self._as_dict(self.verdict),
        }

    def _as_dict(self, verdict: Verdict) -> dict[str, object]:
        return {
            "clause": verdict.clause,
            "holds": verdict.holds,
            "reason": verdict.reason,
            "evidence": [self._place(evidence) for evidence in verdict.evidence],
            "children": [self._as_dict(child) for child in verdict.children],
        }

    def _place(self, evidence: Evidence) -> dict[str, object]:
        text = {"title": self.document.title, "body": self.document.body}.get(evidence.field, "")
        return {
            "field": evidence.field,
            "start": evidence.start,
            "end": evidence.end,
            "text": text[evidence.start : evidence.end],
            "lookalike": evidence.lookalike,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleFailure:
    """An example of a rule that came out otherwise than its author wrote; `number` counts from 1."""

    rule: str
    number: int
    expected: bool
    why: str

    def __str__(self) -> str:
        wanted, got = ("an alert", "none") if self.expected else ("no alert", "one")
        return f'rule "{self.rule}", example {self.number}: expected {wanted}, got {got}: {self.why}'


class RuleBook:
    """Rules ready to be matched, with the entities they name."""

    def __init__(
        self, rules: Sequence[tuple[Rule, Node]], gazetteer: Gazetteer, warnings: Sequence[EntityFault] = ()
    ) -> None:
        self.rules = tuple(rule for rule, _ in rules)
        self.gazetteer = gazetteer
        self.warnings = tuple(warnings)
        self._nodes = tuple(node for _, node in rules)
        self._numbers = {rule.id: number for number, rule in enumerate(self.rules)}
        self._index = _Index(self._nodes, gazetteer)

    def match(self, document: Document) -> Outcome:
        """Return the rules that hold for the document, in their order, and those that could not be evaluated."""
        view = View(document, self.gazetteer)
        return self._evaluate(view, self._index.candidates(view), lambda node: node.holds(view, ANYWHERE))

    def match_all(self, document: Document) -> Outcome:
        """Do what `match` does without any shortcut: every rule, in full. The oracle of the tests."""
        return self._evaluate(View(document, self.gazetteer), range(len(self.rules)), lambda node: True)

    def _evaluate(self, view: View, numbers: Iterable[int], may_hold: Callable[[Node], bool]) -> Outcome:
        matches: list[Match] = []
        faults: list[RuleFault] = []
        for number in numbers:
            rule, node = self.rules[number], self._nodes[number]
            try:
                if not may_hold(node):
                    continue
                verdict = evaluate(node, view)
                if verdict.holds:
                    matches.append(Match(rule=rule, evidence=evidence_of(verdict)))
            except Exception as error:
                # One broken rule must not silence the others; whoever called reports it.
                faults.append(RuleFault(rule=rule.id, reason=f"{type(error).__name__}: {error}"))
        return tuple(matches), tuple(faults)

    def explain(self, document: Document, rule_id: str) -> Explanation:
        """Return why a rule holds or not; raise KeyError if there is no such rule."""
        number = self._numbers[rule_id]
        verdict = evaluate(self._nodes[number], View(document, self.gazetteer))
        return Explanation(rule=self.rules[number], document=document, verdict=verdict)


def compile_rules(
    rules: Sequence[Rule], entities: Sequence[Entity] = (), sources: Collection[str] | None = None
) -> RuleBook:
    """Return the rules ready to be matched; raise RuleBookFault with all faults of all rules and entities at once.

    `sources` are the ids that `source:` may name; None leaves them unchecked.
    """
    gazetteer = Gazetteer(entities)
    names = Names(entities=gazetteer.ids, tags=gazetteer.tags, sources=sources)
    entity_faults = find_faults(entities)
    read: list[tuple[Rule, Node]] = []
    faults: list[tuple[str, QueryFault]] = []
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            message = f'two rules have the id "{rule.id}"; give one of them another'
            faults.append((rule.id, QueryFault(message=message, line=1, column=1, length=1)))
        seen.add(rule.id)
        try:
            read.append((rule, parse(rule.when, names)))
        except InvalidQuery as invalid:
            faults.extend((rule.id, fault) for fault in invalid.faults)
    grave = [fault for fault in entity_faults if not fault.warning]
    if faults or grave:
        raise RuleBookFault(faults, grave, ((rule.id, rule.when) for rule in rules))
    return RuleBook(read, gazetteer, [fault for fault in entity_faults if fault.warning])


def run_examples(book: RuleBook) -> tuple[ExampleFailure, ...]:
    """Evaluate each rule on its own examples and return those that came out otherwise than written."""
    return tuple(failure for rule in book.rules for failure in _failures(book, rule))


def _failures(book: RuleBook, rule: Rule) -> Iterator[ExampleFailure]:
    for number, example in enumerate(rule.examples, start=1):
        document = Document(source=example.source, kind=example.kind, title=example.title, body=example.text)
        try:
            explanation = book.explain(document, rule.id)
        except Exception as error:
            why = f"the rule cannot be evaluated: {type(error).__name__}: {error}"
            yield ExampleFailure(rule=rule.id, number=number, expected=example.alert, why=why)
            continue
        if explanation.holds != example.alert:
            yield ExampleFailure(rule=rule.id, number=number, expected=example.alert, why=_why(explanation))


def _why(explanation: Explanation) -> str:
    failing = explanation.first_failing
    if failing is not None:
        return f"{failing.clause}: {failing.reason}"
    texts = {"title": explanation.document.title, "body": explanation.document.body}
    held = dict.fromkeys(
        f'{one.clause} by "{texts[one.field][one.start : one.end]}"' if one.field in texts else one.clause
        for one in evidence_of(explanation.verdict)
    )
    return f"held by {', '.join(held)}" if held else f"{explanation.verdict.clause} holds"


def evidence_of(verdict: Verdict) -> tuple[Evidence, ...]:
    """Return what made a query hold: title before body, in reading order, each place and clause once."""
    order = {"title": 0, "body": 1}
    found = dict.fromkeys(_evidence_below(verdict))
    return tuple(sorted(found, key=lambda one: (order.get(one.field, 2), one.start, one.end)))


def _evidence_below(verdict: Verdict) -> Iterator[Evidence]:
    if verdict.holds and not isinstance(verdict.node, Not):
        yield from verdict.evidence
        for child in verdict.children:
            yield from _evidence_below(child)


def _first_failing(verdict: Verdict) -> Verdict | None:
    if verdict.holds:
        return None
    if isinstance(verdict.node, And):
        for child in verdict.children:
            if not child.holds:
                return _first_failing(child)
    return verdict


def _tree_lines(verdict: Verdict, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{'holds' if verdict.holds else 'fails'}  {verdict.clause}: {verdict.reason}"
    for child in verdict.children:
        yield from _tree_lines(child, depth + 1)


_COMMON: Final = frozenset(
    (
        *("a", "about", "after", "against", "an", "and", "are", "as", "at", "be", "been", "but", "by", "company"),
        *("court", "de", "for", "from", "has", "have", "in", "inc", "is", "it", "its", "la", "market", "motion"),
        *("new", "no", "not", "of", "on", "or", "order", "over", "s", "said", "says", "sec", "that", "the", "their"),
        *("this", "to", "u.s", "us", "v", "was", "which", "who", "will", "with", "$", "1", "2", "3", "10"),
    )
)
"""Words that so many documents have that a rule is better looked up by another of its words."""


def _commonness(atom: str) -> int:
    if atom.startswith("entity:"):
        return 2
    if atom.endswith("*"):
        return max(4, 40 // len(atom))
    if atom in _COMMON or not atom.isascii():
        return 30
    return 6 if len(atom) <= 3 else 3 if len(atom) <= 5 else 1


class _Index:
    """Which rules are worth looking at for a document: those of whose anchors it has one, and those without any."""

    def __init__(self, nodes: Sequence[Node], gazetteer: Gazetteer) -> None:
        demand = Counter(atom for node in nodes for atom in _anchors(node, gazetteer, Counter()) or ())
        self._always: list[int] = []
        words: defaultdict[str, list[int]] = defaultdict(list)
        prefixes: defaultdict[str, list[int]] = defaultdict(list)
        entities: defaultdict[str, list[int]] = defaultdict(list)
        for number, node in enumerate(nodes):
            anchors = _anchors(node, gazetteer, demand)
            if anchors is None:
                self._always.append(number)
                continue
            for atom in anchors:
                if atom.startswith("entity:"):
                    entities[atom.removeprefix("entity:")].append(number)
                elif atom.endswith("*"):
                    prefixes[atom.removesuffix("*")].append(number)
                else:
                    words[atom].append(number)
        self._words, self._prefixes, self._entities = dict(words), dict(prefixes), dict(entities)
        self._word_set = frozenset(words)
        self._prefix_lengths = sorted({len(prefix) for prefix in prefixes})

    def candidates(self, view: View) -> list[int]:
        """Return the numbers of the rules that may hold, in order; never leaves out one that does."""
        found = set(self._always)
        present = view.title.words | view.body.words
        for word in present & self._word_set:
            found.update(self._words[word])
        for length in self._prefix_lengths:
            for beginning in {word[:length] for word in present} & self._prefixes.keys():
                found.update(self._prefixes[beginning])
        if self._entities:
            for entity in self._mentioned(view):
                found.update(self._entities[entity])
        return sorted(found)

    def _mentioned(self, view: View) -> Collection[str]:
        try:
            return view.mentions.keys() & self._entities.keys()
        except Exception:
            # Every rule that asks for an entity is to meet the same error where it is reported.
            return self._entities.keys()


def _anchors(node: Node, gazetteer: Gazetteer, demand: Counter[str]) -> Anchors | None:
    """Return the anchors of a rule that the fewest documents will meet, the demand of other rules weighed in."""

    def cost(anchors: Anchors) -> tuple[int, list[str]]:
        return sum(_commonness(atom) * (1 + demand[atom]) for atom in anchors), sorted(anchors)

    return node.anchors(gazetteer, lambda choices: min(choices, key=cost))
