"""Rules and documents drawn by a seed from the tables of `queries`, for harnesses that compare very many of them.

Hypothesis makes better examples, and shrinks them; this makes a thousand times as many in the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from own_words import CHARACTERS, TRICKY_WORDS, clauses_of, pattern_of, readable
from queries import (
    DISTANCES,
    FACTS,
    LANGUAGES,
    LOCATED,
    MISSPELLED,
    MOMENTS,
    PIECES,
    REGEX_ENDS,
    REGEX_PIECES,
    REGEX_WRAPS,
    REGEXES,
    SEPARATORS,
    SOURCES,
    TAGS,
    VALUES,
    WORDING,
    is_usable,
    joined,
    misspelt,
)

from rules.language.proximity import Near
from rules.language.query import And, Node, Not, Or, Scope, unparse
from rules.language.regex import Regex
from rules.model import KINDS, Document, Rule
from rules.words import Text


class Drawer:
    """Draws by one source of chance, so that a seed stands for all that was drawn."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._drawn: list[Document] = []
        self.sources: list[Document] = []
        """The documents whose own words were made into rules, the last ones last."""

    def below(self, count: int) -> int:
        """Draw a number from 0 up to, not including, `count`."""
        return self._chance.randrange(count)

    def rule(self, rule_id: str) -> Rule:
        """Draw a rule: from the tables or, now and then, one that a document drawn before ought to meet."""
        if self._drawn and self._chance.random() < 0.25 and (found := self._met(self._chance.choice(self._drawn))):
            return Rule(id=rule_id, when=found)
        return Rule(id=rule_id, when=unparse(self.node(self._chance.choice((1, 1, 1, 1, 2, 2, 3, 5, 8)))))

    def _met(self, document: Document) -> str | None:
        text = Text(self._chance.choice((document.title, document.body)))
        tokens = self._chance.choice((text.tokens, text.skeleton or text.tokens))
        if not tokens:
            return None
        first = self._chance.randrange(len(tokens))
        clauses = [*clauses_of(tokens[first : first + self._chance.choice((1, 1, 2, 3))])]
        place = self._chance.randrange(len(text.folded))
        pattern = pattern_of(text.folded[place : place + self._chance.randint(3, 12)])
        clauses += [] if pattern is None else [pattern]
        written = [one for one in map(unparse, clauses) if readable(one)]
        self.sources += [document] if written else []
        return self._chance.choice(written or [None])

    def node(self, leaves: int) -> Node:
        """Draw a query of about so many leaves, with fields of its own and parts of one field."""
        if leaves > 1 and self._chance.random() < 0.9:
            return self._combined(leaves, self.node)
        draw = self._chance.random()
        if draw < 0.25:
            return self._chance.choice(VALUES)
        if draw < 0.4:
            return Scope(self._chance.choice(("title", "body")), self.wording(leaves))
        return self.wording(leaves)

    def wording(self, leaves: int) -> Node:
        """Draw a query that reads one text only."""
        if leaves > 1:
            return self._combined(leaves, self.wording)
        draw = self._chance.random()
        if draw < 0.5:
            return self._chance.choice(WORDING)
        if draw < 0.7:
            return Near(self._operand(2), self._operand(2), self._chance.choice(DISTANCES))
        return Regex(self._chance.choice(REGEXES) if draw < 0.87 else self.pattern())

    def _combined(self, leaves: int, draw: Callable[[int], Node]) -> Node:
        kind = self._chance.random()
        if kind < 0.15:
            return Not(draw(leaves - 1))
        count = min(leaves, self._chance.choice((2, 2, 3, 4)))
        parts = tuple(draw(max(1, leaves // count)) for _ in range(count))
        return And(parts) if kind < 0.55 else Or(parts)

    def _operand(self, depth: int) -> Node:
        draw = self._chance.random() if depth else 0.0
        if draw < 0.65:
            return self._chance.choice(LOCATED)
        left, right = self._operand(depth - 1), self._operand(depth - 1)
        return Or((left, right)) if draw < 0.85 else Near(left, right, self._chance.choice(DISTANCES))

    def pattern(self) -> str:
        """Draw a regular expression that the language takes."""
        while not is_usable(pattern := self._branch(2)):
            pass
        return pattern

    def _branch(self, depth: int) -> str:
        return "".join(self._element(depth) for _ in range(self._chance.randint(1, 4)))

    def _element(self, depth: int) -> str:
        chance = self._chance
        if depth == 0 or chance.random() < 0.6:
            return chance.choice(REGEX_PIECES) + chance.choice(REGEX_ENDS)
        branches = "|".join(self._branch(depth - 1) for _ in range(chance.randint(1, 3)))
        return chance.choice(REGEX_WRAPS).format(f"(?:{branches})")

    def document(self) -> Document:
        """Draw a document."""
        chance = self._chance
        document = Document(
            source=chance.choice(SOURCES),
            kind=chance.choice(KINDS),
            title=self._text(8),
            body=self._text(25),
            published=chance.choice((None, *MOMENTS)),
            updated=chance.choice((None, *MOMENTS)),
            lang=chance.choice(LANGUAGES),
            tags=tuple(chance.choice(TAGS) for _ in range(chance.randint(0, 2))),
            facts=tuple(chance.choice(FACTS) for _ in range(chance.randint(0, 3))),
        )
        self._drawn = [*self._drawn[-100:], document]
        return document

    def _text(self, most: int) -> str:
        chance = self._chance
        pairs = [(self._piece(), chance.choice(SEPARATORS)) for _ in range(chance.randint(0, most))]
        return joined(pairs, markup=chance.random() < 0.3)

    def _piece(self) -> str:
        chance = self._chance
        draw = chance.random()
        if draw < 0.7:
            return chance.choice(PIECES)
        if draw < 0.8:
            return chance.choice(TRICKY_WORDS)
        if draw < 0.85:
            return "".join(chance.choice(CHARACTERS) for _ in range(chance.randint(1, 8)))
        word = misspelt(chance.choice(MISSPELLED), chance.randrange(10), chance.randrange(8))
        return misspelt(word, chance.randrange(10), chance.randrange(8)) if chance.random() < 0.5 else word
