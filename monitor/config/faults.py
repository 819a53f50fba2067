"""What is wrong with a config file, as values that name file, line and key; nothing is read or judged here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, where it stands, and what is meant. Never holds the value of a secret."""

    file: str
    line: int = 0
    """Counted from 1; 0 where the fault has no line (an environment variable, a missing file)."""
    column: int | None = None
    """Counted from 1; only where it says more than the line does: inside a query, in broken TOML."""
    where: str = ""
    """The table as its author sees it, e.g. `[[rule]] "sec-motion"` or `[network]`."""
    key: str = ""
    message: str
    hint: str = ""
    snippet: str = ""
    """The faulty line of a query with a caret below; empty for every other fault."""

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}" + (f":{self.column}" if self.column else "")
        parts = [place, self.where, self.key, self.message + (f"; {self.hint}" if self.hint else "")]
        return ": ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigWarning(Fault):
    """Something that does not keep tipstaff from running but that its owner should know."""


class ConfigFaults(Exception):
    """A config that cannot be used; `faults` holds every fault found, in the order of files and lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ConfigMissing(ConfigFaults):
    """No config file is where one was looked for."""


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return a hint that names the nearest known word, or "" where none is near."""
    folded = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f'did you mean "{folded[near[0]]}"?' if near else ""


def shown(value: object, limit: int = 60) -> str:
    """Return a value as a fault may quote it: on one line, cut, in single quotes where it is text."""
    text = repr(value) if isinstance(value, str) else _plain(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def kind_of(value: object) -> str:
    """Return what a TOML value is, in words: `text`, `a whole number`, `a list` ..."""
    if isinstance(value, bool):
        return "true/false"
    for types, name in (
        (str, "text"),
        (int, "a whole number"),
        (float, "a number"),
        (list | tuple, "a list"),
        (dict, "a table"),
    ):
        if isinstance(value, types):
            return name
    return "a date or time"
