"""`tipstaff check`: everything that can be known to be wrong before the daemon starts."""

from __future__ import annotations

from monitor.cli import NEGATIVE, OK, Call
from monitor.commands.rules import failures_as_rows
from monitor.commands.terminal import counted
from monitor.commands.tuning.lint import findings
from monitor.opening import load
from rules.percolate import run_examples


def check(call: Call) -> int:
    """Check the config and run the rules' examples; 0 all right, 1 an example failed, 78 the config is at fault."""
    loaded = load(call.config_path, call.environ, secrets=True)
    config = loaded.config
    failures = run_examples(config.rulebook)
    examples = sum(len(rule.examples) for rule in config.rules)
    if call.terminal.as_json:
        call.terminal.answer(
            {
                "ok": not failures,
                "file": str(loaded.path),
                "sources": len(config.sources),
                "rules": len(config.rules),
                "entities": len(config.entities),
                "channels": len(config.channels),
                "examples": examples,
                "warnings": [str(w) for w in config.warnings],
                "failures": failures_as_rows(failures),
            }
        )
        return NEGATIVE if failures else OK
    for warning in config.warnings:
        call.terminal.warn(str(warning))
    for failure in failures:
        call.terminal.fail(str(failure))
    counts = (
        f"{counted(len(config.sources), 'source')}, {counted(len(config.rules), 'rule')}, "
        f"{counted(len(config.entities), 'entity', 'entities')}, {counted(len(config.channels), 'channel')}; "
        f"{examples - len(failures)} of {counted(examples, 'example')} pass"
    )
    call.terminal.say(f"{loaded.path}: {counts}", "red" if failures else "green")
    if found := findings(config):
        call.terminal.say(f"`tipstaff rules lint` has {counted(len(found), 'thing')} to say about the rules")
    return NEGATIVE if failures else OK
