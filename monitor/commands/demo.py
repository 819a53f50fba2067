"""`tipstaff demo`: the written day on the terminal, or as one JSON line for each message delivered."""

from __future__ import annotations

import asyncio
import sys
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.cli import NEGATIVE, OK, UNAVAILABLE, USAGE, Call
from monitor.clock import SystemClock
from monitor.commands.terminal import Terminal
from monitor.demo.day import FEEDS, Beat
from monitor.demo.receivers import Hook, Mail, MissingExtra
from monitor.demo.stage import Watcher, new_folder, play
from monitor.rounds import Outcome

SHOWN = 260
"""Characters of a passage."""
COLOURS = {"critical": "bold white on red", "high": "bold white on dark_orange3", "normal": "bold", "low": "dim"}


def demo(call: Call) -> int:
    """Replay the day; nothing leaves this machine. Exit code 0 when every message came."""
    words = call.words
    try:
        folder = new_folder(words.keep)
    except OSError as fault:
        # One that holds a day already is refused in words, all others by the system.
        said = f"{words.keep}: {fault.strerror}" if fault.strerror else str(fault)
        call.terminal.refuse(said, "name another folder for --keep, or none")
        return USAGE
    watcher: Watcher = Lines(call.terminal) if words.json else Stand(once=words.once, tipstaff=_typed(call))
    try:
        complete = asyncio.run(play(folder, watcher, call.environ, once=words.once))
    except MissingExtra as fault:
        call.terminal.refuse(str(fault))
        return UNAVAILABLE
    return OK if complete else NEGATIVE


def _typed(call: Call) -> str:
    """Return what this person types for tipstaff; run.py, which stands in for the command, says so."""
    return call.environ.get("TIPSTAFF_COMMAND", "tipstaff")


class Lines:
    """One JSON line for each message that a receiver took."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def opened(self, folder: Path, origin: str, smtp: str, hook: str) -> None:
        del folder, origin, smtp, hook

    def published(self, beat: Beat) -> None:
        del beat

    def asked(self, outcome: Outcome) -> None:
        del outcome

    async def mail(self, mail: Mail) -> None:
        read = message_from_bytes(mail.raw, policy=policy.default)
        self._terminal.line(
            {
                "channel": "desk",
                "kind": "email",
                "id": read["Message-ID"],
                "subject": read["Subject"],
                "references": read["References"],
                "file": str(mail.path) if mail.path else None,
            }
        )

    async def hook(self, hook: Hook) -> None:
        self._terminal.line(
            {"channel": "hook", "kind": "webhook", "id": hook.id, "verified": hook.verified, "message": hook.body}
        )

    def over(self, complete: bool) -> None:
        del complete


class Stand:
    """The day as a person watches it: what was published, what was told, and why."""

    def __init__(self, *, once: bool, tipstaff: str, console: Console | None = None) -> None:
        self._once = once
        self._tipstaff = tipstaff
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._clock = SystemClock()
        self._start = self._clock.monotonic()
        self._published: dict[str, float] = {}
        self._folder = Path()
        self._entries = sum(len(feed.before) for feed in FEEDS)
        self._told = 0

    def _row(self, what: str, style: str, *parts: tuple[str, str], time: bool = True) -> None:
        """Print one event; long text wraps below itself."""
        row = Table.grid(padding=(0, 1))
        row.add_column(width=6, justify="right")
        row.add_column(width=17, no_wrap=True)
        row.add_column(ratio=1)
        seconds = f"{self._clock.monotonic() - self._start:.1f} s" if time else ""
        row.add_row(Text(seconds, style="dim"), Text(what, style=style), Text.assemble(*parts))
        self._console.print(row)

    def opened(self, folder: Path, origin: str, smtp: str, hook: str) -> None:
        self._folder = folder
        say = self._console.print
        say(Text("A day of SEC v. Binance, written for this demo and replayed on this machine.", style="bold"))
        say(Text("Daemon, mail server and webhook receiver are real; nothing leaves the machine."))
        say(Text(f"feeds {origin}  mail {smtp}  webhook {hook}", style="dim"))
        say()

    def published(self, beat: Beat) -> None:
        entry = beat.entry
        self._published[entry.title] = self._clock.monotonic()
        self._entries += 1
        label = entry.text.split("]")[0] + "] " if entry.text.startswith("[") else ""
        self._console.print()
        self._row(beat.feed, "cyan", (label, "cyan"), (entry.title, ""))
        self._row("", "", (beat.note, "italic dim"), time=False)

    def asked(self, outcome: Outcome) -> None:
        if outcome.baseline:
            self._row(
                outcome.source, "cyan", (f"first round: {outcome.new} entries, stored and told to nobody", "dim")
            )
        elif outcome.failure is not None:
            self._row(outcome.source, "red", (str(outcome.failure), "red"))

    async def mail(self, mail: Mail) -> None:
        subject = message_from_bytes(mail.raw, policy=policy.default)["Subject"]
        self._row("  mail", "green", (f"{mail.path.name if mail.path else ''} ", "green"), (subject, ""), time=False)

    async def hook(self, hook: Hook) -> None:
        told = hook.body["data"]
        self._told += 1
        word = "UPDATE" if hook.body["type"] == "alert.updated" else "ALERT"
        since = self._clock.monotonic() - self._published.get(told["title"], self._clock.monotonic())
        self._row(
            f" {word} {told['severity']} ",
            COLOURS[told["severity"]],
            (told["title"], "bold"),
            (f"  told after {since:.1f} s", "dim"),
        )
        for rule in told["rules"]:
            self._row(
                "  because",
                "yellow",
                (rule["title"], "yellow"),
                (f"  {', '.join(rule['clauses'])}", "dim"),
                time=False,
            )
        for passage in told["passages"][-1:]:
            self._row("", "", *_marked(passage), time=False)
        verdict = "signature verified" if hook.verified else "signature WRONG"
        self._row("  webhook", "green", (f"{hook.id} ", "green"), (verdict, ""), time=False)

    def over(self, complete: bool) -> None:
        say = self._console.print
        say()
        say(
            Text(
                f"{self._entries} entries, {self._told} messages on each channel; the rest told to nobody.",
                style="bold",
            )
        )
        if not complete:
            say(Text("Not every message arrived in time.", style="bold red"))
        config = self._folder / "config.toml"
        for name, where in (
            ("mails", str(self._folder / "mails")),
            ("webhooks", str(self._folder / "webhooks.jsonl")),
            ("ask it", f"{self._tipstaff} -c {config} alerts list"),
        ):
            say(Text.assemble((f"{name:9}", "cyan"), where), soft_wrap=True)
        if not self._once:
            say(Text("The daemon goes on watching; Ctrl-C stops it."))


def _marked(passage: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a passage's text with what fired in reverse, shortened around the first mark."""
    text, marks = passage["text"], passage["marks"]
    first = max(0, marks[0][0] - 40) if marks else 0
    parts: list[tuple[str, str]] = []
    at = first
    for start, end in marks:
        if start >= first + SHOWN:
            break
        parts += [(text[at:start], "dim"), (text[start:end], "underline")]
        at = end
    rest = text[at : first + SHOWN]
    return [*parts, (rest + ("…" if len(text) > first + SHOWN else ""), "dim")]
