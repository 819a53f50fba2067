"""How faults end a command: what is said to the person and which exit code the shell gets."""

from __future__ import annotations

from monitor.cli import CONFIG, HELD, NEGATIVE, UNAVAILABLE
from monitor.commands.terminal import Terminal, counted
from monitor.config import ConfigFaults
from monitor.sources import SourceFailure
from storage.faults import LookupFault, StoreFault, StoreHeld


def explain(error: Exception, terminal: Terminal) -> int | None:
    """Say what went wrong and return the exit code; None when it is a fault of our own making."""
    if isinstance(error, ConfigFaults):
        return _config(error, terminal)
    if isinstance(error, StoreFault):
        terminal.refuse(error.reason, error.advice)
        if isinstance(error, StoreHeld):
            return HELD
        return NEGATIVE if isinstance(error, LookupFault) else UNAVAILABLE
    if isinstance(error, SourceFailure):
        terminal.refuse(str(error), error.advice, kind=error.kind)
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
    terminal.fail(f"{counted(len(error.faults), 'fault')} in the config; nothing was started")
    return CONFIG
