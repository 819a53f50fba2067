"""Query text to clauses: NOT binds before AND, AND before OR, and words side by side are joined by AND.

What the clauses mean is not here (see `query`), nor how text is cut into signs (see `lexer`). Every fault of a query
is found in one go where that is possible: after one, reading goes on as if the author had meant something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, cast

from rules import amounts, dockets
from rules.entities import Field
from rules.language.lexer import LONGEST_QUERY, Faults, Lexer, QueryFault, Sign, SignKind, near
from rules.language.mentions import EntityRef, EntityTag
from rules.language.proximity import Near, is_located
from rules.language.query import And, FragmentRef, Node, Not, Or, Scope
from rules.language.ranges import Amount, BadRange, DateTest
from rules.language.regex import BadPattern, Regex
from rules.language.values import STARRED, Docket, FieldTest, ValueField
from rules.language.wording import Phrase, Prefix, Sloppy, Spelling, Word
from rules.model import KINDS
from rules.words import tokenise

__all__ = ["InvalidQuery", "Names", "QueryFault", "parse"]

DEEPEST_NESTING: Final = 50
MOST_CLAUSES: Final = 5_000
"""In one query, those of its fragments included; fragments that use fragments double with each step."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a query may refer to; None leaves such references unchecked."""

    entities: Collection[str] | None = None
    tags: Collection[str] | None = None
    sources: Collection[str] | None = None
    fragments: Mapping[str, Node] | None = None
    """Name -> what it stands for; None where there are no fragments."""


class InvalidQuery(ValueError):
    """A query with at least one fault; `faults` has them in the order of their places."""

    def __init__(self, query: str, faults: tuple[QueryFault, ...]) -> None:
        super().__init__("\n".join(fault.render(query) for fault in faults))
        self.query = query
        self.faults = faults


def parse(query: str, names: Names | None = None) -> Node:
    """Return the tree of a query; raise InvalidQuery with every fault it has."""
    faults = Faults(query)
    node = _read(query, names or Names(), faults)
    if node is not None and not faults and is_larger(node, MOST_CLAUSES):
        faults.add(0, len(query), f"this query has more than {MOST_CLAUSES} clauses, those of its fragments included")
    if node is None or faults:
        raise InvalidQuery(query, faults.sorted())
    return node


def _read(query: str, names: Names, faults: Faults) -> Node | None:
    if len(query) > LONGEST_QUERY:
        faults.add(
            0, 1, f"this query has {len(query)} characters; at most {LONGEST_QUERY} are read, make two rules of it"
        )
        return None
    if control := _CONTROL.search(query):
        message = "there is a control character here; a query with a backslash stands in single quotes in TOML"
        faults.add(control.start(), control.end(), message)
        return None
    signs = Lexer(query, faults).signs()
    if len(signs) == 1:
        faults.add(0, 1, "this query is empty")
        return None
    if _is_too_deep(signs, faults):
        return None
    return _Parser(signs, names, faults).query()


def _is_too_deep(signs: tuple[Sign, ...], faults: Faults) -> bool:
    """Whether brackets and NOTs nest so deep that reading them could exhaust the stack."""
    depth = run = nears = 0
    for sign in signs:
        nears += sign.kind == "near"
        if nears > DEEPEST_NESTING:
            faults.add(sign.start, sign.end, f"a query takes {DEEPEST_NESTING} NEARs at most")
            return True
        depth += (sign.kind == "(") - (sign.kind == ")" and depth > 0)
        run = run + 1 if sign.kind in ("not", "(", "field") else 0
        if depth > DEEPEST_NESTING or run > 2 * DEEPEST_NESTING:
            faults.add(sign.start, sign.end, f"brackets and NOTs nest more than {DEEPEST_NESTING} deep here")
            return True
    return False


_JOINING: Final = ("and", "or", "near", ")", "end")
"""Signs before which an operand is missing."""
_NOTHING: Final = Word("nothing")
"""Stands where an operand was refused; never leaves the parser, since a fault was recorded with it."""


