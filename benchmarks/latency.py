"""Measures how long after an origin gave a new entry the webhook receiver has all of the alert, daemon in between.

The wait for the next poll is no part of it. The daemon is a process of its own with an SQLite store on this disk
(WAL, synchronous=FULL); origin and receiver are in this process, on loopback. Beside it a floor is measured in turn:
one commit that is synced to the disk and one bare POST of the same size to the same receiver.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import aiohttp  # noqa: E402
from aiohttp import web  # noqa: E402

from monitor.demo.receivers import Hook, HookReceiver  # noqa: E402

SECRET = "whsec_" + "A" * 43 + "="
STANDING = 20
"""Entries on a page besides the new one, as an ordinary feed has."""
REST = 0.03
"""Seconds between an alert's arrival and the floor's turn, so that the daemon has marked the delivery by then."""
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

CONFIG = """\
[tipstaff]
store = "tipstaff.db"
log_level = "warning"

[network]
allow = ["127.0.0.0/8:{origin}", "127.0.0.1/32:{hook}"]
host_spacing = "0ms"

[[source]]
id = "court"
url = "http://127.0.0.1:{origin}/court"
documents = "docket-entry"
interval = "100ms"
{others}
[[rule]]
id = "motions"
when = 'motion* AND NOT draft'

[[channel]]
id = "hook"
kind = "webhook"
url = "{url}"
secret = {{ file = "webhook.secret" }}
rate = "1000/s"
"""
OTHER = """
[[source]]
id = "other-{n}"
url = "http://127.0.1.{n}:{origin}/other/{n}"
interval = "{interval}"
"""
PAGE = """\
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>{title}</title><link>http://court.test/</link><description>Docket</description>
{entries}</channel></rss>
"""
ENTRY = """\
<item><title>1:26-cv-{n:05} Commission v. Example Holdings Limited et al</title>
<link>http://court.test/{feed}/{n}</link>
<guid isPermaLink="true">http://court.test/{feed}/{n}</guid>
<pubDate>Mon, 23 Nov 2026 {h:02}:{m:02}:{s:02} GMT</pubDate>
<description>[{event}] (&lt;a href="http://court.test/doc1/{n}"&gt;{n}&lt;/a&gt;) {filler}</description></item>
"""
FILLER = "The parties met and conferred on the matters set out in the papers before it was filed. " * 7


def page(feed: str, newest: int, event: str) -> bytes:
    """Write an RSS page of some 20 KB whose newest entry has this number."""
    entries = "".join(
        ENTRY.format(n=n, feed=feed, h=n // 3600 % 24, m=n // 60 % 60, s=n % 60, event=event, filler=FILLER)
        for n in range(newest, newest - STANDING, -1)
    )
    return PAGE.format(title=feed, entries=entries).encode()


@dataclass
class Scene:
    """What is published and when it arrived."""

    wanted: int
    others: int
    cold: bool
    """Every connection is closed after one exchange."""
    newest: int = STANDING
    published: dict[int, float] = field(default_factory=dict)
    arrived: dict[int, float] = field(default_factory=dict)
    polls: int = 0
    other_polls: int = 0
    floor_turn: bool = False
    floor_arrived: float = 0.0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def complete(self) -> bool:
        return len(self.arrived) >= self.wanted

    @property
    def settled(self) -> bool:
        """Every source has been read twice, so that the first reading of the background is over."""
        return self.polls >= 2 and self.other_polls >= 2 * self.others

    async def court(self, request: web.Request) -> web.StreamResponse:
        """Serve the measured feed: with one more entry once the last one has arrived and the floor had its turn."""
        self.polls += 1
        fresh = (
            self.settled and not self.floor_turn and not self.complete and len(self.published) == len(self.arrived)
        )
        if fresh:
            self.newest += 1
        number = self.newest
        body = page("court", number, "Motion to Compel")
        response = self._response("application/rss+xml", body)
        await response.prepare(request)
        # The client may have it all before write_eof is back: the clock starts before the last byte, not after.
        given = perf_counter()
        if fresh:
            self.published[number] = given
        await response.write_eof(body)
        return response

    async def other(self, request: web.Request) -> web.StreamResponse:
        """Serve a feed of the background: unchanged to nineteen polls of twenty, one entry more to the twentieth."""
        self.other_polls += 1
        n = int(request.match_info["n"])
        version = STANDING + (self.other_polls + n) // (20 * 50)
        tag = f'"{version}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(body=page(f"other-{n}", version, "Notice"), headers={"ETag": tag})

    def _response(self, content_type: str, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type, "Content-Length": str(len(body))})
        if self.cold:
            response.force_close()
        return response

    def hook(self, hook: Hook) -> None:
        """Note the arrival of an alert, or of the floor's POST."""
        now = perf_counter()
        if hook.id == "floor":
            self.floor_arrived = now
            return
        if not hook.verified:
            raise SystemExit("a request came without a valid signature")
        number = int(hook.body["data"]["url"].rpartition("/")[2])
        if number in self.arrived:
            raise SystemExit(f"entry {number} was told twice")
        self.arrived[number] = now
        self.floor_turn = True
        self.came.set()


