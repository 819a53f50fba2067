"""The clause that is a regular expression: `/wells notices?/`, run by RE2, whose time is linear in the text.

Case does not count, and the text is read in normal form with every stretch of blanks as one; RE2 has no look-around
and no back-references. `google-re2` is the only library for it, and only this file knows of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from rules.entities import Field, Gazetteer, View
from rules.language import atoms
from rules.language.query import MOST_EVIDENCE, Chooser, Node, Verdict, Way, found, scoped, where
from rules.model import Evidence
from rules.words import Text

try:
    import re2
except ImportError:  # no wheel for this machine: everything else works
    re2 = None

LONGEST_PATTERN: Final = 500
LONGEST_TEXT: Final = 512 * 1024
"""Bytes of a field, in UTF-8, that are searched; what comes after is not."""
MOST_MEMORY: Final = 8 << 20
"""Bytes that one compiled pattern may take."""


class BadPattern(ValueError):
    """A pattern that cannot be used; its text says why and what to do."""


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """Return the pattern ready to be searched.

    Raises:
        BadPattern: RE2 refuses it, it is too long, or it finds nothing at all.
    """
    if re2 is None:
        raise BadPattern("regular expressions need google-re2, which is not installed: pip install google-re2")
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(f"this regular expression has {len(pattern)} characters; at most {LONGEST_PATTERN} are read")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MOST_MEMORY
    try:
        ready = re2.compile(pattern, options)
    except re2.error as error:
        raise BadPattern(_refusal(pattern, error)) from None
    if ready.search("") is not None:
        raise BadPattern("this regular expression also finds the empty text, so it would hold for every document")
    return ready


def _refusal(pattern: str, error: Exception) -> str:
    if re.search(r"\(\?<?[=!]", pattern):
        return "RE2 has no look-around ((?=, (?!, (?<=, (?<!); join two clauses with AND or AND NOT instead"
    if re.search(r"\\[1-9]", pattern):
        return "RE2 has no back-references (\\1); write the word itself"
    said = error.args[0] if error.args else ""
    said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"RE2 refuses this regular expression: {said}"


@dataclass(frozen=True, slots=True)
class Regex(Node):
    """A regular expression finds something in the title or the body."""

    pattern: str
    search: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "search", compiled(self.pattern).search)

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        # As bytes: the library would encode a str, too, and count characters, which only evidence needs.
        texts = [_searched(view.text(name)) for name in fields]
        return any(text and self.search(text) is not None for text in texts)

    def verdict(self, view: View, fields: tuple[Field, ...]) -> Verdict:
        clause = scoped(self, fields)
        evidence = tuple(one for name in fields for one in self._evidence(view, name, clause))
        # A pattern such as \b finds places of no width, where there is nothing to show.
        holds = bool(evidence) or self.holds(view, fields)
        nothing = f"finds {'a place' if holds else 'nothing'} in the {where(fields)}"
        reason = found(evidence, view) if evidence else nothing
        return Verdict(node=self, clause=clause, holds=holds, reason=reason, evidence=evidence)

    def _evidence(self, view: View, name: Field, clause: str) -> Iterator[Evidence]:
        text = view.text(name)
        folded = _searched(text).decode()
        at = 0
        for _ in range(MOST_EVIDENCE):
            match = self.search(folded, at) if at <= len(folded) else None
            if match is None:
                return
            start, end = match.span()
            if start < end:
                first, last = text.unfold(start, end)
                yield Evidence(field=name, start=first, end=last, clause=clause)
            at = max(end, start + 1)

    def ways(self, gazetteer: Gazetteer, choose: Chooser) -> tuple[Way, ...]:
        best = sorted(required(self.pattern), key=_rarity, reverse=True)[:MOST_PIECES]
        return (tuple(frozenset(map(atoms.infix, pieces)) for pieces in best),)

    def written(self) -> str:
        return f"/{self.pattern.replace('/', chr(92) + '/')}/"


def _searched(text: Text) -> bytes:
    """Return what is searched of a text, with a whole character at its end."""
    raw = text.folded_bytes
    return raw if len(raw) <= LONGEST_TEXT else raw[:LONGEST_TEXT].decode(errors="ignore").encode()


LEAST_PIECE: Final = 3
MOST_PIECES: Final = 2
"""Pieces by which a pattern is looked up; every one that is watched costs time with every word that contains it."""
_OPTIONAL: Final = re.compile(r"[*?]|\{0?,|\{0+\}")
_REPEAT: Final = re.compile(r"[*+?]\??|\{[0-9]*,?[0-9]*\}\??")
_OPENING: Final = re.compile(r"\((?:\?(?:P?<[^>]+>|[a-zA-Z]*-?[a-zA-Z]*:))?")
_FLAGS: Final = re.compile(r"\(\?[a-zA-Z]*-?[a-zA-Z]*\)")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\\.|\[:[^\]]*:\]|[^\]\\])*\]")
_TOO_HARD: Final = re.compile(r"\\[pPxQECdDsSwW]?\{|\\[pPxQECzA0-9]")


def required(pattern: str) -> tuple[frozenset[str], ...]:
    """Return sets of pieces, of a-z, 0-9 and single blanks; a folded text that the pattern matches has one of each.

    Empty where nothing is certain: what is left out is only speed.
    """
    if _TOO_HARD.search(pattern):
        return ()
    try:
        pieces, end = _alternatives(pattern, 0)
    except (IndexError, RecursionError):
        return ()
    return pieces if end == len(pattern) else ()


Pieces = tuple[frozenset[str], ...]


def _alternatives(pattern: str, at: int) -> tuple[Pieces, int]:
    """Read branches up to the end or a closing bracket; return what all of them require."""
    branches: list[Pieces] = []
    while True:
        pieces, at = _branch(pattern, at)
        branches.append(pieces)
        if pattern[at : at + 1] != "|":
            break
        at += 1
    if len(branches) == 1:
        return branches[0], at
    return ((frozenset[str]().union(*map(_rarest, branches)),) if all(branches) else ()), at


def _rarest(pieces: Pieces) -> frozenset[str]:
    return max(pieces, key=_rarity)


def _rarity(some: frozenset[str]) -> tuple[int, int, list[str]]:
    return min(map(len, some)), -len(some), sorted(some)


def _branch(pattern: str, at: int) -> tuple[Pieces, int]:
    found_: list[frozenset[str]] = []
    letters = ""

    def end_letters() -> None:
        nonlocal letters
        # A lone s before a blank may be that of a possessive, which the scan leaves out.
        piece_ = letters[1:] if letters.startswith("s ") else letters
        if len(piece_.strip()) >= LEAST_PIECE:
            found_.append(frozenset((piece_,)))
        letters = ""

    while at < len(pattern) and pattern[at] not in "|)":
        piece, inner, at = _element(pattern, at)
        repeat = _REPEAT.match(pattern, at)
        optional = repeat is not None and _OPTIONAL.match(repeat[0]) is not None
        if repeat:
            at = repeat.end()
        if not optional:
            found_ += inner
            letters += piece
        if not piece or repeat:
            end_letters()
    end_letters()
    return tuple(dict.fromkeys(found_)), at


def _element(pattern: str, at: int) -> tuple[str, Pieces, int]:
    """Read one character, class, escape or group; return its letter, the pieces it requires, and where it ends."""
    character = pattern[at]
    if character == "(":
        if flags := _FLAGS.match(pattern, at):
            if _REPEAT.match(pattern, flags.end()):
                raise IndexError  # RE2 repeats what stands before the flags
            return "", (), flags.end()
        opening = _OPENING.match(pattern, at)
        assert opening is not None  # noqa: S101 - the pattern begins with a bracket
        pieces, end = _alternatives(pattern, opening.end())
        if pattern[end] != ")":
            raise IndexError
        return "", pieces, end + 1
    if character == "[":
        found_ = _CLASS.match(pattern, at)
        return "", (), found_.end() if found_ else len(pattern)
    if character == "\\":
        return "", (), at + 2
    letter = character.lower() if character.isascii() and (character.isalnum() or character == " ") else ""
    return letter, (), at + 1
