"""The config in force: a valid change takes its place, an invalid one never does and is told, loudly and once."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clocks import HandClock
from desks import Ear, Wire

from monitor.config import Config, load
from monitor.desk import Channel, Desk, Watched
from monitor.log import Redactor
from monitor.reload import AGAIN, Reloading
from storage.engine import open_store
from storage.faults import StoreFull
from storage.store import Store

DESK = """
[[channel]]
id = "desk"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@localhost"
to = ["root@localhost"]

[[channel]]
id = "other"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@localhost"
to = ["root@localhost"]
"""
MOTION = """
[[rule]]
id = "motion"
when = "motion*"
"""
ORDER = """
[[rule]]
id = "order"
when = "order*"
"""


class Office:
    """A config file, the clock and the store around what is in force."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store
        self.clock = HandClock()
        self.environ = {"TIPSTAFF_STORE": str(folder / "tipstaff.db")}
        self.redactor = Redactor()
        self.read = 0
        self.write(DESK + MOTION)
        config = self.load(folder / "config.toml")
        self.reloading = Reloading(
            folder / "config.toml",
            config,
            self.desk(config),
            read=self.load,
            make=self.desk,
            redactor=self.redactor,
            clock=self.clock,
            store=store,
        )

    def write(self, text: str, name: str = "config.toml") -> None:
        """Write a file as editors do, by putting another one in its place."""
        draft = self.folder / f"{name}~"
        draft.write_text(text)
        draft.replace(self.folder / name)

    def load(self, path: Path) -> Config:
        self.read += 1
        return load(path, environ=self.environ)

    def desk(self, config: Config) -> Desk:
        return Desk(
            rulebook=config.rulebook,
            watched={
                s.id: Watched(source=Wire(s.id, s.url), title=s.label, interval=s.interval) for s in config.sources
            },
            channels={c.id: Channel(notifier=Ear(c.id), rate=1.0) for c in config.channels},
            notice_channels=config.health.channels or tuple(c.id for c in config.channels),
        )

    async def look(self, *, forced: bool = False) -> bool:
        return await self.reloading.look(forced)

    async def look_after(self, **time: float) -> bool:
        self.clock.set_forward(timedelta(**time))
        return await self.look()

    @property
    def rules(self) -> list[str]:
        return [rule.id for rule in self.reloading.desk().rulebook.rules]

    def told(self) -> list[tuple[str, str]]:
        return sorted((d.channel, d.message.title) for d in self.store.deliveries())


