"""The daemon as an operator has it: a process of its own and a config file; what it should do is not known here.

A process is addressed by its pidfd, so that a signal can never reach another one. Linux only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from witnesses import PATH, SECRET, Witnesses

ROOT = Path(__file__).resolve().parents[2]
STORE = "tipstaff.db"

CONFIG = """\
[tipstaff]
store = "{store}"
log_level = "info"

[network]
allow = ["127.0.0.1/32:{origin}", "127.0.0.1/32:{hook}"]
host_spacing = "0ms"

[[source]]
id = "wire"
kind = "feed"
url = "{url}"
documents = "docket-entry"
interval = "150ms"

[[rule]]
id = "motions"
when = "title:motion"
channels = ["hook", "mail"]

[[channel]]
id = "hook"
kind = "webhook"
url = "{hook_url}"
secret = {{ file = "webhook.secret" }}
rate = "500/s"

[[channel]]
id = "mail"
kind = "email"
host = "127.0.0.1"
port = {smtp}
tls = "none"
from = "tipstaff@localhost.test"
to = ["desk@localhost.test"]
rate = "500/s"
"""


def write_config(folder: Path, witnesses: Witnesses) -> Path:
    """Write the config of a desk that watches and tells the witnesses; return the file."""
    secret = folder / "webhook.secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET + "\n", encoding="utf-8")
    hook_url = witnesses.hooks.url
    text = CONFIG.format(
        store=STORE,
        origin=witnesses.origin.port,
        hook=hook_url.rsplit(":", 1)[1].split("/")[0],
        url=witnesses.origin.url(PATH),
        hook_url=hook_url,
        smtp=witnesses.mails.port,
    )
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


class DaemonProcess:
    """One life of the daemon."""

    def __init__(
        self,
        config: Path,
        witnesses: Witnesses,
        *,
        program: Sequence[str] = ("-m", "monitor"),
        log: str = "daemon.log",
    ) -> None:
        """Start it.

        Args:
            config: the config file.
            witnesses: whose `life` begins anew, and who look again when the process has ended.
            program: what Python is to run instead of tipstaff itself.
            log: the file beside the config to which what it says is appended.
        """
        witnesses.life += 1
        self._witnesses = witnesses
        self.log = config.parent / log
        environ = {n: v for n, v in os.environ.items() if not n.startswith("TIPSTAFF_")} | {"PYTHONPATH": str(ROOT)}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *program, "run", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environ,
                cwd=config.parent,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self._gate = threading.Lock()
        self.dead = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pidfd, self._ended)

    def kill(self) -> None:
        """End it as a power button would; without effect on a dead one. May be called from any thread."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask for a clean stop."""
        self._signal(signal.SIGTERM)

    async def ended(self, *, within: float) -> int | None:
        """Wait for its end and return the exit code, negative for a signal; None when it still lives."""
        if not await self._witnesses.until(lambda: self.dead, within=within):
            return None
        return self._process.wait()

    async def end(self) -> None:
        """Kill it if it still lives, and wait."""
        self.kill()
        await self.ended(within=10)

    def _signal(self, number: signal.Signals) -> None:
        with self._gate, suppress(ProcessLookupError):
            if not self.dead:
                signal.pidfd_send_signal(self._pidfd, number)

    def _ended(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._process.wait()
        with self._gate:
            self.dead = True
            os.close(self._pidfd)
        self._witnesses.stir()


async def observed(holds: Callable[[], bool], *, within: float) -> bool:
    """Wait until something holds that nobody tells us about, such as a line in a log; return whether it does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not holds() and loop.time() < end:
        await asyncio.sleep(0.005)
    return holds()


def children(pid: int) -> dict[int, str]:
    """Return the children of a process with their state (R, S, Z ...), from /proc."""
    return {child: state for child, (state, parent, _) in _processes().items() if parent == pid}


def remaining(sessions: Sequence[int]) -> list[int]:
    """Return the processes that still belong to these sessions, such as children that outlive their daemon."""
    return [pid for pid, (_, _, session) in _processes().items() if session in sessions]


def _processes() -> dict[int, tuple[str, int, int]]:
    """Return pid -> (state, parent, session), after man 5 proc."""
    found: dict[int, tuple[str, int, int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                # The name of the program stands in brackets and may hold anything.
                state, parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                found[int(folder.name)] = (state, int(parent), int(session))
    return found
