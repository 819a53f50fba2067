"""Queries as people write them: a tree in one of its many spellings, and texts that are damaged here and there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from rules.language.mentions import EntityRef, EntityTag
from rules.language.proximity import Near
from rules.language.query import And, FragmentRef, Node, Not, Or, Scope, unparse
from rules.language.values import FieldTest
from rules.language.wording import Phrase, Sloppy, Spelling

Draw = Callable[[st.SearchStrategy[Any]], Any]

_BLANKS: Final = st.sampled_from((" ", " ", " ", "  ", "\n", "\t ", "\u00a0"))
_NO_BLANKS: Final = st.sampled_from(("", "", "", " ", "\n "))
_QUOTES: Final = st.sampled_from(('""', '""', "“”", "„“", "„”", '“"'))
_OFTEN: Final = st.sampled_from((True, True, False))
_SELDOM: Final = st.sampled_from((False, False, False, False, False, True))


def spelt(node: Node) -> st.SearchStrategy[str]:
    """Return the ways to write a tree: blanks, brackets that are not needed, joined words, other quotes and case."""
    return st.composite(lambda draw: _padded(draw, _spelt(draw, node, 1)))()


def _padded(draw: Draw, text: str) -> str:
    return f"{draw(_NO_BLANKS)}{text}{draw(_NO_BLANKS)}"


def _spelt(draw: Draw, node: Node, level: int) -> str:
    """Write a clause where only what binds at `level` or tighter needs no brackets."""
    text = _written(draw, node)
    while node.level < level or draw(_SELDOM):
        text, level = f"({_padded(draw, text)})", 0
    return text


def _written(draw: Draw, node: Node) -> str:
    if isinstance(node, And):
        return _joined(draw, "AND", [_spelt(draw, part, 3) for part in node.children])
    if isinstance(node, Or):
        return _joined(draw, "OR", [_spelt(draw, part, 2) for part in node.children])
    if isinstance(node, Near):
        sides = [_spelt(draw, node.left, 4), _spelt(draw, node.right, 5)]
        return _joined(draw, f"NEAR/{node.distance}", sides)
    if isinstance(node, Not):
        operator = "-" if draw(_OFTEN) else f"NOT{draw(_BLANKS)}"
        part = _spelt(draw, node.child, 3)
        return f"NOT {part}" if part.startswith("-") and operator == "-" else operator + part
    if isinstance(node, Scope):
        return f"{_cased(draw, node.name)}:{_spelt(draw, node.child, 5)}"
    return _leaf(draw, node)


def _joined(draw: Draw, operator: str, parts: list[str]) -> str:
    text = parts[0]
    for part in parts[1:]:
        if operator == "AND" and draw(_OFTEN):
            text += draw(_BLANKS) + part
        else:
            text += f"{draw(_BLANKS)}{operator}{draw(_BLANKS)}{part}"
    return text


def _cased(draw: Draw, name: str) -> str:
    return draw(st.sampled_from((name, name, name.upper(), name.capitalize())))


def _leaf(draw: Draw, node: Node) -> str:
    if isinstance(node, Phrase | Sloppy):
        text = _in_quotes(draw, node.text)
        return f"{text}~{node.distance}" if isinstance(node, Sloppy) else text
    if isinstance(node, Spelling) and node.edits == 1 and draw(_OFTEN):
        return f"{node.text}~"
    written = unparse(node)
    if isinstance(node, FieldTest | EntityRef | EntityTag | FragmentRef):
        name, _, value = written.partition(":")
        plain = value.rstrip("*") if isinstance(node, FieldTest) and node.prefix else value
        if '"' not in value and draw(_SELDOM):
            value = _in_quotes(draw, plain) + value[len(plain) :]
        return f"{_cased(draw, name)}:{value}"
    return written


def _in_quotes(draw: Draw, text: str) -> str:
    opening, closing = '""' if any(mark in text for mark in "“”") else draw(_QUOTES)
    return opening + text + closing


SIGNS: Final = (
    *"()-+*~^/\\:\"'“”„[]{}&|!?<>= \n.,@",
    *(" AND ", " OR ", " NOT ", " NEAR/3 ", " and ", "title:", "fragment:", "amount:", "published:", "a", "7", "~1"),
    *(
        "a b",
        " NEAR ",
        " w/5 ",
        "s",
        "É",
        "証",
        "'s",
        "AND-",
        "PRE5",
        "WITHIN",
        "OR/3",
        "amount:5 ",
        " million",
        " TO ",
    ),
)


def damaged(text: str) -> st.SearchStrategy[str]:
    """Return texts that differ from `text` in a few places: pieces left out, put in, or in each other's place."""
    places = st.integers(0, max(len(text) - 1, 0))
    edit = st.tuples(places, st.integers(0, 3), st.sampled_from(("", *SIGNS)))
    return st.lists(edit, min_size=1, max_size=3).map(lambda edits: _edited(text, edits))


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for place, removed, added in edits:
        text = text[:place] + added + text[place + removed :]
    return text
