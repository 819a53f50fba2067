"""Bugs to be sown into the look-up of rules, to show that the oracle run finds them; none is part of the product.

Each takes something like `setattr`, so that a test can take its bug out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rules.entities import Gazetteer
from rules.language import atoms, regex
from rules.language.mentions import EntityTag
from rules.language.proximity import Near
from rules.language.query import Chooser, Not, Or, Way, all_of, needs
from rules.language.ranges import Amount
from rules.language.values import Docket
from rules.language.wording import Prefix, Spelling
from rules.model import Document
from rules.percolate import index, scanning
from rules.percolate.book import RuleBook
from rules.percolate.index import Index
from rules.percolate.scanning import Scanner
from rules.spelling import shortened
from rules.words import Text

Patch = Callable[[Any, str, Any], None]
Ways = tuple[Way, ...]


def not_like_its_part(patch: Patch) -> None:
    """Look a NOT up by what its part needs."""
    patch(Not, "ways", lambda self, gazetteer, choose: self.child.ways(gazetteer, choose))


def first_of_or(patch: Patch) -> None:
    """Look an OR up by its first part only."""
    patch(Or, "ways", lambda self, gazetteer, choose: self.children[0].ways(gazetteer, choose))


def all_of_or_beside_near(patch: Patch) -> None:
    """Take every part of a group beside NEAR for needed."""

    def ways(self: Near, gazetteer: Gazetteer, choose: Chooser) -> Ways:
        sides = (self.left, self.right)
        parts = [part for side in sides for part in (side.children if isinstance(side, Or) else (side,))]
        return all_of([part.ways(gazetteer, choose) for part in parts], choose)

    patch(Near, "ways", ways)


def neighbours_of_near(patch: Patch) -> None:
    """Look NEAR up by its right side and the distance, as if that were a word."""

    def ways(self: Near, gazetteer: Gazetteer, choose: Chooser) -> Ways:
        return all_of([needs(str(self.distance)), self.right.ways(gazetteer, choose)], choose)

    patch(Near, "ways", ways)


def optional_is_required(patch: Patch) -> None:
    """Take what may be missing in a regular expression for required."""
    patch(regex, "_OPTIONAL", regex.re.compile(r"(?!)"))


def first_branch(patch: Patch) -> None:
    """Take the first of several branches of a regular expression for required."""
    alternatives = regex._alternatives

    def first(pattern: str, at: int) -> tuple[Any, int]:
        pieces, _ = regex._branch(pattern, at)
        return pieces, alternatives(pattern, at)[1]

    patch(regex, "_alternatives", first)


def prefix_as_typed(patch: Patch) -> None:
    """Cut the atom of a prefix from what its author typed, not from its last word."""
    patch(Prefix, "ways", lambda self, _gazetteer, _choose: needs(atoms.prefix(self.text.lower())))


def prefix_is_no_word(patch: Patch) -> None:
    """Forget that a prefix may also be all of a word."""
    patch(Prefix, "ways", lambda self, _gazetteer, _choose: needs(atoms.prefix(f"{self.terms[-1]}s")))


def fewer_deletes(patch: Patch) -> None:
    """Shorten words by one letter less than a near-spelling needs."""
    patch(index, "shortened", lambda word, edits: shortened(word, max(edits - 1, 0)))


def one_edit_less(patch: Patch) -> None:
    """Look ~2 up as if it were ~1."""
    patch(Spelling, "ways", lambda self, _gazetteer, _choose: needs(atoms.spelling(self.term, 1)))


def old_words(patch: Patch) -> None:
    """Keep what was learnt about near-spelt words when the rules change."""
    replaced = Index.replaced

    def keeping(self: Index, gone: Iterable[Any], new: Iterable[Any]) -> Index:
        other = replaced(self, gone, new)
        other._near = self._near
        return other

    patch(Index, "replaced", keeping)


def old_scan(patch: Patch) -> None:
    """Look only for what the rules before an edit asked for."""
    replaced = Index.replaced

    def keeping(self: Index, gone: Iterable[Any], new: Iterable[Any]) -> Index:
        other = replaced(self, gone, new)
        other._scanners = self._scanners
        return other

    patch(Index, "replaced", keeping)


def scans_numbered_alike(patch: Patch) -> None:
    """Number what was added by an edit from the beginning."""
    made = Scanner.__init__
    patch(Scanner, "__init__", lambda self, wanted, first=0: made(self, wanted))


def old_entries(patch: Patch) -> None:
    """Keep the rules that were changed as they were."""
    entry = RuleBook._entry

    def keeping(self: RuleBook, rule: Any, node: Any, kept: Any) -> Any:
        return kept or entry(self, rule, node, kept)

    patch(RuleBook, "_entry", keeping)


def gone_entries(patch: Patch) -> None:
    """Leave the rules in the index that were taken out."""
    patch(Index, "_remove", lambda self, entries: None)


def without_an_alias(patch: Patch) -> None:
    """Forget the last alias of an entity."""

    def names_of(self: Gazetteer, ids: Iterable[str]) -> frozenset[str]:
        kept = ((self._names[entity][:-1] or self._names[entity]) for entity in ids)
        return frozenset(" ".join(name.terms) for names in kept for name in names)

    patch(Gazetteer, "names_of", names_of)


def without_an_entity(patch: Patch) -> None:
    """Forget one entity of those that carry a tag."""

    def ways(self: EntityTag, gazetteer: Gazetteer, _choose: Chooser) -> Ways:
        return ((gazetteer.names_of(sorted(self.entities(gazetteer))[:1]),),)

    patch(EntityTag, "ways", ways)


def one_reading(patch: Patch) -> None:
    """Forget that look-alike letters are also read as Latin."""
    patch(Text, "skeleton", property(lambda _self: None))


def numbers_in_one_piece(patch: Patch) -> None:
    """Look for a number only as it stands without marks between its thousands."""
    patch(scanning, "_written", lambda word, _beginning: (word,))


def beginnings_are_whole(patch: Patch) -> None:
    """Look for a beginning as if it were all of a word."""
    written = scanning.patterns
    patch(scanning, "patterns", lambda atom: written(atom if atom[0] == "*" else atom.removesuffix("*")))


def letters_as_they_are(patch: Patch) -> None:
    """Look for the letters of a text in the case in which they stand."""
    patch(scanning, "_TABLE", scanning._PLAIN)


def underscores_are_letters(patch: Patch) -> None:
    """Keep an underscore in its word, also where it parts words when read."""
    table = bytearray(scanning._TABLE)
    table[ord("_")] = ord("_")
    patch(scanning, "_TABLE", bytes(table))


def one_width(patch: Patch) -> None:
    """Look a docket up by its serial number without leading zeros."""

    def ways(self: Docket, _gazetteer: Gazetteer, _choose: Chooser) -> Ways:
        return ((frozenset((str(self.number.serial), atoms.DOCKET)),),)

    patch(Docket, "ways", ways)


def only_its_own_sign(patch: Patch) -> None:
    """Forget that $ after C, A or HK is no US dollar."""
    say = Amount._may_say
    patch(Amount, "_may_say", lambda self, word: say(self, word) and word != "$")


def without_parents(patch: Patch) -> None:
    """Give a document the atom of its whole language code only."""
    values = atoms.values_of

    def whole(document: Document) -> Iterator[str]:
        own = atoms.value("lang", (document.lang or "").lower().replace("_", "-"))
        return (atom for atom in values(document) if ":" not in atom or not atom.startswith("\0lang") or atom == own)

    patch(atoms, "values_of", whole)


MUTANTS: Mapping[str, Callable[[Patch], None]] = {
    bug.__name__.replace("_", "-"): bug
    for bug in (
        *(not_like_its_part, first_of_or, all_of_or_beside_near, neighbours_of_near, optional_is_required),
        *(first_branch, prefix_as_typed, prefix_is_no_word, fewer_deletes, one_edit_less, old_words, old_scan),
        *(scans_numbered_alike, old_entries, gone_entries, without_an_alias, without_an_entity, one_reading),
        *(
            numbers_in_one_piece,
            beginnings_are_whole,
            letters_as_they_are,
            underscores_are_letters,
            one_width,
            only_its_own_sign,
        ),
        *(without_parents,),
    )
}
