"""Drawn rules against drawn documents: what a book finds by its index, and what every rule says when asked in full.

`python tests/rules/oracle_run.py --pairs 100000 --seed 1 [--mutant NAME]`. A pair is one rule and one document. The
exit code is 0 if there is no difference: `match` equals `match_all`, `firing` names the same rules, and a book made
by a chain of edits from others equals one made anew, also while threads read the books that are replaced.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from book_mutants import MUTANTS  # noqa: E402
from queries import ENTITIES, FRAGMENTS, MOMENTS, SOURCES  # noqa: E402
from random_queries import Drawer  # noqa: E402

from rules.model import Document, Rule  # noqa: E402
from rules.percolate import RuleBook, compile_rules  # noqa: E402

RULES: Final = 40
"""In one book."""
DOCUMENTS: Final = 12
"""Asked of each book, half of them such as rules were made from."""
EDITS: Final = 2
"""Books that are made from one, each from the one before it."""
CHANGES: Final = 12
THREADS: Final = 3
SHOWN: Final = 5
Question = tuple[Document, datetime | None]


class Found(Exception):
    """There is a difference, which is enough."""


@dataclass(slots=True, kw_only=True)
class Result:
    """What a run came to."""

    seed: int
    pairs: int = 0
    held: int = 0
    books: int = 0
    edited: int = 0
    only_first: bool = False
    """Raise Found at the first difference."""
    found_at: int | None = None
    """The number of pairs at which the first difference was seen."""
    differences: list[str] = field(default_factory=list)

    def differ(self, what: str) -> None:
        """Note a difference."""
        if self.found_at is None:
            self.found_at = self.pairs
        self.differences.append(what)
        if self.only_first:
            raise Found

    def lines(self) -> list[str]:
        """Say all of it."""
        return [
            f"seed {self.seed}: {self.pairs} pairs, {self.held} of them held, {len(self.differences)} differences",
            f"books {self.books}, of which {self.edited} made from another one",
            *([f"the first difference after {self.found_at} pairs"] if self.differences else []),
            *(f"DIFFERENCE: {what}" for what in self.differences[:SHOWN]),
        ]


class OracleRun:
    """Draws and compares until enough pairs are seen."""

    def __init__(self, seed: int, *, stop_at_difference: bool = False) -> None:
        self.result = Result(seed=seed, only_first=stop_at_difference)
        self._draw = Drawer(seed)
        self._drawn = 0

    def run(self, pairs: int) -> Result:
        """Compare at least so many pairs, or until there is a difference when that is enough; a defect ends it."""
        with suppress(Found):
            while self.result.pairs < pairs:
                try:
                    self._chain()
                except Exception as error:
                    if not isinstance(error, Found):
                        self.result.differ(f"{type(error).__name__}: {error}")
                    break
        return self.result

    def _chain(self) -> None:
        """Make a book and others from it, and ask all of them."""
        rules = [self._rule() for _ in range(RULES)]
        book = _compiled(rules)
        self._compare(book, self._questions())
        for _ in range(EDITS):
            rules = list(self._edited(rules))
            edited = _compiled(rules, book)
            questions = self._questions()
            self._compare(edited, questions)
            self._compare_books(edited, _compiled(rules), questions)
            self.result.edited += 1
            before, book = book, edited
        self._read_while_replaced(before, book, questions)

    def _rule(self) -> Rule:
        self._drawn += 1
        return self._draw.rule(f"r{self._drawn}")

    def _questions(self) -> list[Question]:
        known = self._draw.sources[-(DOCUMENTS // 2) :]
        new = [self._draw.document() for _ in range(DOCUMENTS - len(known))]
        return [(document, self._now()) for document in (*known, *new)]

    def _now(self) -> datetime | None:
        return (None, *MOMENTS)[self._draw.below(len(MOMENTS) + 1)]

    def _edited(self, rules: Sequence[Rule]) -> Iterator[Rule]:
        """Yield the rules after a change of some of them: gone, other, new, with another title."""
        changed = {rules[self._draw.below(len(rules))].id: self._draw.below(4) for _ in range(CHANGES)}
        for rule in rules:
            match changed.get(rule.id):
                case 0:
                    pass
                case 1:
                    yield self._draw.rule(rule.id)
                case 2:
                    yield replace(rule, title=f"{rule.title}!")
                case 3:
                    yield self._rule()
                    yield rule
                case _:
                    yield rule

    def _compare(self, book: RuleBook, questions: Sequence[Question]) -> None:
        self.result.books += 1
        for document, now in questions:
            everything = book.match_all(document, now)
            ids = [match.rule.id for match in everything[0]]
            self._same("match and match_all", book.match(document, now), everything, book, document, now)
            firing, _ = book.firing(document, now)
            self._same("firing and match_all", [rule.id for rule in firing], ids, book, document, now)
            self.result.pairs += len(book.rules)
            self.result.held += len(ids)
            for fault in everything[1]:
                self.result.differ(f"{fault.rule} cannot be evaluated: {fault.reason}")

    def _compare_books(self, edited: RuleBook, anew: RuleBook, questions: Sequence[Question]) -> None:
        for document, now in questions:
            answer, other = edited.match(document, now), anew.match(document, now)
            self._same("an edited book and a new one", answer, other, edited, document, now)

    def _read_while_replaced(self, old: RuleBook, new: RuleBook, questions: Sequence[Question]) -> None:
        """Ask both books from several threads, while others are made from them."""
        wanted = [[book.match_all(*question) for question in questions] for book in (old, new)]

        def ask(shift: int) -> list[int]:
            wrong = []
            for number in islice(cycle(range(len(questions))), shift, shift + len(questions)):
                for book, answers in zip((old, new), wanted, strict=True):
                    if book.match(*questions[number]) != answers[number]:
                        wrong.append(number)
            return wrong

        with ThreadPoolExecutor(THREADS) as threads:
            asked = [threads.submit(ask, shift * 7 % len(questions)) for shift in range(THREADS)]
            remade = _compiled(new.rules, _compiled(old.rules[1:], new))
        for answers in asked:
            for number in answers.result():
                self.result.differ(f"a thread read otherwise: {questions[number]}")
        self._compare_books(remade, new, questions)

    def _same(
        self, what: str, one: object, other: object, book: RuleBook, document: Document, now: datetime | None
    ) -> None:
        if one != other:
            rules = "; ".join(f"{rule.id}: {rule.when}" for rule in book.rules if _differs(rule.id, one, other))
            self.result.differ(f"{what} about {document}, now {now}: {rules or (one, other)}")


def _compiled(rules: Sequence[Rule], before: RuleBook | None = None) -> RuleBook:
    return compile_rules(rules, ENTITIES, SOURCES, fragments=FRAGMENTS, before=before)


def _differs(rule_id: str, one: object, other: object) -> bool:
    return (f"'{rule_id}'" in repr(one)) != (f"'{rule_id}'" in repr(other))


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__ and __doc__.splitlines()[0])
    words.add_argument("--pairs", type=int, default=100_000)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--mutant", choices=MUTANTS, help="sow this bug, of tests/support/book_mutants.py, first")
    asked = words.parse_args()
    if asked.mutant:
        MUTANTS[asked.mutant](setattr)
    result = OracleRun(asked.seed, stop_at_difference=asked.mutant is not None).run(asked.pairs)
    print("\n".join(result.lines()))
    return 1 if result.differences else 0


if __name__ == "__main__":
    sys.exit(main())
