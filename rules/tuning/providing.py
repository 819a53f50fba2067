"""What the sources of a config can give a document beside its text, and whether a query asks for more than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rules.entities import Gazetteer, View
from rules.language.query import ANYWHERE
from rules.language.values import FieldTest
from rules.model import Document, Kind
from rules.tuning.forms import Claim

_NOBODY: Final = Gazetteer()
_SINGLE: Final = ("kind", "lang")
"""Fields of which a document has one value: where it varies, what is known of it is only the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """One source that is asked: what all of its documents have, and in which fields each has values of its own."""

    id: str
    kind: Kind = "news"
    lang: str | None = None
    tags: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    varying: frozenset[str] = frozenset({"tag", "lang", "form", "item", "docket", "court", "agency", "topic"})
    """Fields in which documents may have more than what is said here."""
    _view: View = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        document = Document(source=self.id, kind=self.kind, lang=self.lang, tags=self.tags, facts=self.facts)
        object.__setattr__(self, "_view", View(document, _NOBODY))

    def has(self, test: FieldTest) -> bool:
        """Whether what is known of all documents meets the test."""
        return test.holds(self._view, ANYWHERE)

    def denies(self, claim: Claim) -> bool:
        """Whether certainly no document of this source meets the claim."""
        if not isinstance(claim.node, FieldTest):
            return False
        if claim.asked:
            return claim.node.name not in self.varying and not self.has(claim.node)
        return self.has(claim.node) and not (claim.node.name in _SINGLE and claim.node.name in self.varying)

    def grants(self, claim: Claim) -> bool:
        """Whether certainly every document of this source meets the claim."""
        if not isinstance(claim.node, FieldTest):
            return False
        opposite = Claim(claim.node, claim.fields, not claim.asked)
        return self.denies(opposite)


def missing(test: FieldTest, sources: Sequence[Provided]) -> str | None:
    """Say why no source gives a document what a test asks for; None where one does or may."""
    claim = Claim(test)
    if not sources or not all(source.denies(claim) for source in sources):
        return None
    if test.name == "source":
        return f"no source that is enabled has this id: {test.written()}"
    if test.name == "kind":
        return f"no source that is enabled publishes {test.written()}"
    return f"no source that is enabled states {test.written()}"


def is_uncertain(test: FieldTest, sources: Sequence[Provided]) -> bool:
    """Whether no source gives what a test asks for by its config, so that only its documents themselves could."""
    return bool(sources) and not any(source.has(test) for source in sources)
