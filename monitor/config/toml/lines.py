"""Where each key of a TOML text stands; values are tomllib's affair and are only stepped over here.

The text must be one that tomllib accepts: what is wrong with one that it refuses is in `syntax`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

KeyPath = tuple[str | int, ...]

BLANK: Final = re.compile(r"[ \t]*")
SPACE: Final = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
BARE_VALUE: Final = re.compile(r"[^,\]}#\n]+")
STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_ESCAPES: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_TRIMMED: Final = re.compile(r"\\[ \t]*\n[ \t\n]*")


def normal(text: str) -> str:
    """Return the text as tomllib reads it: line breaks are single, a byte order mark is no content."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


@dataclass(frozen=True, slots=True)
class Lines:
    """The places of all keys of one text; lines and columns count from 1."""

    text: str
    keys: Mapping[KeyPath, int]
    """Offsets of keys, of the headers of tables, and of the elements of lists (whose last part is a number)."""
    values: Mapping[KeyPath, int]
    """Offsets at which values start."""
    starts: tuple[int, ...]
    """Offsets at which lines start."""

    def position(self, path: KeyPath) -> tuple[int, int]:
        """Return line and column of a key, or of the nearest table around it that has a place."""
        for length in range(len(path), 0, -1):
            offset = self.keys.get(path[:length])
            if offset is not None:
                return self.at(offset)
        return 1, 1

    def inside(self, path: KeyPath, line: int, column: int) -> tuple[int, int]:
        """Return the place in the file of a place in the text that a string value holds.

        Escapes and line continuations of the TOML string are accounted for. A place past the end of the
        text gives the place just behind its last character.
        """
        start = self.values.get(path)
        if start is None or self.text[start : start + 1] not in {'"', "'"}:
            return self.position(path)
        text, offsets = decode(self.text, start)
        rows = text.split("\n")
        before = sum(len(row) + 1 for row in rows[: line - 1])
        return self.at(offsets[max(0, min(before + column - 1, len(text)))])

    def at(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return the text of a line, without its line break."""
        start = self.starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]


def decode(text: str, start: int) -> tuple[str, list[int]]:
    """Return the content of the TOML string at an offset, and the offset of each character and of the end."""
    found = STRING.match(text, start)
    if found is None:
        raise ValueError(f"no TOML string at offset {start}")
    quote = text[start]
    width = 3 if text.startswith(quote * 3, start) and len(found[0]) >= 6 else 1
    at, end = start + width, found.end() - width
    if width == 3 and text.startswith("\n", at):
        at += 1
    characters: list[str] = []
    offsets: list[int] = []
    while at < end:
        trimmed = _TRIMMED.match(text, at) if quote == '"' and width == 3 else None
        if trimmed is not None:
            at = min(trimmed.end(), end)
            continue
        character, length = _character(text, at) if quote == '"' else (text[at], 1)
        characters.append(character)
        offsets.append(at)
        at += length
    return "".join(characters), [*offsets, end]


def _character(text: str, at: int) -> tuple[str, int]:
    if text[at] != "\\":
        return text[at], 1
    mark = text[at + 1]
    if mark in "uU":
        digits = 4 if mark == "u" else 8
        return chr(int(text[at + 2 : at + 2 + digits], 16)), 2 + digits
    return _ESCAPES[mark], 2


def line_starts(text: str) -> tuple[int, ...]:
    """Return the offsets at which the lines of a text start."""
    return (0, *(found.end() for found in re.finditer("\n", text)))


def locate(text: str) -> Lines:
    """Find the place of every key of a text that tomllib accepts and that `normal` has passed."""
    scanner = _Scanner(text)
    scanner.scan()
    return Lines(text, scanner.keys, scanner.values, line_starts(text))


class _Scanner:
    """Walks over a TOML text once and writes down where keys and values start."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.keys: dict[KeyPath, int] = {}
        self.values: dict[KeyPath, int] = {}
        self._elements: dict[KeyPath, int] = {}

    def scan(self) -> None:
        table: KeyPath = ()
        while self._skip(SPACE) < len(self.text):
            if self.text.startswith("[[", self.offset):
                table = self._header(2)
            elif self.text[self.offset] == "[":
                table = self._header(1)
            else:
                self._pair(table)

    def _header(self, brackets: int) -> KeyPath:
        start = self.offset
        self.offset += brackets
        names = [name for name, _ in self._key()]
        self._skip(BLANK)
        self.offset += brackets
        path = self._through(names[:-1], start)
        path = (*path, names[-1])
        if brackets == 1:
            self.keys[path] = start
            return path
        self.keys.setdefault(path, start)
        number = self._elements.get(path, 0)
        self._elements[path] = number + 1
        self.keys[*path, number] = start
        return (*path, number)

    def _through(self, names: list[str], start: int) -> KeyPath:
        """Follow the outer names of a header: where one is a list of tables, its last table is meant."""
        path: KeyPath = ()
        for name in names:
            path = (*path, name)
            self.keys.setdefault(path, start)
            if path in self._elements:
                path = (*path, self._elements[path] - 1)
        return path

    def _pair(self, table: KeyPath) -> None:
        path = table
        for name, offset in self._key():
            path = (*path, name)
            self.keys.setdefault(path, offset)
        self._skip(BLANK)
        self.offset += 1  # the equals sign
        self._skip(BLANK)
        self._value(path)

    def _key(self) -> list[tuple[str, int]]:
        names: list[tuple[str, int]] = []
        while True:
            start = self._skip(BLANK)
            if self.text[start] in "\"'":
                names.append((decode(self.text, start)[0], start))
                self._skip(STRING)
            else:
                end = self._skip(BARE_KEY)
                names.append((self.text[start:end], start))
            if self.text[self._skip(BLANK)] != ".":
                return names
            self.offset += 1

    def _value(self, path: KeyPath) -> None:
        self.values[path] = self.offset
        mark = self.text[self.offset]
        if mark in "\"'":
            self._skip(STRING)
        elif mark == "[":
            self._list(path)
        elif mark == "{":
            self._inline_table(path)
        else:
            self._skip(BARE_VALUE)

    def _list(self, path: KeyPath) -> None:
        self.offset += 1
        number = 0
        while self.text[self._skip(SPACE)] != "]":
            self.keys[*path, number] = self.offset
            self._value((*path, number))
            number += 1
            if self.text[self._skip(SPACE)] == ",":
                self.offset += 1
        self.offset += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.offset += 1
        while self.text[self._skip(SPACE)] != "}":
            self._pair(path)
            if self.text[self._skip(SPACE)] == ",":
                self.offset += 1
        self.offset += 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.offset)
        if found is not None:
            self.offset = found.end()
        return self.offset
