"""What tests of the command line share: a town of servers, a config in the working folder, and an alert."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clocks import HandClock
from desks import Bench
from pasts import CONFIG, Past
from towns import SECRET, Say, Town, rss

from monitor.cli import OK, run
from rules.model import Rule
from storage.engine import open_store


@pytest.fixture(scope="session")
def one_town() -> Iterator[Town]:
    town = Town()
    yield town
    town.close()


@pytest.fixture
def town(one_town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    one_town.origin.publish("/feed", rss("Old motion"))
    one_town.origin.normally("/feed")
    one_town.mail.answer = lambda _stage, _argument: None
    one_town.hooks.answer = lambda _hook: None
    one_town.mail.mails.clear()
    one_town.hooks.hooks.clear()
    (tmp_path / "config.toml").write_text(one_town.config())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    for name in ("TIPSTAFF_CONFIG", "TIPSTAFF_STORE", "TIPSTAFF_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    return one_town


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def said(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = run(words)
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return said


@pytest.fixture
def alerted(town: Town, say: Say) -> str:
    """Two rounds: one silent, one with an alert; the alert's key."""
    assert say("run", "--once")[0] == OK
    town.origin.publish("/feed", rss("Motion to compel", "Notice of appearance", "Old motion"))
    assert say("run", "--once")[0] == OK
    [alert] = json.loads(say("alerts", "list", "--json")[1])
    return str(alert["alert"])


@pytest.fixture
async def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> AsyncIterator[Past]:
    monkeypatch.chdir(tmp_path)
    for name in ("TIPSTAFF_CONFIG", "TIPSTAFF_STORE", "TIPSTAFF_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "config.toml").chmod(0o600)
    store = open_store(str(tmp_path / "data" / "tipstaff.db"))
    bench = Bench(store=store, clock=HandClock(datetime.now(UTC) - timedelta(seconds=5)))
    bench.source().add("old", "Old")
    for id in ("desk", "hook"):
        bench.ear(id)
    made = Past(bench, say)
    made.put_in_force(Rule(id="motion", when="motion*", channels=("desk", "hook")))
    await bench.round()
    yield made
    store.close()
