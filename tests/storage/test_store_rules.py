"""The versions of rules and the audit log: what was in force when, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from stores import NOW, minutes

from rules.model import Fragment, Rule
from storage.records import AuditLine, RuleChange, RuleVersion
from storage.store import Store

MOTION = Rule(id="motion", when="motion*", title="Motions", channels=("desk",))
ORDER = Rule(id="order", when="order*")


def recorded(store: Store, *rules: Rule, at: float = 0) -> list[tuple[str, str]]:
    """Record the rules in force and return what became of which."""
    return [(change.what, change.rule) for change in store.record_rules(rules, minutes(at)).result()]


def test_a_first_look_adds_every_rule_with_its_definition(store: Store) -> None:
    assert store.record_rules([MOTION, ORDER], NOW).result() == (
        RuleChange(rule="motion", what="added", version=MOTION.version),
        RuleChange(rule="order", what="added", version=ORDER.version),
    )
    (first,) = store.rule_versions("motion")
    assert first == RuleVersion(
        rule="motion", number=1, version=MOTION.version, definition=MOTION.definition, since=NOW
    )
    line = store.audit()[-1]
    assert (line.at, line.what, line.subject) == (NOW, "rule.added", "motion")
    assert line.detail.split("\n")[:4] == [
        "--- /dev/null",
        f"+++ motion {MOTION.version}",
        "@@ -0,0 +1,5 @@",
        "+when = motion*",
    ]


def test_a_second_look_at_the_same_rules_writes_nothing(store: Store) -> None:
    recorded(store, MOTION, ORDER)
    before = (store.rule_versions("motion"), store.rule_versions("order"), store.audit())
    assert recorded(store, ORDER, MOTION, at=1) == []
    assert (store.rule_versions("motion"), store.rule_versions("order"), store.audit()) == before


def test_an_edited_rule_gets_a_version_and_a_line_that_shows_what_is_different(store: Store) -> None:
    recorded(store, MOTION, ORDER)
    edited = replace(MOTION, when="motion* OR\nmoves", severity="high")
    assert recorded(store, edited, ORDER, at=5) == [("edited", "motion")]
    first, second = store.rule_versions("motion")
    assert (first.number, first.since, first.until) == (1, NOW, minutes(5))
    assert (second.number, second.since, second.until) == (2, minutes(5), None)
    assert second.definition == edited.definition
    (line,) = store.audit(limit=1)
    assert line == AuditLine(
        at=minutes(5),
        what="rule.edited",
        subject="motion",
        detail="\n".join(
            [
                f"--- motion {MOTION.version}",
                f"+++ motion {edited.version}",
                "@@ -1,5 +1,6 @@",
                "-when = motion*",
                "+when = motion* OR",
                "+moves",
                " title = Motions",
                "-severity = normal",
                "+severity = high",
                " channels = desk",
                " updates = false",
            ]
        ),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"when": "motions"},
        {"title": "Other"},
        {"severity": "low"},
        {"channels": ()},
        {"updates": True},
        {"fragments": (Fragment(id="f", when="x"),)},
    ],
)
def test_whatever_decides_when_a_rule_fires_and_whom_it_tells_makes_a_version(
    store: Store, change: dict[str, Any]
) -> None:
    recorded(store, MOTION)
    assert recorded(store, replace(MOTION, **change), at=1) == [("edited", "motion")]


def test_a_rule_that_goes_back_gets_a_new_row_of_the_old_version(store: Store) -> None:
    other = replace(MOTION, when="moves")
    for at, rule in enumerate((MOTION, other, MOTION)):
        recorded(store, rule, at=at)
    assert [(v.number, v.version, v.since, v.until) for v in store.rule_versions("motion")] == [
        (1, MOTION.version, NOW, minutes(1)),
        (2, other.version, minutes(1), minutes(2)),
        (3, MOTION.version, minutes(2), None),
    ]
    found = store.rule_version("motion", MOTION.version)
    assert found is not None and found.number == 3
    assert store.rule_version("order", MOTION.version) is None


def test_a_removed_rule_ends_once_and_counts_on_when_it_comes_back(store: Store) -> None:
    recorded(store, MOTION, ORDER)
    assert recorded(store, ORDER, at=1) == [("removed", "motion")]
    assert recorded(store, ORDER, at=2) == []
    assert store.rule_versions("motion")[-1].until == minutes(1)
    (line,) = store.audit(limit=1)
    assert (line.what, line.subject) == ("rule.removed", "motion")
    assert "-when = motion*" in line.detail and "+++ /dev/null" in line.detail
    assert recorded(store, ORDER, MOTION, at=3) == [("added", "motion")]
    assert [(v.number, v.since, v.until) for v in store.rule_versions("motion")] == [
        (1, NOW, minutes(1)),
        (2, minutes(3), None),
    ]


def test_the_audit_log_is_newest_first_and_can_be_narrowed(store: Store) -> None:
    recorded(store, MOTION, ORDER)
    recorded(store, ORDER, at=1)
    recorded(store, replace(ORDER, when="orders"), at=2)
    assert [(line.what, line.subject) for line in store.audit()] == [
        ("rule.edited", "order"),
        ("rule.removed", "motion"),
        ("rule.added", "order"),
        ("rule.added", "motion"),
    ]
    assert [line.what for line in store.audit(subject="motion")] == ["rule.removed", "rule.added"]
    assert [line.at for line in store.audit(since=minutes(1))] == [minutes(2), minutes(1)]
    assert [line.subject for line in store.audit(limit=1)] == ["order"]
    assert store.audit(subject="unheard-of") == () == store.rule_versions("unheard-of")


def test_text_that_a_database_refuses_makes_no_new_version_at_every_look(store: Store) -> None:
    hostile = replace(MOTION, title="a\x00b\ud800")
    assert recorded(store, hostile) == [("added", "motion")]
    assert recorded(store, hostile, at=1) == []
    assert "title = a\ufffdb\ufffd" in store.rule_versions("motion")[0].definition


def test_the_number_of_questions_does_not_grow_rule_by_rule(store: Store) -> None:
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    many = [Rule(id=f"rule-{n}", when=f"word{n}") for n in range(2000)]
    edited = [replace(rule, severity="high") for rule in many[:1500]]
    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert len(recorded(store, *many)) == 2000
        assert len(recorded(store, *edited, at=1)) == 2000
        assert len(asked) < 60
        asked.clear()
        assert recorded(store, *edited, at=2) == []
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    writes = [statement for statement in asked if statement.startswith(("INSERT", "UPDATE"))]
    assert all("receipt" in statement for statement in writes), "PostgreSQL's receipt is the transaction's own"


# The same as a model without a database

RULES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "x y"]), st.booleans()),
    unique_by=lambda rule: rule[0],
)


class Model:
    """Looks at the rules one by one."""

    def __init__(self) -> None:
        self.versions: dict[str, list[RuleVersion]] = {}
        self.log: list[tuple[datetime, str, str]] = []

    def record(self, rules: list[Rule], now: datetime) -> list[tuple[str, str]]:
        changes = []
        for rule in rules:
            kept = self.versions.setdefault(rule.id, [])
            standing = kept[-1] if kept and kept[-1].until is None else None
            if standing and standing.definition == rule.definition:
                continue
            if standing:
                kept[-1] = replace(standing, until=now)
            kept.append(
                RuleVersion(
                    rule=rule.id,
                    number=len(kept) + 1,
                    version=rule.version,
                    definition=rule.definition,
                    since=now,
                )
            )
            changes.append(("edited" if standing else "added", rule.id))
        for id_, kept in sorted(self.versions.items()):
            if kept[-1].until is None and id_ not in {rule.id for rule in rules}:
                kept[-1] = replace(kept[-1], until=now)
                changes.append(("removed", id_))
        self.log += [(now, f"rule.{what}", id_) for what, id_ in changes]
        return changes


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(looks=st.lists(RULES, min_size=2, max_size=8))
def test_the_history_of_rules_is_that_of_a_model_on_both_databases(
    two_stores: Any, looks: list[list[tuple[str, str, bool]]]
) -> None:
    model, stores = Model(), two_stores()
    for nth, look in enumerate(looks):
        rules = [Rule(id=id_, when=when, updates=updates) for id_, when, updates in look]
        expected = model.record(rules, minutes(nth))
        assert [sorted(recorded(store, *rules, at=nth)) for store in stores] == [sorted(expected)] * 2
    for store in stores:
        for id_ in "abc":
            assert list(store.rule_versions(id_)) == model.versions.get(id_, [])
        assert sorted((line.at, line.what, line.subject) for line in store.audit(limit=99)) == sorted(model.log)
