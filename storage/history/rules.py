"""The versions of every rule and the audit log: what was in force when; why a rule was changed is not known here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select, update

from rules.model import Rule
from storage import rows
from storage.records import AuditLine, RuleChange, RuleVersion, difference
from storage.schema import audit, rule_version

IN_FORCE: Final = rule_version.c.until.is_(None)


def record(connection: Connection, rules: Sequence[Rule], now: datetime) -> tuple[RuleChange, ...]:
    """Write down how these rules differ from those that were in force, with a line in the audit log for each.

    The number of questions hardly grows with the number of rules, and one that is as it was costs no write.
    """
    wanted = {rule.id: rule for rule in rules}
    now_at = {id_: rule.version for id_, rule in wanted.items()}
    standing = connection.execute(select(rule_version.c.rule, rule_version.c.version).where(IN_FORCE))
    kept = {row.rule: row.version for row in standing}
    changes = (
        *(_change(id_, version, known=id_ in kept) for id_, version in now_at.items() if kept.get(id_) != version),
        *(
            RuleChange(rule=id_, what="removed", version=version)
            for id_, version in kept.items()
            if id_ not in wanted
        ),
    )
    before = _in_force(connection, [change.rule for change in changes if change.what != "added"])
    written = [change.rule for change in changes if change.what != "removed"]
    numbers = _last_numbers(connection, written)
    after = {
        id_: RuleVersion(
            rule=id_,
            number=numbers.get(id_, 0) + 1,
            version=now_at[id_],
            definition=wanted[id_].definition,
            since=now,
        )
        for id_ in written
    }
    _end(connection, before.values(), now)
    rows.insert(connection, rule_version, [_row(one) for one in after.values()])
    rows.insert(connection, audit, [_line(one, before.get(one.rule), after.get(one.rule), now) for one in changes])
    return changes


def versions(connection: Connection, rule: str) -> tuple[RuleVersion, ...]:
    """Return all versions of a rule, the oldest first."""
    query = select(rule_version).where(rule_version.c.rule == rule).order_by(rule_version.c.number)
    return tuple(map(_version, connection.execute(query)))


def version_named(connection: Connection, rule: str, version: str) -> RuleVersion | None:
    """Return one version of a rule; the last time where it was in force several times."""
    query = select(rule_version).where(rule_version.c.rule == rule, rule_version.c.version == version)
    row = connection.execute(query.order_by(rule_version.c.number.desc()).limit(1)).first()
    return None if row is None else _version(row)


def audit_lines(
    connection: Connection, subject: str | None, since: datetime | None, limit: int
) -> tuple[AuditLine, ...]:
    """Return lines of the audit log, newest first."""
    query = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    if since is not None:
        query = query.where(audit.c.at >= since)
    return tuple(
        AuditLine(at=row.at, what=row.what, subject=row.subject, detail=row.detail)
        for row in connection.execute(query)
    )


def _change(id_: str, version: str, *, known: bool) -> RuleChange:
    return RuleChange(rule=id_, what="edited" if known else "added", version=version)


def _in_force(connection: Connection, ids: Collection[str]) -> dict[str, RuleVersion]:
    found: dict[str, RuleVersion] = {}
    for part in rows.chunks(ids):
        query = select(rule_version).where(IN_FORCE, rule_version.c.rule.in_(part))
        found.update((row.rule, _version(row)) for row in connection.execute(query))
    return found


def _last_numbers(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in rows.chunks(ids):
        query = select(rule_version.c.rule, func.max(rule_version.c.number).label("last"))
        query = query.where(rule_version.c.rule.in_(part)).group_by(rule_version.c.rule)
        found.update((row.rule, row.last) for row in connection.execute(query))
    return found


def _end(connection: Connection, ended: Collection[RuleVersion], now: datetime) -> None:
    this = (rule_version.c.rule == bindparam("this"), rule_version.c.number == bindparam("this_number"))
    rows.execute(
        connection,
        update(rule_version).where(*this).values(until=now),
        [{"this": one.rule, "this_number": one.number} for one in ended],
    )


def _row(one: RuleVersion) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "number": one.number,
        "version": one.version,
        "definition": one.definition,
        "since": one.since,
        "until": one.until,
    }


def _line(change: RuleChange, before: RuleVersion | None, after: RuleVersion | None, now: datetime) -> dict[str, Any]:
    what = f"rule.{change.what}"
    return {"at": now, "what": what, "subject": change.rule, "detail": difference(before, after)}


def _version(row: Row[Any]) -> RuleVersion:
    return RuleVersion(
        rule=row.rule,
        number=row.number,
        version=row.version,
        definition=row.definition,
        since=row.since,
        until=row.until,
    )
