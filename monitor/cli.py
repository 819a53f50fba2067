"""The command line: which words there are and which function answers; the answers are in `monitor.commands`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor import __version__

if TYPE_CHECKING:
    from monitor.commands.terminal import Terminal

    _Sub = argparse._SubParsersAction[argparse.ArgumentParser]

OK: Final = 0
NEGATIVE: Final = 1
"""The question was answered with no: an example failed, a delivery was not taken."""
USAGE: Final = 2
UNAVAILABLE: Final = 69
"""Something outside did not answer (EX_UNAVAILABLE)."""
HELD: Final = 75
"""Another daemon has this store; try later (EX_TEMPFAIL)."""
CONFIG: Final = 78
"""The configuration is at fault (EX_CONFIG)."""
INTERRUPTED: Final = 130
MOST: Final = 100_000
"""Rows of one answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the command line: its words, its environment and where its answer goes."""

    words: argparse.Namespace
    environ: Mapping[str, str]
    terminal: Terminal

    @property
    def config_path(self) -> Path | None:
        """The file named with `--config`, if any."""
        named: str | None = self.words.config
        return Path(named) if named else None


Command = Callable[[Call], int]

_EPILOG: Final = """\
exit codes: 0 done, 1 the answer is no, 2 wrong usage, 69 something outside did not answer,
75 another daemon holds the store, 78 the configuration is at fault"""


def parser() -> argparse.ArgumentParser:
    """Build the whole command line."""
    top = argparse.ArgumentParser(
        prog="tipstaff",
        description="Watches regulators, courts, filings and the news, and tells the people who must know.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("-V", "--version", action="version", version=f"tipstaff {__version__}")
    top.add_argument("-c", "--config", metavar="FILE", help="the config file (default: see `tipstaff config path`)")
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    _daily(verbs)
    _sources(verbs)
    _rules(verbs)
    _alerts(verbs)
    _config(verbs)
    return top


def _verb(verbs: _Sub, name: str, answer: str, text: str, *, json: bool = False) -> argparse.ArgumentParser:
    """Add a word whose answer is `module:function` in monitor.commands."""
    verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    verb.add_argument("-c", "--config", metavar="FILE", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    if json:
        verb.add_argument("--json", action="store_true", help="answer as JSON")
    verb.set_defaults(answer=answer)
    return verb


def _group(verbs: _Sub, name: str, text: str) -> _Sub:
    group = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    return group.add_subparsers(dest="subverb", metavar="COMMAND", required=True)


def _duration(text: str) -> timedelta:
    from monitor.config.units import duration  # noqa: PLC0415 - what few calls need

    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MOST}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _key(text: str) -> str:
    # The beginning of a key stands for the key: nothing would stand for everything.
    if not text.strip():
        raise argparse.ArgumentTypeError("a key is not empty")
    return text.strip()


def _daily(verbs: _Sub) -> None:
    run = _verb(verbs, "run", "run:run", "watch the sources and tell the channels, until stopped")
    run.add_argument("--once", action="store_true", help="ask every source once, send what is owed, and end")
    _verb(verbs, "check", "check:check", "check the config, its rules and their examples", json=True)
    demo = _verb(verbs, "demo", "demo:demo", "replay a written day on this machine; nothing leaves it", json=True)
    demo.add_argument("--once", action="store_true", help="end after the day")
    demo.add_argument("--keep", metavar="DIR", help="where to leave the mails and the JSON (default: a new folder)")
    _verb(verbs, "status", "status:status", "show sources, channels and the outbox", json=True)
    health = _verb(verbs, "health", "status:health", "say whether the daemon is alive (exit code 0 or 69)", json=True)
    health.add_argument(
        "--max-age", metavar="SECONDS", type=_seconds, default=60.0, help="how old its last sign may be"
    )


def _sources(verbs: _Sub) -> None:
    group = _group(verbs, "sources", "list and try sources")
    _verb(group, "list", "sources:list_sources", "list the sources with their state", json=True)
    test = _verb(group, "test", "sources:test", "ask a source now and show what it has; nothing is stored", json=True)
    test.add_argument("source", metavar="ID|URL", help="a source of the config, or the address of a feed")


def _rules(verbs: _Sub) -> None:
    group = _group(verbs, "rules", "test, try and explain rules")
    _verb(group, "test", "rules:test", "run the examples of every rule", json=True)
    _verb(group, "try", "rules:try_", "read documents as JSON lines from stdin, write what each would alert")
    explain = _verb(
        group, "explain", "tuning.explain:explain", "say why rules fire on a document, or why not", json=True
    )
    explain.add_argument("document", metavar="DOCUMENT", help="a stored document's key, a JSON file, or - for stdin")
    explain.add_argument("rule", nargs="?", metavar="RULE", help="one rule in full (default: a look at all)")
    test = _verb(
        group,
        "backtest",
        "tuning.backtest:backtest",
        "ask rules of the past, and of what an edit would change",
        json=True,
    )
    test.add_argument("rule", nargs="?", metavar="RULE", help="the rule's id (default: all, or all that are edited)")
    _past(test, "90d")
    edit = test.add_mutually_exclusive_group()
    edit.add_argument("--when", metavar="QUERY", help="compare RULE with this query in its place")
    edit.add_argument("--edited", metavar="FILE", help="compare with the rules of this config, or file of rules")
    test.add_argument("--samples", metavar="N", type=_count, default=5, help="documents shown of each (default: 5)")
    near = _verb(group, "near", "tuning.near:near", "show documents that a rule missed by one clause", json=True)
    near.add_argument("rule", metavar="RULE", help="the rule's id")
    _past(near, "7d")
    near.add_argument("--limit", metavar="N", type=_count, default=20, help="how many are shown (default: 20)")
    _verb(group, "lint", "tuning.lint:show", "say what is suspicious in rules and entities", json=True)
    past = _verb(group, "history", "rule_history:history", "show how rules were changed, newest first", json=True)
    past.add_argument("rule", nargs="?", metavar="RULE", help="one rule's versions (default: changes of all rules)")
    past.add_argument("--since", metavar="DURATION", type=_duration, help="only the last 24h, 30d ...")
    past.add_argument("--limit", metavar="N", type=_count, default=50, help="how many at most (default: 50)")


def _past(verb: argparse.ArgumentParser, default: str) -> None:
    """Add the words that choose documents of the past."""
    verb.add_argument(
        "--since",
        metavar="DURATION",
        type=_duration,
        help=f"only the last 24h, 30d ... (default: {default} of the store)",
    )
    verb.add_argument("--source", metavar="ID", help="only documents of this source")
    verb.add_argument(
        "--from", dest="from_", metavar="FILE", help="documents as JSON lines, - for stdin, instead of the store's"
    )


def _alerts(verbs: _Sub) -> None:
    group = _group(verbs, "alerts", "list, show and replay alerts")
    listing = _verb(group, "list", "alerts:list_alerts", "list alerts, newest first", json=True)
    listing.add_argument("--since", metavar="DURATION", type=_duration, help="only the last 24h, 7d ...")
    listing.add_argument("--rule", metavar="ID", help="only this rule's")
    listing.add_argument("--source", metavar="ID", help="only on documents of this source")
    listing.add_argument("--limit", metavar="N", type=_count, default=50, help="how many at most (default: 50)")
    instead = listing.add_mutually_exclusive_group()
    instead.add_argument("--pending", action="store_true", help="list deliveries that are still owed")
    instead.add_argument("--parked", action="store_true", help="list deliveries that wait for a person")
    show = _verb(group, "show", "alerts:show", "show one alert: its reasons, passages and deliveries", json=True)
    show.add_argument("alert", metavar="KEY", type=_key, help="the alert's key, or enough of its beginning")
    replay = _verb(group, "replay", "alerts:replay", "send parked deliveries again, under the same ids", json=True)
    replay.add_argument("keys", nargs="*", metavar="KEY", type=_key, help="delivery or alert keys")
    replay.add_argument("--channel", metavar="ID", help="all of this channel; also enables it again after a 410")
    replay.add_argument(
        "--since", metavar="DURATION", type=_duration, help="only those created in the last 24h, 7d ..."
    )
    replay.add_argument("--sent", action="store_true", help="also those that were sent already")
    cancel = _verb(group, "cancel", "alerts:cancel", "give up deliveries that are owed or parked", json=True)
    cancel.add_argument("keys", nargs="*", metavar="KEY", type=_key, help="delivery or alert keys")
    cancel.add_argument("--channel", metavar="ID", help="all of this channel, also one no longer configured")
    deliver = _group(verbs, "deliver", "try channels")
    test = _verb(deliver, "test", "deliver:test", "send a test message through channels now", json=True)
    test.add_argument("channels", nargs="*", metavar="CHANNEL", help="channels of the config (default: all)")


def _config(verbs: _Sub) -> None:
    group = _group(verbs, "config", "show the config, its path and its schema")
    _verb(group, "show", "config:show", "show the config in force, without secrets", json=True)
    _verb(group, "path", "config:path", "show which file is read and where it is looked for", json=True)
    _verb(group, "schema", "config:schema", "print the JSON Schema of the config, for editors")


def run(argv: Sequence[str]) -> int:
    """Answer one call and return its exit code."""
    words = parser().parse_args(argv)
    from monitor.commands import faults  # noqa: PLC0415 - what every answer needs, not what --help needs
    from monitor.commands.terminal import Terminal  # noqa: PLC0415

    call = Call(words=words, environ=os.environ, terminal=Terminal(as_json=getattr(words, "json", False)))
    module, function = words.answer.split(":")
    command: Command = getattr(importlib.import_module(f"monitor.commands.{module}"), function)
    try:
        code = command(call)
        # Here and not at the end of the process, where nobody could catch that the reader has gone.
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our answer has gone (`tipstaff alerts list | head`): that is no fault.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        explained = faults.explain(error, call.terminal)
        if explained is None:
            raise
        return explained
