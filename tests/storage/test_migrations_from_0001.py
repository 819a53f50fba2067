"""A store that the first schema has filled: nothing of it is lost, and what came later takes its place in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from kills import killed_at
from sqlalchemy import create_engine, make_url, text
from stores import NOW, SOURCE, alert, compared, message, minutes, round_

from rules.model import Document, Reason, Rule
from storage import encoding, migrate
from storage.databases.postgres import open_url
from storage.databases.sqlite import open_file
from storage.engine import open_store
from storage.migrate import STEPS, Steps
from storage.store import Store

AT = encoding.micros(NOW)
FILLED = (
    "INSERT INTO source (id, host, url, active, next_poll, cursor, traits, health, baselined, polls, documents)"
    f" VALUES ('{SOURCE}', 'h', 'u', true, {AT}, '{{}}', '{{}}', '{{}}', true, 7, 2)",
    *(
        "INSERT INTO document"
        " (key, source, kind, title, body, authors, tags, revision, first_seen, nth, published)"
        f" VALUES ('{key}', '{SOURCE}', 'news', '{title}', 'Żółć', '[\"A\"]', '[]', 'r', {AT}, {nth}, {AT})"
        for nth, (key, title) in enumerate([("k", "MOTION"), ("l", "NOTICE")])
    ),
    f"INSERT INTO alias (source, alias, document) VALUES ('{SOURCE}', 1, 'k')",
    "INSERT INTO alert (key, document, rule, revision, severity, evidence, at, nth)"
    f" VALUES ('a', 'k', 'court-motions', 'r', 'high', '[]', {AT}, 0)",
    "INSERT INTO delivery (key, channel, state, message, attempts, created, nth, not_before, progress)"
    f" VALUES ('d', 'mail', 'pending', :message, 0, {AT}, 0, {AT}, '{{}}')",
    "INSERT INTO delivery_alert (delivery, nth, alert) VALUES ('d', 0, 'a')",
    "INSERT INTO channel (id, health) VALUES ('mail', '{}')",
)
"""Rows as a program of the first schema wrote them."""


@pytest.fixture
def old(address: str, tmp_path: Path) -> str:
    """The address of a store that was filled at the first schema."""
    return _filled(address, tmp_path)


def _filled(address: str, folder: Path) -> str:
    first = Steps(folder / "first", ("0001",))
    shutil.copytree(STEPS.folder, first.folder, ignore=shutil.ignore_patterns("000[2-9]*", "__pycache__"))
    if address.startswith("sqlite"):
        Store(open_file(Path(address.removeprefix("sqlite:///")), create=True, check=False, steps=first)).close()
    else:
        Store(open_url(make_url(address), create=True, steps=first)).close()
    told = message(reasons=(Reason(rule="court-motions", title="Motions", severity="high", when="motion*"),))
    kept = encoding.load(encoding.dump(told))
    for reason in kept["reasons"]:
        del reason["version"]
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for statement in FILLED:
            given = {"message": encoding.dump(kept)} if ":message" in statement else {}
            connection.execute(text(statement), given)
    with engine.connect() as connection:
        assert migrate.version(connection) == "0001"
    engine.dispose()
    return address


def _is_whole(store: Store) -> None:
    kept = store.document("k")
    assert kept is not None
    expected = Document(source=SOURCE, title="MOTION", body="Żółć", published=NOW, authors=("A",))
    assert (kept.document, kept.first_seen, kept.amended, kept.thinned) == (expected, NOW, None, None)
    assert store.seen(SOURCE, [1])[1][0].revision == "r"
    (fired,) = store.alerts()
    assert (fired.alert.key, fired.alert.version) == ("a", "")
    (owed,) = store.owed("mail", NOW)
    assert (owed.delivery.key, owed.delivery.alerts) == ("d", ("a",))
    assert [reason.version for reason in owed.delivery.message.reasons] == [""]
    state = store.source(SOURCE)
    assert state is not None and (state.polls, state.documents) == (7, 2)


def test_what_the_first_schema_held_is_there_as_it_was(old: str) -> None:
    store = open_store(old)
    _is_whole(store)
    assert store.audit() == () == store.rule_versions("court-motions")
    store.close()


def test_old_documents_are_part_of_the_history_and_old_alerts_keep_their_text(old: str) -> None:
    store = open_store(old)
    assert [filed.key for filed in store.history()] == ["k", "l"]
    assert store.thin(minutes(1), minutes(2)).result() == 1
    assert [filed.key for filed in store.history()] == ["k"], "the other one has an alert"
    store.close()


def test_a_store_of_the_first_schema_takes_all_that_is_new(old: str) -> None:
    store = open_store(old)
    rule = Rule(id="court-motions", when="motion*")
    store.record_rules([rule], minutes(1)).result()
    one = compared("ORDER", 5, key="m", facts=(("court", "dcd"),))
    store.file(round_(one, at=minutes(1), alerts=[alert(one, version=rule.version)])).result()
    kept = store.document("m")
    assert kept is not None and kept.document.facts == (("court", "dcd"),)
    assert [found.alert.version for found in store.alerts()] == [rule.version, ""]
    amended = compared("MOTION, corrected", key="k", novelty="amended")
    store.file(round_(amended, at=minutes(2))).result()
    kept = store.document("k")
    assert kept is not None and kept.document.title == "MOTION, corrected"
    store.close()


def test_an_upgrade_from_the_first_schema_that_is_killed_anywhere_is_made_good_by_the_next(
    sqlite_address: str, tmp_path: Path
) -> None:
    _filled(sqlite_address, tmp_path)
    points, killed = 0, True
    while killed:
        points += 1
        path = tmp_path / f"kill-{points}.db"
        shutil.copy(sqlite_address.removeprefix("sqlite:///"), path)
        killed = killed_at(points, lambda at=path: open_store(str(at)))  # type: ignore[misc]
        store = open_store(str(path))
        _is_whole(store)
        store.close()
    assert points > 20