class _Parser:
    """Reads the signs of one query by precedence climbing."""

    def __init__(self, signs: tuple[Sign, ...], names: Names, faults: Faults) -> None:
        self._signs = signs
        self._names = names
        self._faults = faults
        self._at = 0
        self._scope: Sign | None = None

    @property
    def _sign(self) -> Sign:
        return self._signs[self._at]

    def query(self) -> Node:
        """Return the tree of all signs."""
        node = self._any()
        while stray := self._take(")"):
            self._blame(stray, "this closing bracket was never opened")
            self._any()
        return node

    def _blame(self, sign: Sign, message: str, suggestion: str | None = None) -> None:
        self._faults.add(sign.start, sign.end, message, suggestion)

    def _take(self, kind: SignKind) -> Sign | None:
        sign = self._sign
        if sign.kind != kind:
            return None
        self._at += 1
        return sign

    def _any(self) -> Node:
        parts = [self._all()]
        while operator := self._take("or"):
            parts.append(self._right_of(operator, "OR", self._all))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Node:
        parts = [self._negation()]
        while self._sign.kind not in ("or", ")", "end"):
            operator = self._take("and")
            parts.append(self._right_of(operator, "AND", self._negation) if operator else self._negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _right_of(self, operator: Sign, name: str, read: Callable[[], Node]) -> Node:
        if self._sign.kind in _JOINING:
            self._blame(operator, f"there is nothing to the right of this {name} for it to join")
            return _NOTHING
        return read()

    def _negation(self) -> Node:
        operator = self._take("not")
        if operator is None:
            return self._proximity()
        if self._sign.kind in _JOINING:
            self._blame(operator, "there is nothing after this NOT for it to exclude")
            return _NOTHING
        return Not(self._negation())

    def _proximity(self) -> Node:
        start, node = self._sign, self._operand()
        while operator := self._take("near"):
            right_start = self._sign
            right = self._right_of(operator, "NEAR", self._operand)
            for side, first in ((node, start), (right, right_start)):
                if not is_located(side):
                    self._blame_operand(side, first)
            node = Near(node, right, operator.number)
        return node

    def _blame_operand(self, node: Node, first: Sign) -> None:
        if isinstance(node, Scope):
            advice = f"; write {node.name}:(... NEAR/8 ...)"
        elif isinstance(node, And | Not):
            advice = "; inside its brackets only OR may stand"
        else:
            advice = ""
        self._blame(first, f"NEAR joins words, phrases, entities and groups of them with OR{advice}")

    def _operand(self) -> Node:
        sign = self._sign
        if sign.kind in ("and", "or", "near", "not"):
            return self._misplaced(sign)
        if sign.kind in (")", "end"):
            return _NOTHING
        self._at += 1
        if sign.kind == "(":
            return self._group(sign)
        if sign.kind == "field":
            return self._scoped(sign)
        if sign.kind == "value":
            return self._value(sign)
        return self._wording(sign)

    def _misplaced(self, operator: Sign) -> Node:
        if operator.kind == "not":
            message = "a NOT cannot stand beside NEAR; write a NEAR/8 b NOT c, or NOT (a NEAR/8 b)"
            self._blame(operator, message)
            return self._negation()
        self._at += 1
        self._blame(operator, f"there is nothing to the left of this {operator.kind.upper()} for it to join")
        return _NOTHING if self._sign.kind in _JOINING else self._negation()

    def _wording(self, sign: Sign) -> Node:
        read: Mapping[SignKind, Callable[[], Node]] = {
            "word": lambda: Word(sign.text),
            "phrase": lambda: Phrase(sign.text),
            "prefix": lambda: Prefix(sign.text),
            "spelling": lambda: Spelling(sign.text, sign.number),
            "sloppy": lambda: Sloppy(sign.text, sign.number),
            "regex": lambda: Regex(sign.text),
        }
        try:
            return read[sign.kind]() if sign.kind in read else _NOTHING
        except BadPattern as refused:
            self._blame(sign, str(refused))
            return _NOTHING

    def _group(self, opening: Sign) -> Node:
        if closing := self._take(")"):
            self._faults.add(opening.start, closing.end, "there is nothing between these brackets")
            return _NOTHING
        node = self._any()
        if not self._take(")"):
            self._blame(opening, "this bracket is never closed")
        return node

    def _scoped(self, field: Sign) -> Node:
        if self._scope is not None:
            self._blame(field, f"{field.text}: cannot stand inside {self._scope.text}:")
        if self._sign.start != field.end or self._sign.kind in (*_JOINING, "not", "field"):
            self._blame(field, f"{field.text}: needs a word, a phrase or a group in brackets right after the colon")
            if self._sign.start == field.end and self._sign.kind == "field":
                self._at += 1
            return _NOTHING
        outer, self._scope = self._scope, field
        node = self._operand()
        self._scope = outer
        return Scope(cast(Field, field.text), node)

    def _value(self, sign: Sign) -> Node:
        if sign.text == "entity":
            return self._entity(sign)
        if sign.text == "fragment":
            return self._fragment(sign)
        if self._scope is not None and sign.text != "amount":
            self._blame(
                sign, f"{sign.text}: is no part of the {self._scope.text}; write it outside {self._scope.text}:"
            )
        if sign.star and sign.text not in STARRED:
            self._blame(sign, f"{sign.text}: takes a whole value; only {_listed(STARRED)} may end in *")
            return _NOTHING
        if sign.text == "docket":
            return self._docket(sign)
        if sign.text in ("published", "updated", "amount"):
            return self._range(sign)
        self._check_value(sign)
        return FieldTest(cast(ValueField, sign.text), sign.value, sign.star)

    def _check_value(self, sign: Sign) -> None:
        if sign.text == "source":
            self._check_source(sign)
        elif sign.text == "kind" and sign.value not in KINDS:
            self._blame(
                sign, f'there is no kind "{sign.value}"; kinds are {", ".join(KINDS)}', near(sign.value, KINDS)
            )
        elif sign.text == "lang" and not _LANGUAGE.fullmatch(sign.value):
            self._blame(sign, f'"{sign.value}" is not a language code such as en or pt-BR')
        elif sign.text != "lang" and not tokenise(sign.value):
            self._blame(sign, f'the {sign.text} "{sign.value}" has no letter or digit')

    def _docket(self, sign: Sign) -> Node:
        if dockets.read(sign.value) is None:
            self._blame(sign, f'"{sign.value}" is not a docket number such as 1:23-cv-01599 or "dcd 1:23-cv-01599"')
            return _NOTHING
        return Docket(sign.value)

    def _range(self, sign: Sign) -> Node:
        following = self._sign
        if following.kind == "word" and sign.text == "amount" and (said := _apart(sign.value, following.text)):
            self._faults.add(sign.start, following.end, said)
            self._at += 1
            return _NOTHING
        try:
            if sign.text == "amount":
                return Amount(sign.value)
            return DateTest(cast(Literal["published", "updated"], sign.text), sign.value)
        except BadRange as refused:
            self._blame(sign, f"{sign.text}: {refused}")
        return _NOTHING

    def _fragment(self, sign: Sign) -> Node:
        known = self._names.fragments or {}
        if sign.star or sign.value not in known:
            meant = near(sign.value, known)
            there = "there is no [[fragment]]" if known else "there is no [[fragment]] at all, so none"
            self._blame(sign, f'{there} with the id "{sign.value}"', f"fragment:{meant}" if meant else None)
            return _NOTHING
        child = known[sign.value]
        if is_larger(child, MOST_CLAUSES):
            self._blame(sign, f"fragment:{sign.value} stands for more than {MOST_CLAUSES} clauses; make it smaller")
            return _NOTHING
        if self._scope is not None and any(isinstance(part, _WHOLE) for part in walk(child)):
            message = f"fragment:{sign.value} asks for a field, so it cannot stand inside {self._scope.text}:"
            self._blame(sign, message)
        if depth(child) > DEEPEST_NESTING:
            self._blame(sign, f"fragment:{sign.value} and what it uses nest more than {DEEPEST_NESTING} deep")
            return _NOTHING
        return FragmentRef(sign.value, child)

    def _check_source(self, sign: Sign) -> None:
        sources = self._names.sources
        if sources is None:
            return
        if sign.star and not any(source.startswith(sign.value) for source in sources):
            self._blame(sign, f'no source has an id that begins with "{sign.value}"', near(sign.value, sources))
        elif not sign.star and sign.value not in sources:
            self._blame(sign, f'there is no source "{sign.value}"', near(sign.value, sources))

    def _entity(self, sign: Sign) -> Node:
        name, entities, tags = sign.value, self._names.entities, self._names.tags
        if sign.star:
            self._blame(sign, "entity: takes a whole id; give the entities a tag and write entity:@tag")
        elif name == "@":
            self._blame(sign, "there is no tag after the @")
        elif name.startswith("@") and tags is not None and name[1:] not in tags:
            meant = near(name[1:], tags)
            self._blame(sign, f'no entity has the tag "{name[1:]}"', f"entity:@{meant}" if meant else None)
        elif not name.startswith("@") and entities is not None and name not in entities:
            meant = near(name, entities)
            self._blame(sign, f'there is no entity with the id "{name}"', f"entity:{meant}" if meant else None)
        return EntityTag(name[1:]) if name.startswith("@") else EntityRef(name)


def _apart(value: str, word: str) -> str | None:
    """Say what is wrong where a sum goes on in the word behind it; None where it does not."""
    if word == "TO":
        return f"a range stands in brackets: amount:[{value} TO ...]"
    if not amounts.goes_on(word):
        return None
    sign = value[: len(value) - len(value.lstrip("<>="))]
    code = amounts.CURRENCIES.get(word.lower())
    meant = f"{sign}{code}{value[len(sign) :]}" if code else f"{value}{word}"
    return f'a sum is written without blanks: amount:{meant}; put "{word}" in quotes if you mean the word'


_WHOLE: Final = (Scope, FieldTest, DateTest, Docket)
"""Clauses that ask for a field of their own."""


def walk(node: Node) -> Iterator[Node]:
    """Yield a clause and all clauses below it, each before its parts."""
    yield node
    for part in node.parts():
        yield from walk(part)


def is_larger(node: Node, most: int) -> bool:
    """Whether a clause is made of more than `most` clauses; looks no further than that."""
    return next(islice(walk(node), most, None), None) is not None


def depth(node: Node) -> int:
    """Return how many clauses stand inside one another."""
    return 1 + max(map(depth, node.parts()), default=0)


def _listed(fields: Collection[str]) -> str:
    *most, last = (f"{name}:" for name in fields)
    return f"{', '.join(most)} and {last}"
