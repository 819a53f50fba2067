"""How answers look: tables and sentences for people, JSON for programs; what is said is up to the commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import TextIOWrapper
from typing import Any, Final, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

_LINE: Final = 100
"""Characters of a line of quoted text."""


class Terminal:
    """Standard output as a person or a program wants it."""

    def __init__(self, *, as_json: bool, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = stdout if stdout is not None else sys.stdout
        if isinstance(self._out, TextIOWrapper):
            # Titles hold whatever people write; a terminal that lacks a letter must not end the command.
            self._out.reconfigure(errors="backslashreplace")
        self._escaped = not (self._out.encoding or "utf-8").lower().startswith("utf")
        self._console = Console(file=self._out, highlight=False, soft_wrap=True, markup=False)
        self._errors = Console(
            file=stderr if stderr is not None else sys.stderr, highlight=False, soft_wrap=True, markup=False
        )

    @property
    def interactive(self) -> bool:
        """True when a person is looking: then progress may be drawn."""
        return self._errors.is_terminal

    @property
    def block(self) -> str:
        """What bars are made of."""
        return "#" if self._escaped else "█"

    def answer(self, value: Any) -> None:
        """Write one JSON document."""
        self._out.write(json.dumps(value, indent=2, ensure_ascii=self._escaped, default=plain) + "\n")

    def line(self, value: Any) -> None:
        """Write one JSON line, at once."""
        self._out.write(json.dumps(value, ensure_ascii=self._escaped, default=plain) + "\n")
        self._out.flush()

    def say(self, text: str = "", style: str | None = None) -> None:
        """Write a sentence."""
        self._console.print(Text(text, style=style or ""))

    def warn(self, text: str) -> None:
        """Write a sentence to standard error."""
        self._errors.print(Text(text, style="yellow"))

    def fail(self, text: str) -> None:
        """Write a fault to standard error."""
        self._errors.print(Text(text, style="red"))

    def refuse(self, reason: str, advice: str = "", **more: Any) -> None:
        """Say why there is no answer: to standard error, or as the JSON document that programs wait for."""
        if self.as_json:
            self.answer({"ok": False, "reason": reason, "advice": advice, **more})
        else:
            self.fail(f"{reason}\n{advice}".rstrip())

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "nothing to show") -> None:
        """Write rows under headings; where nobody looks, one tab-separated line a row."""
        cells = [[shown(cell) for cell in row] for row in rows]
        if not cells:
            self.say(empty)
            return
        if not self._console.is_terminal:
            for row in [list(columns), *cells]:
                self._out.write("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row) + "\n")
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        Console(file=self._out, highlight=False).print(table)

    def marked(self, text: str, marks: Iterable[tuple[int, int]], indent: str = "    ") -> None:
        """Write the lines of a text that have a mark [start, end), with it underlined, in a pipe by carets below."""
        text = "".join(" " if character.isspace() else character for character in text)
        spans = [(start, end) for start, end in marks if start < end]
        for first, last in _lines(text):
            here = [(max(start, first), min(end, last)) for start, end in spans if start < last and end > first]
            if here or not spans:
                self._marked_line(text[first:last].rstrip(), [(a - first, b - first) for a, b in here], indent)

    def _marked_line(self, line: str, marks: Sequence[tuple[int, int]], indent: str) -> None:
        shown = Text(indent + line)
        for start, end in marks:
            shown.stylize("bold underline", len(indent) + start, len(indent) + end)
        self._console.print(shown)
        if marks and not self._console.is_terminal:
            below = ""
            for start, end in marks:
                below += " " * (cell_len(line[:start]) - cell_len(below)) + "^" * cell_len(line[start:end])
            self._console.print(Text(indent + below))

    @contextmanager
    def progress(self, text: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Draw a bar on a terminal, with documents a second; give a function that is told how many more are done."""
        if not self.interactive:
            yield lambda _more: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed())
        with Progress(*columns, TimeRemainingColumn(), console=self._errors, transient=True) as bars:
            task = bars.add_task(text, total=total)
            yield lambda more: bars.advance(task, more)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show on a terminal that something takes its time."""
        if self.interactive:
            with self._errors.status(text):
                yield
        else:
            yield


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the characters [start, end) of lines that fit a terminal, broken at blanks where there are any."""
    start = 0
    while len(text) - start > _LINE:
        end = text.rfind(" ", start + 1, start + _LINE) + 1 or start + _LINE
        yield start, end
        start = end
    yield start, len(text)


class _Speed(ProgressColumn):
    """How many documents a second a bar stands for."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s", style="progress.data.speed")


def shown(value: Any) -> str:
    """Return a value as people read it in a table."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(v) for v in value)
    return str(value)


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun, such as `1 rule` or `3 entities`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def plain(value: Any) -> Any:
    """Return a JSON value for what json does not know."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def ago(then: datetime | None, now: datetime) -> str:
    """Return how long ago (or ahead) a time is, in one unit."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            count = f"{abs(seconds) / size:.0f} {unit}"
            return f"{count} ago" if seconds > 0 else f"in {count}"
    return "now"
