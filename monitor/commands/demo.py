"""`tipstaff demo`: the written day on the terminal, or as one JSON line for each message delivered."""

from __future__ import annotations

import asyncio
import sys
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from monitor.cli import NEGATIVE, OK, UNAVAILABLE, USAGE, Call
from monitor.clock import SystemClock
from monitor.commands.terminal import Terminal
from monitor.demo.day import FEEDS, Beat
from monitor.demo.receivers import Hook, Mail, MissingExtra
from monitor.demo.stage import Watcher, new_folder, play
from monitor.rounds import Outcome

COLOURS = {"critical": "bold white on red", "high": "bold white on dark_orange3", "normal": "bold", "low": "dim"}


def demo(call: Call) -> int:
    """Replay the day; nothing leaves this machine. Exit code 0 when every message came."""
    words = call.words
    try:
        folder = new_folder(words.keep)
    except FileExistsError as fault:
        call.terminal.fail(str(fault))
        return USAGE
    watcher: Watcher = Lines(call.terminal) if words.json else Stand(once=words.once)
    try:
        complete = asyncio.run(play(folder, watcher, call.environ, once=words.once))
    except MissingExtra as fault:
        call.terminal.fail(str(fault))
        return UNAVAILABLE
    return OK if complete else NEGATIVE


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

    def __init__(self, *, once: bool, console: Console | None = None) -> None:
        self._once = once
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._clock = SystemClock()
        self._start = self._clock.monotonic()
        self._published: dict[str, float] = {}
        self._folder = Path()
        self._asked = 0
        self._entries = {feed.id: len(feed.before) for feed in FEEDS}
        self._told = 0

    def _line(self, what: str, style: str, *parts: tuple[str, str]) -> None:
        seconds = self._clock.monotonic() - self._start
        text = Text.assemble((f"{seconds:6.1f} s  ", "dim"), (f"{what:<14}", style), *parts)
        self._console.print(text, soft_wrap=False)

    def _more(self, *parts: tuple[str, str]) -> None:
        self._console.print(Text.assemble((" " * 24, ""), *parts), soft_wrap=False)

    def opened(self, folder: Path, origin: str, smtp: str, hook: str) -> None:
        self._folder = folder
        say = self._console.print
        say(Text("A day of SEC v. Binance, written for this demo and replayed on this machine.", style="bold"))
        say(Text("The daemon, the mail server and the webhook receiver are real; nothing leaves the machine."))
        say(Text(f"feeds {origin}   mail {smtp}   webhook {hook}", style="dim"))
        say()

    def published(self, beat: Beat) -> None:
        self._published[beat.entry.title] = self._clock.monotonic()
        self._entries[beat.feed] += 1
        label = beat.entry.text.split("]")[0] + "]" if beat.entry.text.startswith("[") else ""
        self._line(beat.feed, "cyan", (f"{label} {beat.entry.title}".strip(), ""))
        self._more((beat.note, "italic dim"))

    def asked(self, outcome: Outcome) -> None:
        self._asked += 1
        if outcome.baseline:
            note = "first round: stored, told to nobody"
            self._line(outcome.source, "cyan", (f"{outcome.new} entries, {note}", "dim"))
        elif outcome.failure is not None:
            self._line(outcome.source, "red", (str(outcome.failure), "red"))

    async def mail(self, mail: Mail) -> None:
        subject = message_from_bytes(mail.raw, policy=policy.default)["Subject"]
        self._more(("mail     ", "green"), (f"{mail.path.name if mail.path else ''}  {subject}", ""))

    async def hook(self, hook: Hook) -> None:
        told = hook.body["data"]
        self._told += 1
        word = "UPDATE" if hook.body["type"] == "alert.updated" else "ALERT"
        since = self._clock.monotonic() - self._published.get(told["title"], self._clock.monotonic())
        severity = COLOURS[told["severity"]]
        self._line(word, severity, (f"  {told['title']}", "bold"), (f"  after {since:.1f} s", "dim"))
        for rule in told["rules"]:
            self._more(("because  ", "yellow"), (rule["title"], ""), (f"  ({', '.join(rule['clauses'])})", "dim"))
        for passage in told["passages"][-1:]:
            self._more(("         ", ""), *_marked(passage))
        self._more(("webhook  ", "green"), (f"signature {'verified' if hook.verified else 'WRONG'}, {hook.id}", ""))

    def over(self, complete: bool) -> None:
        say = self._console.print
        say()
        total = sum(self._entries.values())
        say(
            Text(
                f"{total} publications, {self._told} messages on each channel; all else told to nobody.", style="bold"
            )
        )
        if not complete:
            say(Text("Not every message arrived in time.", style="bold red"))
        say(Text(f"mails     {self._folder / 'mails'}  (open them in any mail program)"))
        say(Text(f"webhooks  {self._folder / 'webhooks.jsonl'}"))
        say(Text(f"config    {self._folder / 'config.toml'}  (ask it: tipstaff -c FILE alerts list)"))
        if not self._once:
            say(Text("The daemon goes on watching; Ctrl-C stops it."))


def _marked(passage: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a passage's text with what fired in reverse, shortened around the first mark."""
    text, marks = passage["text"], passage["marks"]
    first = max(0, marks[0][0] - 40) if marks else 0
    parts: list[tuple[str, str]] = []
    at = first
    for start, end in marks:
        if start >= first + 150:
            break
        parts += [(text[at:start], "dim"), (text[start:end], "underline")]
        at = end
    return [*parts, (text[at : first + 150], "dim")]
