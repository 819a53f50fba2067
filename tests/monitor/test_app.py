"""The whole program put together: a real feed, a real mail server, a config that changes, signals and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from clocks import until
from towns import SECRET, rss

from monitor import daemon as daemons
from monitor.app import assembled, desk, fetcher, holder, obey_signals
from monitor.clock import SystemClock
from monitor.config import load
from monitor.daemon import Daemon
from monitor.demo.origin import Origin
from monitor.demo.receivers import HookReceiver, MailReceiver
from monitor.log import Redactor
from monitor.opening import Loaded
from storage.engine import open_store

ROOT = Path(__file__).resolve().parents[2]


class Firm:
    """Servers on loopback and a config file that names them."""

    def __init__(self, folder: Path, origin: Origin, mail: MailReceiver, hooks: HookReceiver) -> None:
        self.file = folder / "config.toml"
        self.origin = origin
        self.mail = mail
        self.hooks = hooks
        self.environ = {"HOOK_SECRET": SECRET}
        hook_port = hooks.url.rsplit(":", 1)[1].split("/")[0]
        self.network = f"""
[tipstaff]
store = "tipstaff.db"
[network]
allow = ["127.0.0.1/32:{origin.port}", "127.0.0.1/32:{hook_port}"]
host_spacing = "0ms"
"""

    def source(self, id: str) -> str:
        return f'[[source]]\nid = "{id}"\nurl = "{self.origin.url("/" + id)}"\ninterval = "100ms"\n'

    def rule(self, id: str, when: str) -> str:
        return f"[[rule]]\nid = \"{id}\"\nwhen = '{when}'\n"

    @property
    def desk(self) -> str:
        return (
            f'[[channel]]\nid = "desk"\nkind = "email"\nhost = "127.0.0.1"\nport = {self.mail.port}\ntls = "none"\n'
            'from = "tipstaff@x.test"\nto = ["desk@x.test"]\nrate = "100/s"\n'
        )

    @property
    def hook(self) -> str:
        return (
            f'[[channel]]\nid = "hook"\nkind = "webhook"\nurl = "{self.hooks.url}"\n'
            'secret = { env = "HOOK_SECRET" }\nrate = "100/s"\n'
        )

    def write(self, *parts: str) -> None:
        draft = self.file.with_suffix(".draft")
        draft.write_text(self.network + "".join(parts))
        draft.replace(self.file)

    def usual(self) -> tuple[str, ...]:
        return self.source("court"), self.rule("motion", "motion*"), self.desk

    def told(self, title: str) -> int:
        return sum(title.encode() in mail.raw for mail in self.mail.mails)


@pytest.fixture
async def firm(tmp_path: Path) -> AsyncIterator[Firm]:
    async with Origin() as origin, MailReceiver() as mail, HookReceiver(secrets=[SECRET]) as hooks:
        made = Firm(tmp_path, origin, mail, hooks)
        origin.publish("/court", rss("Old motion"))
        made.write(*made.usual())
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "TICKS", daemons.TICKS | {"due": 0.05, "sweep": 0.2, "config": 0.05})


@pytest.fixture
async def at_work(firm: Firm, quick: None) -> AsyncIterator[Daemon]:
    """The daemon as `tipstaff run` puts it together, after its first round."""
    loaded = Loaded(firm.file, load(firm.file, environ=firm.environ))
    asked: list[str] = []
    async with AsyncExitStack() as stack:
        store = open_store(loaded.config.tipstaff.store)
        stack.callback(store.close)
        store.take(holder(), SystemClock().now())
        daemon = await stack.enter_async_context(
            assembled(
                loaded,
                store,
                environ=firm.environ,
                redactor=Redactor(),
                on_outcome=lambda outcome: asked.append(outcome.source),
            )
        )
        task = asyncio.create_task(daemon.run())
        await until(lambda: asked or task.done(), seconds=20)
        yield daemon
        daemon.stop()
        await asyncio.wait_for(task, 15)


async def test_a_new_rule_source_and_channel_come_into_force_with_the_file(firm: Firm, at_work: Daemon) -> None:
    firm.origin.publish("/sec", rss("Old release"))
    firm.write(*firm.usual(), firm.source("sec"), firm.rule("order", "order*"), firm.hook)
    await until(lambda: firm.origin.count("/sec") > 2, seconds=20)
    firm.origin.publish("/sec", rss("Order to show cause", "Old release"))
    await until(lambda: firm.told("Order to show cause") and firm.hooks.hooks, seconds=20)
    assert firm.hooks.hooks[0].verified
    assert firm.told("Old release") == 0


async def test_an_invalid_file_changes_nothing_and_the_next_valid_one_is_taken(firm: Firm, at_work: Daemon) -> None:
    firm.write(*firm.usual(), firm.rule("order", "order AND"))
    firm.origin.publish("/court", rss("Motion to compel", "Old motion"))
    await until(lambda: firm.told("Motion to compel"), seconds=20)
    firm.write(*firm.usual(), firm.rule("order", "order*"))
    await until(lambda: "order" in _rules(at_work), seconds=20)
    firm.origin.publish("/court", rss("Order granting the motion", "Motion to compel", "Old motion"))
    await until(lambda: firm.told("Order granting"), seconds=20)
    assert firm.told("Motion to compel") == 1


async def test_sighup_reads_the_config_again_although_no_file_changed(
    firm: Firm, at_work: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = at_work._desk()
    obey_signals(at_work)
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: at_work._desk() is not before)


def _rules(daemon: Daemon) -> list[str]:
    return [rule.id for rule in daemon._desk().rulebook.rules]


async def test_what_is_switched_off_is_not_made(firm: Firm) -> None:
    off = "enabled = false\n"
    firm.write(
        firm.source("court") + off, firm.source("sec"), firm.rule("motion", "motion*"), firm.desk, firm.hook + off
    )
    config = load(firm.file, environ={})
    made = desk(config, fetcher(config, SystemClock()))
    assert (list(made.watched), list(made.channels), made.notice_channels) == (["sec"], ["desk"], ("desk",))


async def test_notices_go_to_other_channels_when_all_that_were_chosen_are_off(firm: Firm) -> None:
    firm.write('[health]\nchannels = ["hook"]\n', firm.source("court"), firm.desk, firm.hook + "enabled = false\n")
    config = load(firm.file, environ={})
    assert desk(config, fetcher(config, SystemClock())).notice_channels == ("desk",)


# As a process


class Process:
    """`tipstaff run`, or a script in its place, with a systemd that listens."""

    def __init__(self, firm: Firm, folder: Path, script: str = "") -> None:
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.manager.bind(str(folder / "notify"))
        self.heard: list[str] = []
        self.log = folder / "log"
        environ = {n: v for n, v in os.environ.items() if not n.startswith("TIPSTAFF_")}
        environ |= firm.environ | {"PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": str(folder / "notify")}
        program = ["-c", script] if script else ["-m", "monitor"]
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, *program, "run", "-c", str(firm.file)], stdout=log, stderr=log, env=environ
            )

    def listen(self) -> list[str]:
        while True:
            try:
                self.heard.append(self.manager.recv(4096).decode())
            except BlockingIOError:
                return self.heard

    async def ended(self) -> int:
        await until(lambda: self.popen.poll() is not None, seconds=20)
        return int(self.popen.returncode)

    async def aclose(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        await self.ended()
        self.manager.close()


async def test_a_process_tells_systemd_reads_a_new_rule_on_sighup_and_stops_cleanly(
    firm: Firm, tmp_path: Path
) -> None:
    process = Process(firm, tmp_path)
    try:
        await until(lambda: {"READY=1", "WATCHDOG=1"} <= set(process.listen()), seconds=20)
        await until(lambda: firm.origin.count("/court") > 2, seconds=20)
        firm.write(*firm.usual(), firm.rule("order", "order*"))
        process.popen.send_signal(signal.SIGHUP)
        await until(lambda: "config in force" in process.log.read_text(), seconds=5)
        firm.origin.publish("/court", rss("Order to show cause", "Old motion"))
        await until(lambda: firm.told("Order to show cause"), seconds=20)
        process.popen.send_signal(signal.SIGTERM)
        assert await process.ended() == 0
        assert process.listen()[-1] == "STOPPING=1"
        assert "Traceback" not in process.log.read_text()
    finally:
        await process.aclose()


STUCK = """
import sys, threading
from monitor import daemon
from monitor.__main__ import main
from storage.store import Store
daemon.STUCK, daemon.BEAT = 0.5, 0.1
Store.due = lambda *_: threading.Event().wait()
sys.exit(main(sys.argv[1:]))
"""


async def test_a_process_with_a_stuck_loop_ends_although_its_thread_never_does(firm: Firm, tmp_path: Path) -> None:
    process = Process(firm, tmp_path, STUCK)
    try:
        assert await process.ended() == 69
        assert "no movement" in process.log.read_text()
        assert "start it again" in process.log.read_text()
    finally:
        await process.aclose()
    (tmp_path / "again").mkdir()
    again = Process(firm, tmp_path / "again")
    try:
        await until(lambda: "READY=1" in again.listen(), seconds=20)
    finally:
        await again.aclose()
