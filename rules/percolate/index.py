"""Which rules are worth looking at for a document: a sieve that may let too many through, never too few.

A rule holds in one of a few ways (see `Node.ways`). Each is kept under one of its anchors, the one that the fewest
documents are likely to meet, and below it under a second one; the others are checked before the rule itself is. All
atoms of a document are found in one scan (see `scanning`), whatever the number of rules. Rules that may hold without
any anchor are looked at for every document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from rules.entities import View
from rules.language import atoms
from rules.language.query import Anchors, Node, Way
from rules.language.wording import LONGEST_SPELLING
from rules.model import Rule
from rules.percolate.common import COMMON
from rules.percolate.scanning import Scanner, plain
from rules.spelling import shortened, within

_MOST_KNOWN: Final = 100_000
"""Words of which it is remembered to which words they are near."""
_LARGEST_FILTER: Final = 1_000
"""Atoms in anchors that are worth checking before the rule itself."""
_LARGEST_SECOND: Final = 16
"""Atoms in anchors that a way may be kept under second."""
_FEW: Final = 8
_MOST_ADDED: Final = 500
"""Atoms that may be looked for by a scan of their own, until all are laid out anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A rule as the index keeps it."""

    rule: Rule
    node: Node
    ways: tuple[Way, ...]


_Look = tuple[tuple[frozenset[int], ...], Entry]
"""What is left to check of one way before its rule itself is looked at: sets of atoms, by number, of which a document
must have one, each; mostly there is none left."""
_Group = Mapping[int, tuple[_Look, ...]]
"""The ways under one atom, by the second that they are kept under; by the first again where they have no other."""


class Index:
    """The rules of one book. It does not change: `replaced` makes another one, so readers are never in the way."""

    def __init__(self, entries: Iterable[Entry], names: Collection[str] = ()) -> None:
        """Lay out rules; `names` are texts that are looked for too, for `View.names`."""
        entries = tuple(entries)
        every = (cheapest(way) for entry in entries for way in entry.ways)
        self._demand = Counter(atom for anchors in every for atom in anchors or ())
        self._names = tuple(sorted(names))
        """They have the first numbers."""
        self._groups: dict[int, _Group] = {}
        self._always: tuple[Entry, ...] = ()
        self._numbers: dict[str, int] = {}
        """Every atom that is looked for, numbered in the order in which they came."""
        self._keys: dict[Entry, frozenset[tuple[int, int]]] = {}
        self._scanners: tuple[Scanner, ...] = ()
        for name in self._names:
            self._number(name)
        self._add(entries)
        self._prepare()

    def replaced(self, gone: Iterable[Entry], new: Iterable[Entry]) -> Index:
        """Return the index with some rules instead of others; the demand that keys are chosen by stays."""
        other = Index(())
        other._demand = self._demand
        other._names = self._names
        other._groups = self._groups.copy()
        other._always = self._always
        other._numbers = self._numbers.copy()
        other._keys = self._keys.copy()
        other._scanners = self._scanners
        other._remove(tuple(gone))
        other._add(tuple(new))
        other._prepare()
        return other

    def _add(self, entries: tuple[Entry, ...]) -> None:
        added: dict[int, dict[int, list[_Look]]] = {}
        always = []
        for entry in entries:
            keys: set[tuple[int, int]] = set()
            if not all(entry.ways):
                always.append(entry)
            for way in entry.ways if all(entry.ways) else ():
                firsts, seconds, look = self._look(way, entry)
                for first, second in product(firsts, seconds or (None,)):
                    key = (first, first if second is None else second)
                    added.setdefault(key[0], {}).setdefault(key[1], []).append(look)
                    keys.add(key)
            self._keys[entry] = frozenset(keys)
        for first, group in added.items():
            old = self._groups.get(first, {})
            self._groups[first] = {
                **old,
                **{second: (*old.get(second, ()), *looks) for second, looks in group.items()},
            }
        self._always = (*self._always, *always)

    def _look(self, way: Way, entry: Entry) -> tuple[frozenset[int], frozenset[int], _Look]:
        """Return what a way is kept under first and second, and what is left to check of it."""
        first = cheapest(way, self._demand) or frozenset()
        others = [anchors for anchors in way if anchors is not first and len(anchors) <= _LARGEST_FILTER]
        second = cheapest(tuple(anchors for anchors in others if len(anchors) <= _LARGEST_SECOND)) or frozenset()
        left = tuple(self._numbered(anchors) for anchors in others if anchors is not second)
        return self._numbered(first), self._numbered(second), (left, entry)

    def _numbered(self, anchors: Anchors) -> frozenset[int]:
        return frozenset(map(self._number, anchors))

    def _number(self, atom: str) -> int:
        return self._numbers.setdefault(atom, len(self._numbers))

    def _remove(self, entries: tuple[Entry, ...]) -> None:
        """Take rules out; what they alone asked for stays watched, which costs little, until a book is made anew."""
        gone = set(entries)
        for first, second in {key for entry in entries for key in self._keys.pop(entry)}:
            left = tuple(look for look in self._groups[first][second] if look[-1] not in gone)
            group = {**self._groups[first], second: left}
            self._groups[first] = group if left else {key: looks for key, looks in group.items() if looks}
            if not self._groups[first]:
                del self._groups[first]
        self._always = tuple(entry for entry in self._always if entry not in gone)

    def _prepare(self) -> None:
        """Lay out the atoms that rules ask for so that those of a document are found fast."""
        self._key_numbers = frozenset(self._groups)
        self._prepare_scan()
        values = {atom: number for atom, number in self._numbers.items() if atom[0] == atoms.VALUE}
        self._whole_values = {atom: number for atom, number in values.items() if atom[-1] != "*"}
        self._value_beginnings = [(atom[:-1], number) for atom, number in values.items() if atom[-1] == "*"]
        self._spellings: dict[str, list[tuple[str, int]]] = {}
        self._most_edits = 0
        for atom in self._numbers:
            if "~" in atom and atom[0] != atoms.VALUE:
                word, _, edits = atom.partition("~")
                self._most_edits = max(self._most_edits, int(edits))
                for short in set(shortened(word, int(edits))):
                    self._spellings.setdefault(short, []).append((word, int(edits)))
        self._near: dict[str, tuple[int, ...]] = {}

    def _prepare_scan(self) -> None:
        """Look for atoms that came lately by a scan of their own: to lay out all of them takes a while."""
        every = tuple(self._numbers)
        base = self._scanners[:1]
        old = len(base[0].atoms) if base else 0
        if base and len(every) - old <= _MOST_ADDED:
            self._scanners = (*base, Scanner(every[old:], old)) if len(every) > old else base
        else:
            self._scanners = (Scanner(every),)

    def candidates(self, view: View) -> list[Entry]:
        """Return the rules that may hold for the document, each once, in no order; none that holds is missing."""
        text = plain(view)
        present = self._scanners[0].scan(text)
        for scanner in self._scanners[1:]:
            present |= scanner.scan(text)
        if self._names:
            view.found_names(self._names, present)
        if self._whole_values or self._value_beginnings:
            present.update(self._values(view))
        if self._spellings:
            present.update(self._spelt(view))
        found = list(self._always)
        groups = self._groups
        for first in present & self._key_numbers:
            group = groups[first]
            for second in group if len(group) <= _FEW else group.keys() & present:
                if second in present:
                    for left, entry in group[second]:
                        if not left or not any(map(present.isdisjoint, left)):
                            found.append(entry)
        return list(dict.fromkeys(found)) if len(found) > 1 else found

    def _values(self, view: View) -> Iterator[int]:
        for value in atoms.values_of(view.document):
            if value in self._whole_values:
                yield self._whole_values[value]
            for beginning, number in self._value_beginnings:
                if value.startswith(beginning):
                    yield number

    def _spelt(self, view: View) -> Iterator[int]:
        near = self._near
        if len(near) > _MOST_KNOWN:
            # A new one, not an emptied one: another thread may be reading.
            near = self._near = {}
        for word in view.words:
            if word not in near:
                near[word] = tuple(self._nearly(word))
            yield from near[word]

    def _nearly(self, word: str) -> Iterator[int]:
        if len(word) > LONGEST_SPELLING + self._most_edits:
            return
        meant = {one for short in shortened(word, self._most_edits) for one in self._spellings.get(short, ())}
        for other, edits in meant:
            if within(other, word, edits):
                yield self._numbers[atoms.spelling(other, edits)]


# --- which anchors to look a way up by --------------------------------------------------------------------------


def commonness(atom: str) -> int:
    """Estimate how many of a hundred documents have an atom."""
    if atom[0] == atoms.VALUE:
        return 20
    if " " in atom.strip("* "):
        return 1
    if atom[-1] == "*":
        return max(4, 40 // len(atom))
    if "~" in atom:
        return 8
    if atom in COMMON or not atom.isascii():
        return 30
    return 6 if len(atom) <= 3 else 3 if len(atom) <= 5 else 1


def cheapest(way: Way, demand: Counter[str] | None = None) -> Anchors | None:
    """Return the anchors of a way that the fewest documents will meet; None if it has none.

    With `demand`, how many rules want an atom for a key counts too: rules are spread over their words.
    """

    def cost(anchors: Anchors) -> tuple[int, int, str]:
        total = sum(commonness(atom) * (1 + demand[atom] if demand else 1) for atom in anchors)
        return total, len(anchors), min(anchors, default="")

    return min(way, key=cost, default=None)
