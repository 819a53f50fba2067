"""How faults end a command: what is said to the person and which exit code the shell gets."""

from __future__ import annotations

from monitor.cli import CONFIG, HELD, NEGATIVE, UNAVAILABLE
from monitor.commands.terminal import Terminal
from monitor.config import ConfigFaults
from monitor.sources import SourceFailure
from storage.faults import LookupFault, StoreFault, StoreHeld


def explain(error: Exception, terminal: Terminal) -> int | None:
    """Say what went wrong and return the exit code; None when it is a fault of our own making."""
    if isinstance(error, ConfigFaults):
        return _config(error, terminal)
    if isinstance(error, StoreHeld):
        terminal.fail(f"{error.reason}\n{error.advice}")
        return HELD
    if isinstance(error, LookupFault):
        terminal.fail(str(error))
        return NEGATIVE
    if isinstance(error, StoreFault):
        terminal.fail(f"{error.reason}\n{error.advice}")
        return UNAVAILABLE
    if isinstance(error, SourceFailure):
        terminal.fail(f"{error}\n{error.advice}".rstrip())
        return UNAVAILABLE
    return None


def _config(error: ConfigFaults, terminal: Terminal) -> int:
    if terminal.as_json:
        faults = [
            {"file": f.file, "line": f.line, "where": f.where, "key": f.key, "message": f.message, "hint": f.hint}
            for f in error.faults
        ]
        terminal.answer({"ok": False, "faults": faults})
        return CONFIG
    for fault in error.faults:
        terminal.fail(str(fault))
        if fault.snippet:
            terminal.fail(fault.snippet)
    count = len(error.faults)
    terminal.fail(f"{count} fault{'s' if count > 1 else ''} in the config; nothing was started")
    return CONFIG
