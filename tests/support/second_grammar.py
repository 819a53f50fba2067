"""The query language once more, as a grammar for Lark: a second opinion on every text that `rules.language` reads.

It has its own way to cut a text into signs and shares only the clauses themselves, which check their own values.
It does not say what is wrong with a text, only that it is none.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final, cast

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError

from rules import amounts
from rules.language.mentions import EntityRef, EntityTag
from rules.language.parse import Names
from rules.language.proximity import Near
from rules.language.query import And, FragmentRef, Located, Node, Not, Or, Scope
from rules.language.ranges import Amount, DateTest
from rules.language.regex import Regex
from rules.language.values import Docket, FieldTest
from rules.language.wording import Phrase, Prefix, Sloppy, Spelling, Word
from rules.model import KINDS
from rules.words import tokenise

_GRAMMAR: Final = r"""
    start: any

    any: all (_OR all)*
    all: _opposite (_AND? _opposite)*
    _opposite: exclusion | closeness
    exclusion: (_NOT | _MINUS) _opposite
    closeness: _operand (NEAR _operand)*
    _operand: group | scope | _leaf
    group: "(" any ")"
    scope: TEXT_FIELD (group | _leaf)
    _leaf: word | prefix | spelling | phrase | sloppy | regex | value

    word: WORD
    prefix: PREFIX
    spelling: SPELLING
    phrase: PHRASE
    sloppy: SLOPPY
    regex: REGEX
    value: VALUE

    _AND: /AND(?=@END@)/
    _NOT: /NOT(?=@END@)/
    _OR: /OR(?=@END@)/
    _MINUS: /-(?=[^\s)-])/
    NEAR: /NEAR\/[0-9]{1,6}(?=@END@)/
    TEXT_FIELD: /(?i:title|body):(?=\S)/
    VALUE: /(?i:@FIELDS@):(?:"[^"]*"\*?|[“„‟][^“”"]*[“”"]\*?|[\[{][^\]}]*[\]}]?|[^\s()"“”„‟\[{][^\s()"“”„‟]*)/
    PHRASE: /(?:"[^"*\\]*"|[“„‟][^“”"*\\]*[“”"])(?![*^~])/
    SLOPPY: /(?:"[^"*\\]*"|[“„‟][^“”"*\\]*[“”"])~[0-9]{1,3}(?![0-9])/
    REGEX: /\/(?:[^\/\\\n]|\\.)+\/(?![a-z])/
    WORD: /@NO_SIGN@@LETTERS@(?=@END@)/
    PREFIX: /@NO_SIGN@@LETTERS@\*(?=@END@)/
    SPELLING: /@NO_SIGN@@LETTERS@~[0-9]*(?=@END@)/

    %ignore /\s+/
"""
_PIECES: Final = {
    "FIELDS": "source|kind|tag|lang|form|item|docket|court|agency|topic|entity|fragment|published|updated|amount",
    "END": r'[\s()"“”„‟]|\Z',
    "LETTERS": r'[^\s()"“”„‟*?~^\\\[\]{}=]+',
    # What a word cannot begin with, the operators of this language and of others, and fields.
    "NO_SIGN": r"(?![-+!'‘’`<>\/@:])(?![A-Za-z][A-Za-z_-]*:)(?!(?:AND|OR|NOT)-[^\s~])"
    r'(?!(?:(?i:and|or|not)|&&?|NEAR|NEAR\/[^\s()"“”„‟]*|(?i:near|w|pre|adj|within)\/[0-9]+'
    r'|(?:ADJ|PRE)[0-9]+|WITHIN[0-9]*|(?:AND|OR|NOT)\/[0-9]+)(?:[\s()"“”„‟]|\Z))',
}


def _grammar() -> str:
    text = _GRAMMAR
    for name, piece in _PIECES.items():
        text = text.replace(f"@{name}@", piece)
    return text


_READER: Final = Lark(_grammar(), parser="lalr", lexer="basic")
_STARRED: Final = {"source", "tag", "form", "item", "topic"}
_LETTERS_NEEDED: Final = {1: range(4, 41), 2: range(7, 41)}


class Refused(ValueError):
    """The text is no query."""


def _demand(condition: object) -> None:
    if not condition:
        raise Refused


class _Builder(Transformer[Token, Node]):
    """Makes the clauses of a parse."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def start(self, parts: list[Node]) -> Node:
        return parts[0]

    group = start

    def any(self, parts: list[Node]) -> Node:
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all(self, parts: list[Node]) -> Node:
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def exclusion(self, parts: list[Node]) -> Node:
        return Not(parts[0])

    def closeness(self, parts: list[Any]) -> Node:
        node, *rest = parts
        for operator, right in zip(rest[::2], rest[1::2], strict=True):
            distance = int(operator[len("NEAR/") :])
            _demand(1 <= distance <= 200 and _has_places(node) and _has_places(right))
            node = Near(node, right, distance)
        return cast(Node, node)

    def scope(self, parts: list[Any]) -> Node:
        _demand(not _asks_for_a_field(parts[1]))
        return Scope(parts[0][:-1].lower(), parts[1])

    def word(self, parts: list[Token]) -> Node:
        _demand(tokenise(parts[0]))
        return Word(str(parts[0]))

    def prefix(self, parts: list[Token]) -> Node:
        stem = parts[0][:-1]
        terms = tokenise(stem)
        _demand(terms and stem[-1].isalnum() and not re.search(r"['’‘]s$", stem, re.I))
        _demand(len(terms) > 1 or len(terms[0]) > 1 or not terms[0].isascii())
        return Prefix(stem)

    def spelling(self, parts: list[Token]) -> Node:
        word, _, edits = parts[0].partition("~")
        terms = tokenise(word)
        number = int(edits or "1") if len(edits) < 10 else 0
        _demand(len(terms) == 1 and terms[0].isalpha() and len(terms[0]) in _LETTERS_NEEDED.get(number, ()))
        return Spelling(word, number)

    def phrase(self, parts: list[Token]) -> Node:
        _demand(tokenise(parts[0][1:-1]))
        return Phrase(parts[0][1:-1])

    def sloppy(self, parts: list[Token]) -> Node:
        quoted, _, distance = parts[0].rpartition("~")
        _demand(2 <= len(tokenise(quoted[1:-1])) <= int(distance) + 1 <= 201)
        return Sloppy(quoted[1:-1], int(distance))

    def regex(self, parts: list[Token]) -> Node:
        return Regex(parts[0][1:-1].replace("\\/", "/"))

    def value(self, parts: list[Token]) -> Node:
        name, _, value = parts[0].partition(":")
        name, star = name.lower(), value.endswith("*")
        value = value.removesuffix("*") if star else value
        if value and value[0] in '"“„‟':
            value = value[1:-1]
        _demand(value.strip() and (not star or name in _STARRED))
        if name == "docket":
            return Docket(value)
        if name == "amount":
            return Amount(value)
        if name in ("published", "updated"):
            return DateTest(cast(Any, name), value)
        if name in ("entity", "fragment"):
            return self._name(name, value)
        known: dict[str, object] = {
            "kind": value in KINDS,
            "source": any(one.startswith(value) if star else one == value for one in self._names.sources or ()),
            "lang": re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*", value),
        }
        _demand(known.get(name, tokenise(value)))
        return FieldTest(cast(Any, name), value, star)

    def _name(self, name: str, value: str) -> Node:
        if name == "fragment":
            _demand(value in (self._names.fragments or {}))
            return FragmentRef(value, (self._names.fragments or {})[value])
        if value.startswith("@"):
            _demand(value[1:] in (self._names.tags or ()))
            return EntityTag(value[1:])
        _demand(value in (self._names.entities or ()))
        return EntityRef(value)


def _has_places(node: Node) -> bool:
    if isinstance(node, FragmentRef | Or):
        return all(map(_has_places, node.parts()))
    return isinstance(node, Located)


def _asks_for_a_field(node: Node) -> bool:
    return isinstance(node, Scope | FieldTest | DateTest | Docket) or any(map(_asks_for_a_field, node.parts()))


def _belongs_to_a_sum(word: str) -> bool:
    return word == "TO" or amounts.goes_on(word)


def read(query: str, names: Names) -> Node:
    """Return the tree of a query, all of whose names must be known; raise Refused if it is none."""
    try:
        _demand(not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", query))
        for sign, following in pairwise(_READER.lex(query)):
            asks_for_a_sum = sign.type == "VALUE" and sign.lower().startswith("amount:")
            _demand(not (asks_for_a_sum and following.type == "WORD" and _belongs_to_a_sum(following)))
        return _Builder(names).transform(_READER.parse(query))
    except (LarkError, ValueError) as error:
        raise Refused(str(error)) from error
