"""What to say of a TOML text that tomllib refuses, and at which line; it never judges a text that is accepted.

tomllib stops where it can go no further, which may be far behind the mistake: a list or a text that was
never closed is reported here at the line where it was opened.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any, Final

from monitor.config.toml.lines import STRING, line_starts

_PLACE: Final = re.compile(r"\s*\((?:at line (?P<line>\d+), column (?P<column>\d+)|at end of document)\)$")
_STATEMENT: Final = re.compile(r"[ \t]*(?:[\w\"'.-]+[ \t]*=|\[{1,2}[ \t]*[A-Za-z_])")
_HEADER: Final = re.compile(r"[ \t]*\[{1,2}[ \t]*([A-Za-z0-9_-]+)")
_KEY: Final = re.compile(r"[ \t]*((?:[A-Za-z0-9_.-]|\"[^\"\n]*\"|'[^'\n]*')+)[ \t]*=")
_OPENING: Final = {"[": "list", "{": "inline table"}


@dataclass(frozen=True, slots=True)
class Breakage:
    """The place (counted from 1) at which a TOML text is broken, and what is wrong there."""

    line: int
    column: int
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A key with its value, or a header, as far as a tolerant reader can tell."""

    start: int
    name: str
    header: bool
    opened: int | None = None
    """Where the outermost bracket or text starts that is still open at the end of the statement."""


def parse(text: str) -> tuple[dict[str, Any], Breakage | None]:
    """Return the tables of a TOML text, or none and what is wrong with it."""
    try:
        return tomllib.loads(text), None
    except tomllib.TOMLDecodeError as error:
        return {}, _explain(text, str(error))
    except RecursionError:
        return {}, Breakage(1, 1, "not valid TOML: lists or tables are nested too deeply")
    except ValueError as error:
        return {}, Breakage(1, 1, f"not valid TOML: {error}")


def headers(text: str) -> list[tuple[str, int]]:
    """Return the first name of every table header of a text that may be broken, each with its line."""
    found = []
    for number, row in enumerate(text.split("\n"), 1):
        name = _HEADER.match(row)
        if name is not None:
            found.append((name[1], number))
    return found


def _explain(text: str, error: str) -> Breakage:
    place = _PLACE.search(error)
    reason = _PLACE.sub("", error)
    starts = line_starts(text)
    if place is None or place["line"] is None:
        offset = len(text)
    else:
        offset = min(starts[int(place["line"]) - 1] + int(place["column"]) - 1, len(text))
    statements = _statements(text, offset)
    last = statements[-1] if statements else None
    if last is not None and last.opened is not None and _is_unclosed(text, offset, starts):
        return _unclosed(text, last.opened, offset, starts)
    if last is not None and ("Cannot overwrite" in reason or "Cannot declare" in reason):
        return _twice(text, statements, starts, reason)
    line, column = _at(min(offset, max(len(text) - 1, 0)), starts)
    return Breakage(line, column, f"not valid TOML: {_lower(reason)}", _hint(text, starts, line))


def _is_unclosed(text: str, offset: int, starts: tuple[int, ...]) -> bool:
    """A bracket is not closed when the reader stopped at something that looks like the next statement."""
    if offset >= len(text):
        return True
    line, _ = _at(offset, starts)
    return _STATEMENT.match(text, starts[line - 1]) is not None


def _unclosed(text: str, opened: int, offset: int, starts: tuple[int, ...]) -> Breakage:
    what = _OPENING.get(text[opened], "text")
    line, column = _at(opened, starts)
    stopped, _ = _at(min(offset, len(text)), starts)
    closing = {"[": "]", "{": "}"}.get(text[opened], text[opened : opened + 3])
    message = f"not valid TOML: the {what} that starts here is not closed (read up to line {stopped})"
    return Breakage(line, column, message, f"close it with {closing}")


def _twice(text: str, statements: list[_Statement], starts: tuple[int, ...], reason: str) -> Breakage:
    last = statements[-1]
    line, column = _at(last.start, starts)
    scope = [number for number, statement in enumerate(statements) if statement.header]
    begin = 0 if last.header or not scope else scope[-1]
    same = [s for s in statements[begin:-1] if s.name == last.name and s.header == last.header]
    what = f"the table [{last.name}]" if last.header else f"{last.name}"
    if not same:
        return Breakage(line, column, f"{what} cannot stand here: {_lower(reason)}")
    first, _ = _at(same[0].start, starts)
    return Breakage(line, column, f"{what} is set twice, first at line {first}", "keep one of them")


def _hint(text: str, starts: tuple[int, ...], line: int) -> str:
    row = text[starts[line - 1] :].split("\n", 1)[0]
    value = re.match(r"[ \t]*[\w.-]+[ \t]*=[ \t]*([A-Za-z][^\s#]*)", row)
    if value is not None and value[1] not in {"true", "false", "inf", "nan"}:
        return "text must stand in quotes"
    if re.match(r"[ \t]*[\w.-]+[ \t]*:", row):
        return "write key = value"
    return ""


def _lower(reason: str) -> str:
    return reason[:1].lower() + reason[1:]


def _at(offset: int, starts: tuple[int, ...]) -> tuple[int, int]:
    line = next(number for number in range(len(starts), 0, -1) if starts[number - 1] <= offset)
    return line, offset - starts[line - 1] + 1


def _statements(text: str, end: int) -> list[_Statement]:
    """Read the statements that start before `end`, forgiving whatever is wrong with them."""
    found: list[_Statement] = []
    offset = 0
    while offset < end:
        header = _HEADER.match(text, offset)
        key = None if header else _KEY.match(text, offset)
        if header is not None:
            name = text[header.start(1) : end].split("]", 1)[0].split("\n", 1)[0].strip()
            found.append(_Statement(header.start(), name, True))
            offset = _line_end(text, offset)
        elif key is not None:
            offset, opened = _value(text, key.end(), end)
            found.append(_Statement(key.start(1), key[1], False, opened))
        else:
            offset = _line_end(text, offset)
    return found


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def _value(text: str, offset: int, end: int) -> tuple[int, int | None]:
    """Step over a value; return where the next statement starts and what is open at `end`, if anything."""
    opened: list[int] = []
    while offset < end:
        mark = text[offset]
        if mark in "\"'":
            string = STRING.match(text, offset)
            if text.startswith(mark * 3, offset) and (string is None or len(string[0]) < 6):
                return end, opened[0] if opened else offset
            if string is None or string.end() > end:
                return end, opened[0] if opened else None
            offset = string.end()
            continue
        if mark == "#":
            offset = _line_end(text, offset) - 1
            if offset >= end:
                break
            continue
        if mark in "[{":
            opened.append(offset)
        elif mark in "]}" and opened:
            opened.pop()
        elif mark == "\n" and not opened:
            return offset + 1, None
        offset += 1
    return end, opened[0] if opened else None
