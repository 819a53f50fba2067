"""A query as alternatives, each a list of demands that must all be met: the form in which queries are compared.

A demand is met by any one of its claims; a claim is a clause that looks at a document, asked for or excluded. Queries
with too many alternatives are not brought into this form: nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final, TypeVar

from rules.entities import Field
from rules.language.query import ANYWHERE, And, FragmentRef, Node, Not, Or, Scope, scoped

T = TypeVar("T")

MOST: Final = 256
"""Alternatives of one query."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A clause that looks at a document: where it looks, and whether it must hold or must not."""

    node: Node
    fields: tuple[Field, ...] = ANYWHERE
    asked: bool = True

    def written(self) -> str:
        """Return the claim as its author would write it."""
        clause = scoped(self.node, self.fields)
        return clause if self.asked else f"NOT {clause}"


Demand = tuple[Claim, ...]
Alternative = tuple[Demand, ...]


class TooLarge(ValueError):
    """A query with more alternatives than are looked at."""


def alternatives(node: Node, *, negated: bool = False) -> tuple[Alternative, ...]:
    """Return the alternatives of a query, or of its opposite.

    Raises:
        TooLarge: there are more than MOST.
    """
    return tuple(_read(node, ANYWHERE, not negated))


def written(demand: Demand) -> str:
    """Return a demand as its author would write it."""
    return " OR ".join(claim.written() for claim in demand)


def _read(node: Node, fields: tuple[Field, ...], asked: bool) -> list[Alternative]:
    if isinstance(node, Not):
        return _read(node.child, fields, not asked)
    if isinstance(node, Scope):
        return _read(node.child, (node.name,), asked)
    if isinstance(node, FragmentRef):
        return _read(node.child, fields, asked)
    if isinstance(node, And | Or):
        parts = [_read(child, fields, asked) for child in node.children]
        return _all(parts) if isinstance(node, And) == asked else _any(parts)
    return [((Claim(node, fields, asked),),)]


def _all(parts: Sequence[list[Alternative]]) -> list[Alternative]:
    if prod(map(len, parts)) > MOST:
        raise TooLarge
    return [tuple(_distinct(demand for one in chosen for demand in one)) for chosen in product(*parts)]


def _any(parts: Sequence[list[Alternative]]) -> list[Alternative]:
    """Join parts of a single demand into one demand, so that a long list of synonyms is one alternative."""
    single = [part[0][0] for part in parts if len(part) == 1 and len(part[0]) == 1]
    joined: list[Alternative] = (
        [(tuple(_distinct(claim for demand in single for claim in demand)),)] if single else []
    )
    others = [one for part in parts if len(part) != 1 or len(part[0]) != 1 for one in part]
    if len(joined) + len(others) > MOST:
        raise TooLarge
    return joined + others


def _distinct(found: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(found))
