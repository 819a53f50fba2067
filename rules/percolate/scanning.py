"""Which atoms a document's text may have, all of them found in one scan by an Aho-Corasick automaton.

The text is scanned in a plainer form than rules read it in: lower case, every mark a space, one space between words.
What a rule would find by reading is found here too; what only looks like it may be found as well, so an atom that is
present is a reason to look at a rule, never the answer. `ahocorasick-rs` does the scan where there is a wheel of it
for this machine; where there is none, words are looked up in a table, with the same outcome and at a slower pace.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from itertools import product
from typing import Any, Final

from rules.entities import View
from rules.runs import may_mix, stands_alone
from rules.text import fold_character

try:
    import ahocorasick_rs
except ImportError:  # no wheel for this machine
    ahocorasick_rs = None  # type: ignore[assignment]

# --- the plainer form ---------------------------------------------------------------------------------------------

_KEPT: Final = b"abcdefghijklmnopqrstuvwxyz0123456789$&"
_PLAIN: Final = bytes(
    code if code >= 0x80 or bytes((code,)).lower() in (bytes((kept,)) for kept in _KEPT) else 0x20
    for code in range(256)
)
_TABLE: Final = bytes(bytes((code,)).lower()[0] for code in _PLAIN)
_MOST_REMEMBERED: Final = 20_000


class _Unsafe(Exception):
    """A character whose meaning depends on its neighbours: the text must be read in full."""


class _Stretches(dict[str, bytes]):
    """A stretch of characters outside ASCII -> what it is in the plainer form."""

    def __missing__(self, stretch: str) -> bytes:
        plain = b"".join(map(_plain_character, stretch))
        if len(stretch) <= 8 and len(self) < _MOST_REMEMBERED:
            self[stretch] = plain
        return plain


def _plain_character(character: str) -> bytes:
    folded = fold_character(character)
    if folded is None or may_mix(character):
        raise _Unsafe
    if folded.isascii():
        return folded.encode()
    kinds = {unicodedata.category(one) for one in folded}
    if "Nd" in kinds:
        raise _Unsafe
    alone = "Sc" in kinds or any(map(stands_alone, folded))
    if alone:
        return b"".join(b" %s " % one.encode() for one in folded)
    return b"".join(one.encode() if unicodedata.category(one)[0] in "LMN" else b" " for one in folded)


_POSSESSIVE: Final = re.compile(rb"'[sS](?![0-9A-Za-z\x80-\xff])")
"""Words leave it out, so that `trump cuts` is found in `Trump's cuts`, if a letter or full stop stands before."""


def _without_possessive(found: re.Match[bytes]) -> bytes:
    start = found.start()
    before = found.string[max(0, start - 2) : start]
    if before[-1:] == b" " and before[0] >= 0x80:
        raise _Unsafe  # a lone word may stand before it
    return b" " if before[-1:] == b"." or before[-1:].isalnum() or before[-1:] >= b"\x80" else found[0]


_STRETCHES: Final = _Stretches()


def _fold_stretch(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - it is only given to encode
    return _STRETCHES[error.object[error.start : error.end]], error.end


_FOLDING: Final = "tipstaff-plain"
codecs.register_error(_FOLDING, _fold_stretch)


def plain(view: View) -> bytes:
    """Return title and body in the plainer form, with a space at both ends and a line end between the two."""
    document = view.document
    try:
        text = f"{document.title}\n{document.body}" if document.body else document.title
        raw = text.encode("ascii", _FOLDING)
        if b"'" in raw:
            raw = _POSSESSIVE.sub(_without_possessive, raw)
    except _Unsafe:
        return _plain_in_full(view)
    if b"&" in raw:
        raw = raw.replace(b"&", b" and ")
    if b"$" in raw:
        raw = raw.replace(b"$", b" $ ")
    return b" %s " % b" ".join(raw.translate(_TABLE).split())


def _plain_in_full(view: View) -> bytes:
    """Return the same for a text that has to be read word by word, in both readings where there are two."""
    texts = (view.title, view.body)
    lists = [words for text in texts for words in (text.tokens, text.skeleton) if words]
    # The words leave out what is no word, such as the s of a possessive; a regular expression does not.
    folded = [b" ".join(text.folded_bytes.translate(_TABLE).split()) for text in texts]
    return b" %s " % b" \n ".join([*(b" ".join(map(_plain_word, words)) for words in lists), *folded])


_PARTING: Final = str.maketrans(".,_", "   ")


def _plain_word(word: str) -> bytes:
    return word.translate(_PARTING).encode()


_DIGITS: Final = re.compile(r"[0-9]+")


def _written(word: str, beginning: bool) -> tuple[str, ...]:
    """Return how a word, or the beginning of one, may stand in a text: a number also with its thousands apart."""
    number = _DIGITS.match(word)
    digits, rest = (number[0], word[number.end() :]) if number else ("", word)
    beginning = beginning and not rest
    if len(digits) < (2 if beginning else 4):
        return (word,)
    leads = range(1, min(4, len(digits))) if beginning else (len(digits) % 3 or 3,)
    apart = (
        " ".join((digits[:lead], *(digits[at : at + 3] for at in range(lead, len(digits), 3)))) for lead in leads
    )
    return (word, *(groups + rest for groups in apart))


def patterns(atom: str) -> Iterator[bytes]:
    """Yield what is looked for to find an atom of words, a beginning of one (`motion*`), or a piece (`*notice*`)."""
    if atom[0] == "*":
        yield atom[1:-1].encode()
        return
    beginning = atom[-1] == "*"
    *whole, last = atom.removesuffix("*").split(" ")
    forms = [*(_written(word, False) for word in whole), _written(last, beginning)]
    for words in product(*forms):
        text = _plain_word(" ".join(words))
        yield b" %s" % text if beginning else b" %s " % text


# --- the scan -----------------------------------------------------------------------------------------------------


class Scanner:
    """Finds which of some atoms a text has; atoms are numbered from `first` in the order in which they were given."""

    def __init__(self, atoms: Iterable[str], first: int = 0) -> None:
        self.atoms = tuple(atoms)
        self._first = first
        forms = [list(dict.fromkeys(patterns(atom))) for atom in self.atoms]
        more = [(form, number) for number, some in enumerate(forms) for form in some[1:]]
        written = [*(some[0] for some in forms), *(form for form, _ in more)]
        self._others = {len(forms) + nth: number for nth, (_, number) in enumerate(more)}
        """Number of another form of an atom -> number of the atom."""
        self._scan: Any = None
        self._table: dict[bytes, list[tuple[bytes, int]]] = {}
        if ahocorasick_rs is not None and written:
            implementation = ahocorasick_rs.Implementation.ContiguousNFA
            self._scan = ahocorasick_rs.BytesAhoCorasick(
                written, implementation=implementation
            ).find_matches_as_indexes
        for number, form in enumerate(written if self._scan is None else ()):
            self._table.setdefault(_handle(form), []).append((form, number))

    def scan(self, text: bytes) -> set[int]:
        """Return the numbers of the atoms that a text in the plainer form has."""
        if self._scan is not None:
            found = {match[0] for match in self._scan(text, overlapping=True)}
        else:
            found = set(self._looked_up(text))
        if self._others and (others := found & self._others.keys()):
            found = (found - others) | {self._others[number] for number in others}
        return {number + self._first for number in found} if self._first else found

    def _looked_up(self, text: bytes) -> Iterator[int]:
        handles: Collection[bytes] = [word for word in set(text.split()) if word in self._table]
        for handle in (*handles, b""):
            for form, number in self._table.get(handle, ()):
                if form in text:
                    yield number


def _handle(pattern: bytes) -> bytes:
    """Return the longest whole word of a pattern; empty where it has none."""
    whole = pattern[: pattern.rindex(b" ") + 1].split() if pattern[:1] == b" " else []
    return max(whole, key=len, default=b"")
