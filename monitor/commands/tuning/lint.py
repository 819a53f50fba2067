"""`tipstaff rules lint`: what is suspicious in the rules themselves, before any document is looked at."""

from __future__ import annotations

from collections import Counter
from typing import Final

from monitor.cli import NEGATIVE, OK, Call
from monitor.commands.terminal import counted
from monitor.config import Config, SourceConfig
from monitor.config.loading import places_of
from monitor.opening import load
from rules.model import FACTS
from rules.tuning.lint import LEVELS, Finding, lint
from rules.tuning.providing import Provided

_STYLES: Final = {"error": "red", "warning": "yellow", "note": ""}


def show(call: Call) -> int:
    """Say what is suspicious in rules and entities; 1 when a rule can never fire, 0 otherwise."""
    terminal = call.terminal
    loaded = load(call.config_path, call.environ)
    found = findings(loaded.config)
    places = places_of(loaded.path, {finding.section for finding in found})
    counts = Counter(finding.level for finding in found)
    if terminal.as_json:
        terminal.answer(
            {
                "ok": not counts["error"],
                "counts": {level: counts[level] for level in LEVELS},
                "findings": [
                    _values(finding, *places.get((finding.section, finding.id), ("", 0))) for finding in found
                ],
            }
        )
        return NEGATIVE if counts["error"] else OK
    for finding in found:
        file, line = places.get((finding.section, finding.id), (str(loaded.path), 0))
        where = f"{file}:{line}" if line else file
        told = f'{where}: [[{finding.section}]] "{finding.id}": {finding.level}: {finding.message}; {finding.advice}'
        terminal.say(told, _STYLES[finding.level])
    summary = ", ".join(counted(counts[level], level) for level in LEVELS if counts[level])
    terminal.say(
        summary or f"nothing is suspicious in {counted(len(loaded.config.rules), 'rule')}",
        "green" if not found else "bold",
    )
    return NEGATIVE if counts["error"] else OK


def findings(config: Config) -> tuple[Finding, ...]:
    """Return what is suspicious in the rules of a config."""
    sources = [_provided(source) for source in config.sources if source.enabled]
    channels = {channel.id for channel in config.channels if channel.enabled}
    return lint(config.rulebook, sources, channels)


def _provided(source: SourceConfig) -> Provided:
    """Return what documents of a source have: a feed states tags, and a language where none is set."""
    # What another kind of source puts into its documents is known only to itself.
    varying = (
        {"tag", "lang", "kind", *FACTS} if source.kind != "feed" else {"tag"} if source.lang else {"tag", "lang"}
    )
    return Provided(
        id=source.id,
        kind=source.documents,
        lang=source.lang,
        tags=source.tags,
        facts=source.facts,
        varying=frozenset(varying),
    )


def _values(finding: Finding, file: str, line: int) -> dict[str, object]:
    return {
        "section": finding.section,
        "id": finding.id,
        "level": finding.level,
        "check": finding.check,
        "message": finding.message,
        "advice": finding.advice,
        "file": file,
        "line": line,
    }
