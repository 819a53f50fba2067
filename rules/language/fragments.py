"""Pieces of queries that rules share by name, read in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rules.language.lexer import Faults, Lexer, QueryFault, Sign
from rules.language.parse import DEEPEST_NESTING, InvalidQuery, Names, parse
from rules.language.query import Node
from rules.language.wording import Word
from rules.model import Fragment

_UNREADABLE: Final = Word("unreadable")
"""Stands for a faulty fragment, so that the rules that use it are not blamed too."""


def read_fragments(
    fragments: Sequence[Fragment], names: Names
) -> tuple[dict[str, Node], tuple[tuple[str, QueryFault], ...]]:
    """Return what each fragment stands for, and (id, fault) for all that is wrong with them."""
    reading = _Reading({fragment.id: fragment for fragment in fragments}, names)
    for fragment in fragments:
        reading.read(fragment.id, ())
    faults = [(fragment.id, fault) for fragment in fragments for fault in reading.faults.get(fragment.id, ())]
    return reading.nodes, tuple(faults)


class _Reading:
    def __init__(self, fragments: Mapping[str, Fragment], names: Names) -> None:
        self._fragments = fragments
        self._names = names
        self.nodes: dict[str, Node] = {}
        self.faults: dict[str, tuple[QueryFault, ...]] = {}

    def read(self, name: str, above: tuple[str, ...]) -> None:
        """Read a fragment after those that it refers to; `above` are those that wait for it."""
        if name in self.nodes:
            return
        when = self._fragments[name].when
        for reference in _references(when):
            other = reference.value
            if other in (*above, name):
                way = (*above[above.index(other) :], name, other) if other in above else (name, other)
                self._refuse(name, reference, f"a fragment cannot use itself: {' -> '.join(way)}")
                return
            if other not in self._fragments:
                continue
            if len(above) > 2 * DEEPEST_NESTING:
                self._refuse(name, reference, f"fragments nest more than {DEEPEST_NESTING} deep here")
                return
            self.read(other, (*above, name))
        known = {**dict.fromkeys(self._fragments, _UNREADABLE), **self.nodes}
        try:
            self.nodes[name] = parse(when, replace(self._names, fragments=known))
        except InvalidQuery as invalid:
            self.faults[name] = invalid.faults
            self.nodes[name] = _UNREADABLE

    def _refuse(self, name: str, reference: Sign, message: str) -> None:
        faults = Faults(self._fragments[name].when)
        faults.add(reference.start, reference.end, message)
        self.faults[name] = faults.sorted()
        self.nodes[name] = _UNREADABLE


def _references(query: str) -> Iterator[Sign]:
    """Yield the signs of a query that name another fragment."""
    signs = Lexer(query, Faults(query)).signs()
    return (sign for sign in signs if sign.kind == "value" and sign.text == "fragment" and not sign.star)
