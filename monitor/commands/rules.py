"""`tipstaff rules`: running the examples and trying documents; what looks at the past is in `tuning`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from monitor.cli import NEGATIVE, OK, Call
from monitor.commands.tuning.documents import BadDocument, Read, read
from monitor.opening import load
from rules.entities import View
from rules.percolate import ExampleFailure, RuleBook, run_examples


def test(call: Call) -> int:
    """Run the examples of every rule; 0 when all come out as written, 1 otherwise."""
    config = load(call.config_path, call.environ).config
    failures = run_examples(config.rulebook)
    counts = [{"rule": rule.id, "examples": len(rule.examples)} for rule in config.rules]
    total = sum(len(rule.examples) for rule in config.rules)
    if call.terminal.as_json:
        call.terminal.answer({"ok": not failures, "rules": counts, "failures": failures_as_rows(failures)})
        return NEGATIVE if failures else OK
    for failure in failures:
        call.terminal.fail(str(failure))
    bare = [rule.id for rule in config.rules if not rule.examples]
    if bare:
        call.terminal.warn(f"without examples: {', '.join(bare)}")
    call.terminal.say(f"{total - len(failures)} of {total} examples pass", "red" if failures else "green")
    return NEGATIVE if failures else OK


def failures_as_rows(failures: Iterable[ExampleFailure]) -> list[dict[str, Any]]:
    """Return failed examples as JSON values."""
    return [{"rule": f.rule, "example": f.number, "expected": f.expected, "why": f.why} for f in failures]


def try_(call: Call) -> int:
    """Read documents as JSON lines from stdin; write for each which rules would alert."""
    config = load(call.config_path, call.environ).config
    bad = 0
    for number, line in _lines():
        try:
            one = read(line, f"line {number}")
        except BadDocument as fault:
            bad += 1
            call.terminal.fail(f"stdin: {fault}")
            continue
        call.terminal.line(_tried(one.name or str(number), one, config.rulebook))
    return NEGATIVE if bad else OK


def _tried(name: str, one: Read, book: RuleBook) -> dict[str, Any]:
    matches, faults = book.match(one.document, one.at)
    outcome: dict[str, Any] = {
        "id": name,
        "alerts": [match.rule.id for match in matches],
        "entities": sorted(View(one.document, book.gazetteer).mentions),
    }
    if faults:
        outcome["faults"] = [{"rule": f.rule, "reason": f.reason} for f in faults]
    return outcome


def _lines() -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if line.strip():
            yield number, line
