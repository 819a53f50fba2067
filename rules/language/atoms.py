"""What a document may have that rules are looked up by, each a text: the one list of such atoms there is.

    status report   words next to each other    motion*       words of which the last begins so
    *notice*        a word that contains this   motion~1      a word at most so many edits away
    \\0kind:release  a value of the document     \\0source:sec-*  a value that begins so

Words have none of `*`, `~` and NUL, so no atom can be taken for another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rules.model import Document
from rules.text import fold

VALUE: Final = "\0"
"""How the atom of a document's value begins."""


def prefix(beginning: str) -> str:
    """Return the atom of the words of which the last begins so."""
    return f"{beginning}*"


def infix(piece: str) -> str:
    """Return the atom of the words that contain `piece`."""
    return f"*{piece}*"


def spelling(word: str, edits: int) -> str:
    """Return the atom of the words at most `edits` edits from `word`."""
    return f"{word}~{edits}"


def value(name: str, held: str) -> str:
    """Return the atom of one value of a document; `held` is folded where case does not count."""
    return f"{VALUE}{name}:{held}"


def values_of(document: Document) -> Iterator[str]:
    """Yield the atoms of all values of a document."""
    yield value("source", document.source)
    yield value("kind", document.kind)
    for tag in document.tags:
        yield value("tag", fold(tag))
    if document.lang is not None:
        lang = document.lang.lower().replace("_", "-")
        yield value("lang", lang)
        while "-" in lang:
            lang = lang[: lang.rindex("-")]
            yield value("lang", lang)
    for name, held in document.facts:
        yield value(name, fold(held))
        if name == "docket":
            yield DOCKET


DOCKET: Final = f"{VALUE}docket"
"""Stands for any docket that the source states."""