@pytest.fixture
def office(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Office]:
    caplog.set_level(logging.INFO, "tipstaff")
    store = open_store(str(tmp_path / "tipstaff.db"))
    yield Office(tmp_path, store)
    store.close()


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged of faults since the last look, one text each."""
    said = [str(vars(r).get("fields", {}).get("fault")) for r in caplog.records if r.message == "config fault"]
    caplog.clear()
    return said


async def test_an_unchanged_file_is_not_read_again(office: Office) -> None:
    assert [await office.look() for _ in range(3)] == [False] * 3
    assert office.read == 1


async def test_a_changed_file_takes_the_place_of_the_old_one(office: Office) -> None:
    office.write(DESK + MOTION + ORDER)
    assert await office.look() is True
    assert office.rules == ["motion", "order"]
    assert await office.look() is False


async def test_a_request_reads_the_file_although_it_is_unchanged(office: Office) -> None:
    office.environ["TIPSTAFF_LOG_LEVEL"] = "debug"
    assert await office.look(forced=True) is True


async def test_a_new_file_in_a_folder_of_includes_is_noticed(office: Office) -> None:
    (office.folder / "rules").mkdir()
    office.write('include = ["rules/*.toml"]\n' + DESK + MOTION)
    assert await office.look() is True
    office.write(ORDER, "rules/order.toml")
    assert await office.look() is True
    assert office.rules == ["motion", "order"]


async def test_a_changed_secret_file_is_noticed_and_its_new_value_hidden_in_the_log(office: Office) -> None:
    (office.folder / "password").write_text("correct horse\n")
    login = 'username = "t"\npassword = { file = "password" }\n'
    office.write(DESK.replace("[[channel]]\nid", f"[[channel]]\n{login}id", 1))
    assert await office.look() is True
    (office.folder / "password").write_text("battery staple\n")
    assert await office.look() is True
    assert office.redactor.clean("it is battery staple") == "it is [redacted]"


async def test_an_invalid_file_leaves_the_desk_in_force_and_logs_every_fault_with_its_line(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    before = office.reloading.desk()
    broken = "".join(f'[[rule]]\nid = "r{n}"\nwhen = "motion* AND"\n' for n in range(30))
    office.write(broken)
    assert await office.look() is False
    assert office.reloading.desk() is before
    said = logged(caplog)
    assert len(said) == 30
    for n, fault in enumerate(said):
        assert fault.startswith(f"{office.folder / 'config.toml'}:{3 * n + 3}:") and f'"r{n}"' in fault


async def test_a_file_that_is_put_right_is_in_force_at_once(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office.write("[[rule]]\n")
    await office.look()
    office.write(DESK + ORDER)
    assert await office.look() is True
    assert office.rules == ["order"]
    assert await office.look_after(hours=1) is False
    assert office.told() == []


async def test_channels_are_told_once_when_the_file_has_been_invalid_for_ten_minutes(office: Office) -> None:
    office.write("[[rule]]\n")
    await office.look()
    await office.look_after(minutes=9, seconds=50)
    assert office.told() == []
    await office.look_after(seconds=10)
    await office.look_after(seconds=2)
    everybody = [("desk", "Config file invalid"), ("other", "Config file invalid")]
    assert office.told() == everybody
    [body] = {d.message.body for d in office.store.deliveries()}
    assert "config.toml:1" in body and "First of 2 faults" in body
    for _ in range(5):
        await office.look_after(hours=3)
    office.write("[[rule]]\n\n")
    await office.look()
    await office.look_after(hours=3)
    assert office.told() == everybody, "once for one spell, whatever else is tried meanwhile"


async def test_another_spell_is_told_anew(office: Office) -> None:
    for _ in range(2):
        office.write("[[rule]]\n")
        await office.look()
        for _ in range(3):
            await office.look_after(minutes=10)
        office.write(DESK + MOTION)
        assert await office.look() is True
    assert len(office.told()) == 4


async def test_the_channels_chosen_for_notices_are_told(office: Office) -> None:
    office.write('[health]\nchannels = ["other"]\n' + DESK + MOTION)
    await office.look()
    office.write("nonsense")
    await office.look()
    for _ in range(3):
        await office.look_after(minutes=10)
    assert office.told() == [("other", "Config file invalid")]


async def test_a_telling_that_could_not_be_written_is_made_up_for(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.write("nonsense")
    await office.look()
    owe = office.store.owe

    def full(*_: object, **__: object) -> object:
        raise StoreFull("no space is left", "free some")

    monkeypatch.setattr(office.store, "owe", full)
    with pytest.raises(StoreFull):
        for _ in range(3):
            await office.look_after(minutes=10)
    monkeypatch.setattr(office.store, "owe", owe)
    await office.look()
    assert len(office.told()) == 2


async def test_a_file_that_vanishes_is_missed_and_taken_up_again(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.move(office.folder / "config.toml", office.folder / "away.toml")
    assert await office.look() is False
    assert office.rules == ["motion"]
    [said] = logged(caplog)
    assert "config.toml" in said
    shutil.move(office.folder / "away.toml", office.folder / "config.toml")
    assert await office.look() is True


async def test_what_an_invalid_config_lacked_is_found_although_its_own_files_stay_as_they_are(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.write('include = ["order.toml"]\n' + DESK + MOTION)
    assert await office.look() is False
    assert len(logged(caplog)) == 1
    for _ in range(10):
        await office.look_after(seconds=AGAIN.total_seconds())
    assert logged(caplog) == [], "nothing new was found out"
    office.write(ORDER.replace("order*", "order AND"), "order.toml")
    await office.look_after(seconds=AGAIN.total_seconds())
    assert len(logged(caplog)) == 1, "another fault than before"
    office.write(ORDER, "order.toml")
    assert await office.look_after(seconds=AGAIN.total_seconds()) is True
    assert office.rules == ["motion", "order"]
