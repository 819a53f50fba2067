"""A desk on loopback that reads the captured feeds with the real program, a process for each `run --once`."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from captured_feeds import Capture

from monitor.demo.origin import Origin
from monitor.demo.receivers import HookReceiver, MailReceiver
from storage.engine import open_store
from storage.records import FiledDelivery, FiledDocument, SourceState, Totals

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_" + base64.b64encode(b"a secret for loopback use only..").decode()
RULE = "motion*"
TOLD_AFTER = 5
"""Failures in a row after which a source that is no feed is told."""
PATIENCE = 300.0
"""Seconds for one run of everything; a busy machine takes some twenty."""

_CONFIG = """\
[tipstaff]
store = "tipstaff.db"
log_level = "error"

[network]
allow = ["127.0.0.1/32:{origin}", "127.0.0.1/32:{hook}"]
host_spacing = "0ms"

[health]
failures = {patience}

[[rule]]
id = "motions"
title = "A motion"
when = '{rule}'

[[channel]]
id = "desk"
kind = "email"
host = "127.0.0.1"
port = {smtp}
tls = "none"
from = "tipstaff@localhost.test"
to = ["desk@localhost.test"]
rate = "1000/s"

[[channel]]
id = "hook"
kind = "webhook"
url = "{url}"
secret = {{ file = "webhook.secret" }}
rate = "1000/s"
"""
_SOURCE = """
[[source]]
id = "{id}"
url = "{url}"
documents = "{documents}"
interval = "1d"
"""


@dataclass(frozen=True)
class Run:
    """What one `run --once` came to."""

    code: int
    seconds: float
    output: str
    mails: tuple[str, ...]
    """The delivery keys of the mails that came during it."""
    hooks: tuple[str, ...]
    """The delivery keys of the webhook requests that came during it."""


@dataclass(frozen=True)
class Remembered:
    """All that the store holds."""

    documents: dict[str, FiledDocument]
    deliveries: dict[str, FiledDelivery]
    sources: dict[str, SourceState]
    totals: Totals

    def of(self, source: str) -> list[FiledDocument]:
        """Return the documents of one source."""
        return [d for d in self.documents.values() if d.document.source == source]

    def told(self, keys: Iterable[str]) -> Counter[str]:
        """Return how often each document is what these deliveries tell."""
        return Counter(str(self.deliveries[key].message.document) for key in keys)


@dataclass
class RealDay:
    """The origin, the receivers and the folder of one desk."""

    folder: Path
    origin: Origin
    mail: MailReceiver
    hook: HookReceiver
    sources: tuple[Capture, ...]
    runs: list[Run] = field(default_factory=list)

    def serve(self, body: Callable[[Capture], bytes], *, validators: bool = True) -> None:
        """Publish one body for every source."""
        for capture in self.sources:
            self.put(capture, body(capture), validators=validators)

    def put(self, capture: Capture, body: bytes, *, validators: bool = True) -> None:
        """Publish the body of one source."""
        self.origin.publish(capture.path, body, content_type=capture.content_type, validators=validators)

    def answers(self, capture: Capture, status: int) -> int:
        """Return how often a source was answered with this status so far."""
        return self.origin.count(capture.path, status)

    async def run_once(self) -> Run:
        """Ask everything once with the real program, as a process of its own."""
        mails, hooks, began = len(self.mail.mails), len(self.hook.hooks), monotonic()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TIPSTAFF_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "run", "--once", "--config", str(self.folder / "config.toml")),
            cwd=ROOT,
            env={**environment, "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        run = Run(
            code=process.returncode or 0,
            seconds=monotonic() - began,
            output=said.decode("utf-8", "replace"),
            mails=tuple(_key(mail.raw) for mail in self.mail.mails[mails:]),
            hooks=tuple(hook.id for hook in self.hook.hooks[hooks:]),
        )
        self.runs.append(run)
        return run

    def remembered(self) -> Remembered:
        """Read the store as it stands between two runs."""
        store = open_store(f"sqlite:///{self.folder / 'tipstaff.db'}", create=False)
        try:
            return Remembered(
                documents={d.key: d for d in store.documents(limit=100_000)},
                deliveries={d.key: d for d in store.deliveries(limit=100_000)},
                sources={s.source: s for s in store.sources()},
                totals=store.totals(),
            )
        finally:
            store.close()


@asynccontextmanager
async def real_day(folder: Path, sources: Iterable[Capture]) -> AsyncIterator[RealDay]:
    """Open origin and receivers and write the config of a desk that watches these files, one source each."""
    watched = tuple(sources)
    async with Origin() as origin, MailReceiver() as mail, HookReceiver(secrets=[SECRET]) as hook:
        port = re.search(r":(\d+)/", hook.url)
        assert port is not None
        config = _CONFIG.format(
            origin=origin.port, hook=port[1], rule=RULE, smtp=mail.port, url=hook.url, patience=TOLD_AFTER
        )
        config += "".join(
            _SOURCE.format(
                id=capture.id,
                url=origin.url(capture.path),
                documents="docket-entry" if capture.name.startswith("pacer-rss/") else "news",
            )
            for capture in watched
        )
        secret = folder / "webhook.secret"
        secret.touch(mode=0o600)
        secret.write_text(SECRET)
        (folder / "config.toml").write_text(config, encoding="utf-8")
        yield RealDay(folder, origin, mail, hook, watched)


def _key(raw: bytes) -> str:
    found = re.search(rb"(?m)^Message-ID: <([^@>]+)@", raw)
    return found[1].decode() if found else ""