class Floor:
    """The least that a durable alert can cost: one synced commit, one POST."""

    def __init__(self, folder: Path, url: str, session: aiohttp.ClientSession) -> None:
        self._database = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE outbox (id INTEGER PRIMARY KEY, body BLOB)")
        self._session = session
        self._url = url
        self._body = b'{"type": "floor", "data": "' + b"x" * 1200 + b'"}'

    async def once(self, scene: Scene) -> tuple[float, float]:
        """Return the seconds of the commit, and of the commit and the POST until it has arrived."""
        began = perf_counter()
        self._database.execute("INSERT INTO outbox (body) VALUES (?)", (self._body,))
        committed = perf_counter()
        headers = {"webhook-id": "floor", "Content-Type": "application/json"}
        async with self._session.post(self._url, data=self._body, headers=headers) as answer:
            await answer.read()
        return committed - began, scene.floor_arrived - began

    def close(self) -> None:
        self._database.close()


@dataclass(frozen=True)
class Result:
    """One scene, measured; all in seconds."""

    name: str
    latencies: tuple[float, ...]
    commits: tuple[float, ...]
    floors: tuple[float, ...]
    load: float
    """The share of one core that the daemon and its parsing children took."""
    other_rate: float
    """Polls of the background a second."""


async def measure(name: str, *, wanted: int, others: int, interval: str, cold: bool = False) -> Result:
    """Run the daemon until so many entries have been published and told."""
    scene = Scene(wanted=wanted, others=others, cold=cold)
    with tempfile.TemporaryDirectory(prefix="tipstaff-latency-") as name_of_folder:
        folder = Path(name_of_folder)
        app = web.Application()
        app.router.add_get("/court", scene.court)
        app.router.add_get("/other/{n}", scene.other)
        async with (
            serving(app, others) as port,
            HookReceiver(secrets=[SECRET], on_hook=scene.hook) as receiver,
            aiohttp.ClientSession() as session,
        ):
            write_config(folder, port, receiver.url, others, interval)
            floor = Floor(folder, receiver.url, session)
            async with daemon(folder) as pid:
                async with asyncio.timeout(60):
                    while not scene.settled:
                        await asyncio.sleep(0.01)
                began, used = perf_counter(), cpu_seconds(pid)
                polled = scene.other_polls
                commits, floors = [], []
                while not scene.complete:
                    async with asyncio.timeout(60):
                        await scene.came.wait()
                    scene.came.clear()
                    await asyncio.sleep(REST)
                    commit, total = await floor.once(scene)
                    commits.append(commit)
                    floors.append(total)
                    scene.floor_turn = False
                elapsed = perf_counter() - began
                load = (cpu_seconds(pid) - used) / elapsed
                rate = (scene.other_polls - polled) / elapsed
            floor.close()
    latencies = tuple(scene.arrived[n] - scene.published[n] for n in sorted(scene.published))
    return Result(name, latencies, tuple(commits), tuple(floors), load, rate)


