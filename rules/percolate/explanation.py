"""Why a rule holds for a document or does not: its verdict for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.language.query import And, FragmentRef, Not, Verdict
from rules.model import Document, Evidence, Rule


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
        return first_failing(self.verdict)

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


def first_failing(verdict: Verdict) -> Verdict | None:
    """Return the first clause, in the author's order, that keeps a query from holding; None if it holds."""
    if verdict.holds:
        return None
    if isinstance(verdict.node, And):
        for child in verdict.children:
            if not child.holds:
                return first_failing(child)
    if isinstance(verdict.node, FragmentRef):
        return first_failing(verdict.children[0])
    return verdict


def _tree_lines(verdict: Verdict, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{'holds' if verdict.holds else 'fails'}  {verdict.clause}: {verdict.reason}"
    for child in verdict.children:
        yield from _tree_lines(child, depth + 1)
