"""`tipstaff rules history`: what rules said when, and how they were changed; why is not recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.cli import NEGATIVE, OK, Call
from monitor.clock import SystemClock
from monitor.opening import opened
from storage.records import AuditLine, RuleVersion, difference

SHOWN = 100
"""Characters of a change in a list."""


def history(call: Call) -> int:
    """Show how rules were changed, newest first; of one rule, every version with what is different in it."""
    return _of_one(call, call.words.rule) if call.words.rule else _of_all(call)


def _of_all(call: Call) -> int:
    with opened(call.config_path, call.environ) as (_, store):
        lines = store.audit(since=_since(call), limit=call.words.limit)
    if call.terminal.as_json:
        call.terminal.answer(
            [{"at": line.at, "what": line.what, "rule": line.subject, "diff": line.detail} for line in lines]
        )
        return OK
    rows = [(line.at, line.subject, line.what.removeprefix("rule."), _summary(line)) for line in lines]
    call.terminal.table(("AT (UTC)", "RULE", "WHAT", "CHANGE"), rows, empty="no rule was changed")
    return OK


def _summary(line: AuditLine) -> str:
    """Return the changed lines of a diff in one line, as much as a list has room for."""
    # The first three lines name the versions and where they differ.
    changed = " ".join(row for row in line.detail.split("\n")[2:] if row[:1] in {"+", "-"})
    return changed if len(changed) <= SHOWN else changed[: SHOWN - 2] + " …"


def _of_one(call: Call, rule: str) -> int:
    with opened(call.config_path, call.environ) as (_, store):
        versions = store.rule_versions(rule)
    if not versions:
        call.terminal.refuse(
            f"no rule {rule!r} was ever in force",
            "the daemon records rules when it starts and when the config changes",
        )
        return NEGATIVE
    since = _since(call)
    pairs: Sequence[tuple[RuleVersion | None, RuleVersion]] = list(zip((None, *versions), versions, strict=False))
    chosen = [pair for pair in reversed(pairs) if since is None or pair[1].since >= since][: call.words.limit]
    if call.terminal.as_json:
        call.terminal.answer(
            [
                {
                    "rule": after.rule,
                    "number": after.number,
                    "version": after.version,
                    "since": after.since,
                    "until": after.until,
                    "definition": after.definition,
                    "diff": difference(before, after),
                }
                for before, after in chosen
            ]
        )
        return OK
    for before, after in chosen:
        until = f"until {after.until:%Y-%m-%d %H:%M:%S} UTC" if after.until else "in force"
        call.terminal.say(
            f"#{after.number} version {after.version}, since {after.since:%Y-%m-%d %H:%M:%S} UTC, {until}", "bold"
        )
        for row in difference(before, after).split("\n")[3:]:
            call.terminal.say(f"    {row}", {"+": "green", "-": "red"}.get(row[:1]))
    return OK


def _since(call: Call) -> datetime | None:
    since: timedelta | None = call.words.since
    return SystemClock().now() - since if since else None
