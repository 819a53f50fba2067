"""The examples that rules carry, run against the rules: the rules' own tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.model import Rule
from rules.percolate.book import RuleBook
from rules.percolate.explanation import Explanation, evidence_of


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


def run_examples(book: RuleBook) -> tuple[ExampleFailure, ...]:
    """Evaluate each rule on its own examples and return those that came out otherwise than written."""
    return tuple(failure for rule in book.rules for failure in _failures(book, rule))


def _failures(book: RuleBook, rule: Rule) -> Iterator[ExampleFailure]:
    for number, example in enumerate(rule.examples, start=1):
        try:
            explanation = book.explain(example.document, rule.id)
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
