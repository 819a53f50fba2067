"""Config files from the disk, put together through `include`, with the place of every key; nothing is judged here
but whether files can be read and put together."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from monitor.config.faults import Fault, did_you_mean, kind_of, shown
from monitor.config.secret import READABLE_BY_OTHERS
from monitor.config.toml.lines import KeyPath, Lines, locate, normal
from monitor.config.toml.syntax import headers, parse
from monitor.config.units import path_from

LIMIT: Final = 5_000_000
"""Bytes of one config file."""
DEPTH: Final = 8
"""Files that may include each other in one chain."""
FILES: Final = 500
"""Files that one config may be made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """One file as it was read, at once and whole."""

    path: Path
    shown: str
    """The path as faults name it."""
    table: dict[str, Any]
    lines: Lines
    exposed: bool
    """The group or everybody can read it."""

    def fault(self, path: KeyPath, message: str, hint: str = "", *, key: str = "") -> Fault:
        """Return a fault at one of its keys."""
        return Fault(file=self.shown, line=self.lines.position(path)[0], key=key, message=message, hint=hint)


@dataclass(slots=True, kw_only=True)
class Reading:
    """The tables of all files put together, and where each key of them comes from."""

    root: Path
    table: dict[str, Any] = field(default_factory=dict)
    files: list[ConfigFile] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    """Folders that include patterns look into."""
    faults: list[Fault] = field(default_factory=list)
    broken: bool = False
    """At least one file is missing or no TOML: what other files refer to may well be in it."""
    _origins: dict[KeyPath, tuple[ConfigFile, KeyPath]] = field(default_factory=dict)

    def origin(self, path: KeyPath) -> tuple[ConfigFile, KeyPath] | None:
        """Return the file that a key comes from and its path there; None where no file has anything to do with it."""
        for length in range(len(path), 0, -1):
            found = self._origins.get(path[:length])
            if found is not None:
                file, base = found
                return file, (*base, *path[length:])
        return (self.files[0], ()) if self.files else None

    def order(self, shown_path: str) -> int:
        """Return the rank of a file in the order of reading."""
        return next((n for n, file in enumerate(self.files) if file.shown == shown_path), len(self.files))

    def take(self, file: ConfigFile) -> None:
        """Add the tables of a file: lists of tables grow, tables are merged, one value twice is a fault."""
        self.files.append(file)
        self._merge(self.table, (), file.table, file)

    def lay(self, edit: Reading) -> None:
        """Put the tables of other files in the place of their namesakes here; the others keep their places."""
        for section, tables in edit.table.items():
            self._leave_out(section, {_name(table) for table in tables if isinstance(table, dict)})
        for file in edit.files:
            self.take(file)
        self.faults += edit.faults
        self.broken = self.broken or edit.broken

    def _leave_out(self, section: str, names: Collection[str | None]) -> None:
        """Drop the tables of a section that are so named."""
        numbered = list(enumerate(self.table.get(section, ())))
        places = {number: self._origins.pop((section, number)) for number, _ in numbered}
        kept = [(number, table) for number, table in numbered if _name(table) is None or _name(table) not in names]
        self.table[section] = [table for _, table in kept]
        for now, (number, _) in enumerate(kept):
            self._origins[section, now] = places[number]

    def _merge(self, into: dict[str, Any], path: KeyPath, table: dict[str, Any], file: ConfigFile) -> None:
        for key, value in table.items():
            here = (*path, key)
            if here == ("include",):
                continue
            if not path and _is_list_of_tables(value) and _is_list_of_tables(into.get(key, [])):
                self._append(into, key, value, file)
            elif key not in into:
                into[key] = _copy(value)
                self._origins[here] = (file, here)
            elif isinstance(value, dict) and isinstance(into[key], dict):
                self._merge(into[key], here, value, file)
            else:
                first = self.origin(here)
                place = f"{first[0].shown}:{first[0].lines.position(first[1])[0]}" if first else "elsewhere"
                message = f"is set twice: here and at {place}"
                self.faults.append(file.fault(here, message, "keep one of them", key=".".join(map(str, here))))

    def _append(self, into: dict[str, Any], key: str, tables: list[Any], file: ConfigFile) -> None:
        grown = into.setdefault(key, [])
        self._origins.setdefault((key,), (file, (key,)))
        for number, table in enumerate(tables):
            self._origins[key, len(grown)] = (file, (key, number))
            grown.append(_copy(table))


def read(path: Path, known: frozenset[str]) -> Reading:
    """Read a config file and every file that it includes.

    Args:
        path: the root file.
        known: names of sections, so that a mistyped header can be named even where the TOML is broken.
    """
    reading = Reading(root=path)
    _read_into(reading, path, str(path), (), known, None)
    return reading


