"""The clauses that ask whether an entity is mentioned; what counts as a mention is in `rules.entities`."""

from __future__ import annotations

from dataclasses import dataclass

from rules.entities import Field, Gazetteer, View
from rules.language.query import Chooser, Located, Way, quoted, where
from rules.words import Hit


@dataclass(frozen=True, slots=True)
class _Mentioned(Located):
    """One of some entities is mentioned."""

    name: str

    def entities(self, gazetteer: Gazetteer) -> frozenset[str]:
        """Return the ids of the entities of which one must be mentioned."""
        raise NotImplementedError

    def hits(self, view: View, name: Field, most: int | None = None) -> tuple[Hit, ...]:
        mentions = view.mentions
        found = {
            Hit(mention.first, mention.last, mention.lookalike)
            for entity in self.entities(view.gazetteer) & mentions.keys()
            for mention in mentions[entity]
            if mention.field == name
        }
        return tuple(sorted(found, key=lambda hit: (hit.first, hit.last))[:most])

    def missing(self, view: View, fields: tuple[Field, ...]) -> str:
        entities = sorted(self.entities(view.gazetteer))
        if any(view.mentions.get(entity) for entity in entities):
            return f"not mentioned in the {where(fields)}, only elsewhere"
        for entity in entities:
            if near := view.gazetteer.near_miss(entity, view):
                return f"not mentioned: {near}"
        return "not mentioned"

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        return ((gazetteer.names_of(self.entities(gazetteer)),),)


class EntityRef(_Mentioned):
    """An entity is mentioned: `entity:binance-us`."""

    __slots__ = ()

    def entities(self, gazetteer: Gazetteer) -> frozenset[str]:
        return frozenset((self.name,))

    def written(self) -> str:
        return f"entity:{quoted(self.name)}"


class EntityTag(_Mentioned):
    """An entity that carries a tag is mentioned: `entity:@tracked`."""

    __slots__ = ()

    def entities(self, gazetteer: Gazetteer) -> frozenset[str]:
        return gazetteer.tagged(self.name)

    def written(self) -> str:
        return f"entity:{quoted('@' + self.name)}"
