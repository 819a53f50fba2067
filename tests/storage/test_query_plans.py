"""No question that a round, the outbox or a list asks reads through a whole table, however large it has grown."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from stores import NOW, SOURCE, SOURCES, alert, compared, delivery, minutes, round_

from rules.model import Rule
from storage.engine import open_store
from storage.records import ChannelState, Settlement
from storage.store import Store

LARGE = ("document", "alias", "alert", "delivery", "delivery_alert", "attempt", "rule_version", "audit")


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "tipstaff.db"))
    store.plan(SOURCES, NOW).result()
    store.take("first:1", NOW)
    yield store
    store.close()


def test_nothing_that_happens_often_reads_through_a_large_table(filled: Store, tmp_path: Path) -> None:
    asked: set[tuple[str, int]] = set()

    def note(_c: object, _cursor: object, statement: str, parameters: object, _x: object, many: bool) -> None:
        first = parameters[0] if many else parameters  # type: ignore[index]
        asked.add((statement, len(first)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        one = compared("MOTION", *range(9))
        fired = alert(one)
        owed = delivery("a", alerts=[fired.key])
        filled.file(round_(one, alerts=[fired], deliveries=[owed])).result()
        later = compared("MOTION, corrected", key=one.key, novelty="amended")
        filled.file(round_(later, at=minutes(1))).result()
        filled.seen(SOURCE, range(20))
        filled.alerted([one.key])
        filled.first_seen([one.key])
        filled.owed("mail", NOW, limit=1)
        filled.next_owed()
        done = Settlement(key=owed.key, state="sent", at=NOW)
        filled.settle([done], ChannelState(channel="mail"), [delivery("b")]).result()
        filled.replay(prefix=owed.key[:9], states=("sent",), now=NOW).result()
        filled.document(one.key[:9])
        filled.documents()
        filled.documents(source=SOURCE)
        filled.alerts()
        filled.alert(fired.key[:9])
        filled.deliveries()
        filled.deliveries(state="parked")
        filled.deliveries(alert=fired.key)
        filled.attempts(owed.key)
        filled.thin(minutes(-9), NOW).result()
        list(filled.history(batch=1))
        list(filled.history(since=minutes(-1), until=minutes(9), batch=1))
        list(filled.history(source=SOURCE, since=minutes(-1), batch=1))
        filled.count_history(since=minutes(-1))
        filled.count_history(source=SOURCE)
        for when in ("motion", "motions"):
            filled.record_rules([Rule(id="motion", when=when)], NOW).result()
        filled.record_rules([], NOW).result()
        filled.rule_versions("motion")
        filled.rule_version("motion", "0123456789ab")
        filled.audit()
        filled.audit(subject="motion", since=NOW)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    plans = sqlite3.connect(tmp_path / "tipstaff.db")
    questions = [(s, n) for s, n in asked if s.startswith(("SELECT", "UPDATE", "INSERT"))]
    assert len(questions) > 20
    for statement, count in questions:
        for *_, step in plans.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * count):
            # Walking an index in order until the limit is reached is no reading through.
            through = step.startswith("SCAN") and "USING" not in step and step.split()[1] in LARGE
            assert not through, f"{step}: {statement}"
    plans.close()


@pytest.mark.parametrize(
    "chosen",
    [{}, {"since": minutes(-9), "until": minutes(9)}, {"source": SOURCE}, {"source": SOURCE, "until": minutes(9)}],
)
def test_every_batch_of_history_begins_where_the_last_one_ended(
    filled: Store, tmp_path: Path, chosen: dict[str, Any]
) -> None:
    filled.file(round_(*(compared(str(n), key=str(n)) for n in range(3)))).result()
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert len(list(filled.history(**chosen, batch=1))) == 3
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    plans = sqlite3.connect(tmp_path / "tipstaff.db")
    for statement in asked[1:]:
        first, *more = (
            row[3] for row in plans.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?"))
        )
        assert first.startswith("SEARCH document USING INDEX") and "(first_seen,nth" in first
        # What one source filed at one moment may have to be sorted; nothing else is.
        assert more in ([], ["USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"])
    plans.close()
