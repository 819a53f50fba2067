"""The clauses that compare a value of the document: source, kind, tag, language, and what the source states."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from rules import dockets
from rules.entities import Field, Gazetteer, View
from rules.language import atoms
from rules.language.query import MOST_EVIDENCE, Chooser, Located, Node, Verdict, Way, needs, quoted, scoped, where
from rules.model import Evidence
from rules.text import fold
from rules.words import Hit, first_hits

ValueField = Literal["source", "kind", "tag", "lang", "form", "item", "court", "agency", "topic"]
FOLDED: Final = ("tag", "form", "item", "court", "agency", "topic")
"""Fields in which case and width do not count."""
STARRED: Final = ("source", "tag", "form", "item", "topic")
"""Fields of which only the beginning may be given, with a star."""


@dataclass(frozen=True, slots=True)
class FieldTest(Node):
    """A value of the document is this one or, with `prefix`, begins so: `source:sec-*`, `form:8-K`."""

    name: ValueField
    value: str
    prefix: bool = False

    def _agrees(self, value: str) -> bool:
        if self.name == "lang":
            wanted, value = self.value.lower().replace("_", "-"), value.lower().replace("_", "-")
            return value == wanted or value.startswith(wanted + "-")
        if self.name in FOLDED:
            wanted, value = fold(self.value), fold(value)
        else:
            wanted = self.value
        return value.startswith(wanted) if self.prefix else value == wanted

    def values(self, view: View) -> tuple[str, ...]:
        """Return what the document has in this field."""
        document = view.document
        if self.name == "tag":
            return document.tags
        if self.name in ("source", "kind", "lang"):
            value = {"source": document.source, "kind": document.kind, "lang": document.lang}[self.name]
            return () if value is None else (value,)
        return tuple(held for name, held in document.facts if name == self.name)

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return any(map(self._agrees, self.values(view)))

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        values = self.values(view)
        holds = self.holds(view, fields)
        reason = f"{self.name} is {', '.join(values[:MOST_EVIDENCE])}" if values else f"it has no {self.name}"
        return Verdict(node=self, clause=self.written(), holds=holds, reason=reason, evidence=stated(self, holds))

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        wanted = self.value
        if self.name == "lang":
            wanted = wanted.lower().replace("_", "-")
        elif self.name in FOLDED:
            wanted = fold(wanted)
        atom = atoms.value(self.name, wanted)
        return needs(atoms.prefix(atom) if self.prefix else atom)

    def written(self) -> str:
        return f"{self.name}:{quoted(self.value)}{'*' if self.prefix else ''}"


def stated(node: Node, holds: bool) -> tuple[Evidence, ...]:
    """Return the evidence of a clause that holds by a value, which has no place in the text."""
    name = node.written().partition(":")[0]
    return (Evidence(field=name, start=0, end=0, clause=node.written()),) if holds else ()


@dataclass(frozen=True, slots=True)
class Docket(Located):
    """A docket, stated by the source or by its number in the text: `docket:1:23-cv-01599`."""

    value: str
    number: dockets.DocketNumber = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number = dockets.read(self.value)
        if number is None:
            raise ValueError(f"{self.value!r} is not a docket number")
        object.__setattr__(self, "number", number)

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        return self._is_stated(view) or any(self.hits(view, name, 1) for name in fields)

    def _is_stated(self, view: View) -> bool:
        return any(self.number.agrees(stated) for stated in dockets.stated(view.document.facts))

    def hits(self, view: View, name: Field, most: int | None = None) -> tuple[Hit, ...]:
        """Return where the number stands; nowhere in a document of another court."""
        courts = {fold(held) for field, held in view.document.facts if field == "court"}
        if self.number.court is not None and courts and self.number.court not in courts:
            return ()
        return first_hits(self.number.find(view.text(name)), most)

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        if not self._is_stated(view):
            # Named through the class: super() does not work in a dataclass with slots.
            return Located.verdict(self, view, fields)
        clause = scoped(self, fields)
        return Verdict(
            node=self, clause=clause, holds=True, reason="stated by the source", evidence=stated(self, True)
        )

    def missing(self, view: View, fields: tuple[Field, ...]) -> str:
        known = [held for name, held in view.document.facts if name == "docket"]
        there = f"; the source states {', '.join(known[:MOST_EVIDENCE])}" if known else ""
        return f"its number is not in the {where(fields)}{there}"

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return ((self.number.serials | {atoms.DOCKET},),)

    def written(self) -> str:
        return f"docket:{quoted(self.value)}"
