"""`tipstaff config`: what is in force, where it was found and what may stand in it."""

from __future__ import annotations

from pathlib import Path

from monitor import config as configuration
from monitor.cli import OK, Call
from monitor.opening import load


def show(call: Call) -> int:
    """Show the whole config with defaults filled in and secrets hidden; the answer is JSON."""
    call.terminal.answer(configuration.redacted(load(call.config_path, call.environ).config))
    return OK


def path(call: Call) -> int:
    """Show the file that is read and the places where it is looked for, in order."""
    places = configuration.places(call.config_path, call.environ, Path.cwd())
    found = configuration.find(call.config_path, call.environ, Path.cwd())
    if call.terminal.as_json:
        call.terminal.answer({"file": str(found), "looked_for": [str(place) for place in places]})
        return OK
    call.terminal.say(str(found))
    return OK


def schema(call: Call) -> int:
    """Print the JSON Schema."""
    call.terminal.answer(configuration.schema())
    return OK