@asynccontextmanager
async def serving(app: web.Application, others: int) -> AsyncIterator[int]:
    """Serve on one port of 127.0.0.1 and of 127.0.1.1 to 127.0.1.N, a host for each source."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = int(runner.addresses[0][1])
        for n in range(1, others + 1):
            await web.TCPSite(runner, f"127.0.1.{n}", port).start()
        yield port
    finally:
        await runner.cleanup()


def write_config(folder: Path, port: int, url: str, others: int, interval: str) -> None:
    """Write the desk's config and its secret."""
    hook = re.search(r":(\d+)/", url)
    assert hook is not None
    background = "".join(OTHER.format(n=n, origin=port, interval=interval) for n in range(1, others + 1))
    text = CONFIG.format(origin=port, hook=hook[1], url=url, others=background)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    secret = folder / "webhook.secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)


@asynccontextmanager
async def daemon(folder: Path) -> AsyncIterator[int]:
    """Run `tipstaff run` in a process of its own; its pid."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TIPSTAFF_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "run", "--config", str(folder / "config.toml")), cwd=ROOT, env=environment
    )
    try:
        yield process.pid
        if process.returncode is not None:
            raise SystemExit(f"the daemon ended with {process.returncode}")
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its children that live or were waited for."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(int(own[i]) for i in (11, 12, 13, 14))
    for child in children:
        stat = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])
    return ticks / TICKS_PER_SECOND


def share(values: tuple[float, ...], part: float) -> float:
    """Return the value below which a part of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def report(result: Result) -> None:
    """Print one scene."""
    print(
        f"\n{result.name}: daemon at {result.load:.0%} of a core, {result.other_rate:.0f} background polls a second"
    )
    print(f"  {'':<44} {'n':>4} {'p50 ms':>8} {'p90 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    lines: list[tuple[str, tuple[float, ...]]] = [
        ("entry given -> webhook received", result.latencies),
        ("floor: one synced commit + one bare POST", result.floors),
        ("  of that, the commit", result.commits),
    ]
    for name, values in lines:
        shares = " ".join(f"{share(values, part) * 1000:8.2f}" for part in (0.5, 0.9, 0.99, 1.0))
        print(f"  {name:<44} {len(values):>4} {shares}")
    ratio: Callable[[float], float] = lambda part: share(result.latencies, part) / share(result.floors, part)  # noqa: E731
    print(f"  times the floor: p50 {ratio(0.5):.1f}, p99 {ratio(0.99):.1f}; the first entry took", end=" ")
    print(f"{result.latencies[0] * 1000:.1f} ms")


def main() -> int:
    """Measure the scenes and print them."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--entries", type=int, default=300, help="entries to publish in each scene (300)")
    words.add_argument("--others", type=int, default=50, help="sources in the background of the second scene (50)")
    words.add_argument("--interval", default="1s", help="how often each of those is polled (1s)")
    words.add_argument(
        "--scene", choices=("quiet", "loaded", "cold"), action="append", help="only this one; repeatable"
    )
    chosen = words.parse_args()
    scenes = {
        "quiet": ("one source", 0, False),
        "loaded": (f"with {chosen.others} other sources, each every {chosen.interval}", chosen.others, False),
        "cold": ("one source, a new connection for every request", 0, True),
    }
    print(f"load average at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in chosen.scene or scenes:
        title, others, cold = scenes[name]
        wanted, interval = chosen.entries, chosen.interval
        report(asyncio.run(measure(title, wanted=wanted, others=others, interval=interval, cold=cold)))
    print(f"\nload average at the end: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
