"""No question that a round, the outbox or a list asks reads through a whole table, however large it has grown."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from stores import NOW, SOURCE, SOURCES, alert, compared, delivery, minutes, round_

from storage.engine import open_store
from storage.records import ChannelState, Settlement
from storage.store import Store

LARGE = ("document", "alias", "alert", "delivery", "delivery_alert", "attempt")


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