def _read_into(
    reading: Reading, path: Path, name: str, chain: tuple[Path, ...], known: frozenset[str], by: Fault | None
) -> None:
    """Read one file and what it includes. `by` is the fault to report, completed, when that cannot be done."""
    try:
        raw, exposed = _bytes(path)
        text = normal(raw.decode())
    except UnicodeDecodeError as error:
        reading.broken = True
        line = error.object.count(b"\n", 0, error.start) + 1
        reading.faults.append(Fault(file=name, line=line, message="is not UTF-8 text", hint="save the file as UTF-8"))
        return
    except (OSError, ValueError) as error:
        reading.broken = True
        reason = f"cannot be read: {_reason(error)}"
        reading.faults.append(_included(by, name, reason) if by else Fault(file=name, message=reason))
        return
    table, breakage = parse(text)
    if breakage is not None:
        reading.broken = True
        reading.faults += _unknown_headers(text, name, known)
        reading.faults.append(
            Fault(file=name, line=breakage.line, column=breakage.column, message=breakage.message, hint=breakage.hint)
        )
        return
    file = ConfigFile(path=path, shown=name, table=table, lines=locate(text), exposed=exposed)
    reading.take(file)
    for target, fault in _targets(reading, file):
        if target.resolve() in {p.resolve() for p in (*chain, path)}:
            reading.faults.append(_included(fault, str(target), "includes itself, by way of other files or directly"))
        elif any(target.resolve() == other.path.resolve() for other in reading.files):
            reading.faults.append(_included(fault, str(target), "is included twice"))
        elif len(chain) + 1 >= DEPTH:
            reading.faults.append(_included(fault, str(target), f"is included more than {DEPTH} files deep"))
        elif len(reading.files) >= FILES:
            reading.faults.append(_included(fault, str(target), f"is one of more than {FILES} files"))
        else:
            _read_into(reading, target, str(target), (*chain, path), known, fault)


def _unknown_headers(text: str, name: str, known: frozenset[str]) -> Iterator[Fault]:
    """A mistyped header often breaks the TOML further down; this names the cause beside the effect."""
    for header, line in headers(text):
        if header not in known:
            yield unknown_section(header, known, file=name, line=line)


def unknown_section(section: str, known: frozenset[str], *, file: str, line: int) -> Fault:
    """Return the fault of a top-level name that is none of the known ones."""
    return Fault(
        file=file,
        line=line,
        key=section,
        message="is not a known section",
        hint=did_you_mean(section, known) or f"known are {', '.join(sorted(known))}",
    )


def _targets(reading: Reading, file: ConfigFile) -> Iterator[tuple[Path, Fault]]:
    """Yield the files that one file includes, sorted within each pattern, with a fault in case they fail."""
    patterns = file.table.get("include", [])
    if not isinstance(patterns, list):
        message = f"must be a list of paths, not {kind_of(patterns)}"
        reading.faults.append(file.fault(("include",), message, 'write include = ["rules/*.toml"]', key="include"))
        return
    for number, pattern in enumerate(patterns):
        blank = file.fault(("include", number), "", key="include")
        if not isinstance(pattern, str) or not pattern.strip() or "\0" in pattern:
            reading.faults.append(_included(blank, shown(pattern), "is not a path"))
            continue
        whole = path_from(file.path.parent, pattern)
        if not any(mark in pattern for mark in "*?["):
            yield whole, blank
            continue
        anchor = Path(whole.anchor or ".")
        reading.folders.append(_fixed_part(whole))
        for found in sorted(anchor.glob(str(whole.relative_to(whole.anchor) if whole.anchor else whole))):
            if found.is_file():
                yield found, blank


def _fixed_part(pattern: Path) -> Path:
    """Return the folder above the first part of a pattern that has a wildcard."""
    parts: list[str] = []
    for part in pattern.parts:
        if any(mark in part for mark in "*?["):
            break
        parts.append(part)
    return Path(*parts)


def _bytes(path: Path) -> tuple[bytes, bool]:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise ValueError("it is not a file")
        raw = file.read(LIMIT + 1)
    if len(raw) > LIMIT:
        raise ValueError(f"it is larger than {LIMIT // 1_000_000} MB")
    return raw, os.name == "posix" and bool(mode & READABLE_BY_OTHERS)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error)


def _included(by: Fault, target: str, reason: str) -> Fault:
    return Fault(file=by.file, line=by.line, where=by.where, key=by.key, message=f"{target} {reason}")


def _name(table: Mapping[str, Any]) -> str | None:
    name = table.get("id", table.get("name"))
    return name if isinstance(name, str) else None


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(element, dict) for element in value)


def _copy(value: Any) -> Any:
    """Copy tables, so that merging never touches what was read; lists become tuples, but for lists of tables."""
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(_copy(inner) for inner in value)
    return value
