"""The aimed kill loop: `kill -9` again and again at chosen moments, and in the end nothing may be missing.

`python tests/faults/kill_loop.py --cycles 200 --seed 1 [--mutant NAME] [--json]`. Exit code 0: nothing was lost, no
id changed, what was repeated is explained, the store is intact. What this cannot show is a missing fsync: a killed
process leaves its writes with the kernel. The seed decides the plan; when a moment comes is up to the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Literal

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from daemons import STORE, DaemonProcess, remaining, write_config  # noqa: E402
from verdicts import Verdict  # noqa: E402
from witnesses import CHANNELS, Moment, Witnesses  # noqa: E402

MUTANTS: Final = Path(__file__).with_name("mutants.py")
FIRST_STARTS: Final = 3
"""Kills while the store is made, before there is anything to lose."""
BAD_WEATHER: Final = 0.05
"""The share of refusals, and of answers lost after taking, at each receiver."""
PATIENCE: Final = 15.0
"""Seconds to wait for a start, and for the moment that a cycle aims at; both are short unless the machine is busy."""
DEADLINE: Final = 90.0
"""Seconds for all to arrive once the receivers behave; the second retry comes after 60."""

Aim = Literal["start-up", "random", "feed-asked", "commit", "hook-arrived", "hook-taken", "mail-data", "mail-taken"]
AIMS: Final[dict[Aim, int]] = {
    "feed-asked": 2,
    "commit": 4,
    "hook-arrived": 1,
    "hook-taken": 2,
    "mail-data": 2,
    "mail-taken": 1,
}
PACK: Final[dict[Aim, int]] = {**AIMS, "start-up": 3, "random": 5}
"""How often each is the aim in twenty cycles: 60 % aim at a moment, 40 % at none."""
DELAYS: Final[dict[Aim, float]] = {
    "random": 0.4,
    "feed-asked": 0.010,
    "commit": 0.004,
    "hook-arrived": 0.0,
    "hook-taken": 0.004,
    "mail-data": 0.003,
    "mail-taken": 0.004,
}
"""Seconds at most between the moment and the kill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What one life of the daemon meets. `early`: the filings are there before it starts."""

    number: int
    matching: int
    noise: int
    early: bool
    aim: Aim
    delay: float
    nth: int
    """Which commit is meant, when a commit is the aim."""


def plan(cycles: int, seed: int) -> Iterator[Cycle]:
    """Draw the cycles of a seed, from a pack that is shuffled whenever it is used up."""
    chance = Random(seed)
    pack: list[Aim] = []
    for number in range(1, cycles + 1):
        if not pack:
            pack = [aim for aim, times in PACK.items() for _ in range(times)]
            chance.shuffle(pack)
        aim = pack.pop()
        yield Cycle(
            number=number,
            matching=chance.randint(1, 3),
            noise=chance.randint(0, 3),
            # Where a commit is meant, it is the one with these filings, and not one of those at every start.
            early=aim == "start-up" or (aim != "commit" and chance.random() < 0.5),
            aim=aim,
            delay=chance.random(),
            nth=chance.choice((1, 1, 2)),
        )


class Trigger:
    """Kills one life, once, at the moment its cycle aims at."""

    def __init__(self, cycle: Cycle, process: DaemonProcess, *, start_up: float) -> None:
        self._cycle = cycle
        self._process = process
        self._loop = asyncio.get_running_loop()
        longest = start_up if cycle.aim == "start-up" else DELAYS[cycle.aim]
        self._delay = cycle.delay * longest
        self.pulled = False

    def start(self) -> None:
        """Let time run, for cycles that aim at no moment."""
        if self._cycle.aim in ("start-up", "random") and not self.pulled:
            self._pull()

    def at_moment(self, moment: Moment) -> bool:
        """Hear of a moment; return whether the daemon is dead now."""
        if self.pulled or not self._is_meant(moment):
            return False
        if self._cycle.aim == "commit":
            self.pulled = True
            threading.Thread(target=self._await_commit, daemon=True).start()
            return False
        self._pull()
        return self._delay == 0

    def _is_meant(self, moment: Moment) -> bool:
        if self._cycle.aim == "commit":
            return moment == "feed-asked"
        if self._cycle.aim == "mail-data" and self._cycle.delay < 0.5:
            # Half of them with all of the mail sent and none of it kept, half with the mail on its way.
            self._delay = 0.0
            return moment == "mail-arrived"
        return moment == self._cycle.aim

    def _pull(self) -> None:
        self.pulled = True
        if self._delay == 0:
            self._process.kill()
        else:
            self._loop.call_later(self._delay, self._process.kill)

    def _await_commit(self) -> None:
        """Watch the store's write-ahead log from outside, since a commit is a moment that no receiver sees."""
        log = self._process.log.with_name(f"{STORE}-wal")
        patience = time.monotonic() + PATIENCE
        seen, changed, commits = _stamp(log), 0.0, 0
        while commits < self._cycle.nth and (now := time.monotonic()) < patience and not self._process.dead:
            time.sleep(0.0002)
            if (stamp := _stamp(log)) != seen:
                # A commit is a burst of writes; before the next one comes there is a sync.
                commits += now - changed > 0.001
                seen, changed = stamp, now
        time.sleep(self._delay)
        self._process.kill()


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


class KillLoop:
    """One run in one folder."""

    def __init__(self, folder: Path, witnesses: Witnesses, verdict: Verdict, *, stop_at_failure: bool) -> None:
        self._folder = folder
        self._witnesses = witnesses
        self._verdict = verdict
        self._stop_at_failure = stop_at_failure
        self._config = write_config(folder, witnesses)
        self._chance = Random(verdict.seed)
        self._start_up = 1.0
        self._sessions: list[int] = []
        self._aims: dict[int, str] = {}
        self._process: DaemonProcess | None = None

    async def run(self, cycles: int) -> None:
        """Go through all cycles, or until something is found when that is enough, and fill in the verdict."""
        began = time.monotonic()
        try:
            await self._first_starts()
            for cycle in plan(cycles, self._verdict.seed):
                await self._go_through(cycle)
                self._verdict.cycles = cycle.number
                if cycle.number % 20 == 0:
                    print(f"cycle {cycle.number}, {len(self._witnesses.takings)} taken", file=sys.stderr)
                if self._stop_at_failure and self._look(cycle):
                    break
            else:
                await self._recover()
        finally:
            if self._process is not None:
                await self._process.end()
        self._conclude()
        self._verdict.seconds = round(time.monotonic() - began, 1)

    def _start(self) -> DaemonProcess:
        mutant = self._verdict.mutant
        program = (str(MUTANTS), mutant) if mutant else ("-m", "monitor")
        self._process = DaemonProcess(self._config, self._witnesses, program=program)
        self._sessions.append(self._process.pid)
        return self._process

    async def _first_starts(self) -> None:
        """Kill while the store is made, then let a first round go through: what is there by then is never told."""
        self._witnesses.publish(matching=2, noise=8)
        for _ in range(FIRST_STARTS):
            process = self._start()
            asyncio.get_running_loop().call_later(self._chance.uniform(0.2, 1.0) * self._start_up, process.kill)
            await self._die(process, "first start")
        process = self._start()
        began = time.monotonic()
        if not await self._witnesses.until(lambda: self._polled or process.dead, within=30):
            raise RuntimeError(f"the daemon did not ask for the feed; see {process.log}")
        self._start_up = time.monotonic() - began
        await self._witnesses.until(lambda: self._witnesses.up_to_date or process.dead, within=30)
        if not self._witnesses.up_to_date:
            raise RuntimeError(f"the daemon has not stored the feed; see {process.log}")
        process.kill()
        await self._die(process, "first start")

    async def _go_through(self, cycle: Cycle) -> None:
        if cycle.early:
            self._publish(cycle)
        process = self._start()
        trigger = Trigger(cycle, process, start_up=self._start_up)
        if cycle.aim == "start-up":
            trigger.start()
        elif cycle.early:
            self._witnesses.at_moment = trigger.at_moment
        await self._witnesses.until(lambda: self._polled or process.dead, within=PATIENCE)
        if not cycle.early:
            self._witnesses.at_moment = trigger.at_moment
            self._publish(cycle)
        trigger.start()
        await self._witnesses.until(lambda: process.dead, within=PATIENCE)
        if not trigger.pulled:
            self._verdict.missed += 1
        elif cycle.aim in AIMS:
            self._verdict.aimed += 1
        process.kill()
        await self._die(process, cycle.aim)
        self._witnesses.at_moment = lambda _moment: False

    def _publish(self, cycle: Cycle) -> None:
        self._witnesses.publish(matching=cycle.matching, noise=cycle.noise, cycle=cycle.number)

    @property
    def _polled(self) -> bool:
        return self._witnesses.asked[self._witnesses.life] > 0

    async def _die(self, process: DaemonProcess, aim: str) -> None:
        code = await process.ended(within=PATIENCE)
        self._aims[self._witnesses.life] = aim
        if code == -9:
            self._verdict.kills[aim] += 1
        else:
            self._verdict.died.append(f"exit code {code} in life {self._witnesses.life} ({aim})")
        # What it sent last is still on its way.
        await asyncio.sleep(0.02)

    def _look(self, cycle: Cycle) -> bool:
        """Look between two lives whether something is wrong for good; a shortcut for mutants, not the verdict."""
        seen = self._witnesses
        missing = seen.missing(among=sorted(seen.claimed))
        owed = self._owed() if missing else set()
        # The daemon has shown the validator of a page with this filing, and owes it to nobody.
        lost = [pair for pair in missing if pair not in owed]
        wrong: dict[str, Sequence[object]] = {
            "lost": lost,
            "unstable id": seen.unstable(),
            "stray": seen.strays(),
            "unexplained repeat": seen.unexplained(),
            "ended by itself": self._verdict.died,
        }
        kinds = [f"{len(what)} {kind}" for kind, what in wrong.items() if what]
        if kinds:
            self._verdict.found = f"cycle {cycle.number} ({cycle.aim}): {', '.join(kinds)}"
            self._verdict.lost = lost
        return bool(kinds)

    def _owed(self) -> set[tuple[str, str]]:
        """Read what is pending from a copy of the dead daemon's store; opening the store itself would repair it."""
        with tempfile.TemporaryDirectory() as folder:
            for suffix in ("", "-wal"):
                if (file := self._folder / f"{STORE}{suffix}").exists():
                    shutil.copy(file, folder)
            with sqlite3.connect(Path(folder) / STORE) as copy:
                rows = copy.execute("SELECT channel, message FROM delivery WHERE state IN ('pending', 'parked')")
                texts = dict.fromkeys(CHANNELS, "")
                for channel, message in rows:
                    texts[channel] += message
            copy.close()
        return {(name, channel) for name in self._witnesses.filings for channel in CHANNELS if name in texts[channel]}

    async def _recover(self) -> None:
        """Let the receivers behave and the daemon live, until all has arrived or ought to have."""
        self._witnesses.weather.share = 0.0
        process = self._start()
        await self._witnesses.until(lambda: process.dead or not self._witnesses.missing(), within=DEADLINE)
        if process.dead:
            self._verdict.died.append("the last life")
        process.terminate()
        self._verdict.clean_stop = await process.ended(within=12) == 0
        self._verdict.lost = self._witnesses.missing()

    def _conclude(self) -> None:
        seen, verdict = self._witnesses, self._verdict
        verdict.filings = sum(f.matching and f.cycle > 0 for f in seen.filings.values())
        verdict.pairs = verdict.filings * len(CHANNELS)
        verdict.unstable, verdict.strays, verdict.unexplained = seen.unstable(), seen.strays(), seen.unexplained()
        verdict.unverified, verdict.repeats, verdict.notices = seen.unverified, seen.repeats(), len(seen.notices)
        for life, count in seen.repeated_lives().items():
            verdict.repeats_by_aim[self._aims.get(life, "clean stop")] += count
        verdict.refused, verdict.answers_lost = seen.weather.refused, seen.weather.lost
        verdict.orphans = len(remaining(self._sessions))
        with sqlite3.connect(self._folder / STORE) as store:
            verdict.integrity = "; ".join(row[0] for row in store.execute("PRAGMA integrity_check"))
        store.close()


async def run_loop(folder: Path, *, cycles: int, seed: int, mutant: str | None = None) -> Verdict:
    """Run the loop in an empty folder; with a mutant, until its bug has shown."""
    verdict = Verdict(seed=seed, mutant=mutant)
    if task := asyncio.current_task():
        # The daemon is in a session of its own and would stay.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with Witnesses(seed=seed, bad_weather=BAD_WEATHER) as witnesses:
        await KillLoop(folder, witnesses, verdict, stop_at_failure=mutant is not None).run(cycles)
    return verdict


def main() -> int:
    words = _words()
    folder = Path(words.keep or tempfile.mkdtemp(prefix="tipstaff-kill-loop-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    verdict = asyncio.run(run_loop(folder, cycles=words.cycles, seed=words.seed, mutant=words.mutant))
    failures = verdict.failures()
    if words.json:
        print(json.dumps({**verdict.figures(), "failures": failures, "folder": str(folder)}, indent=1))
    else:
        print("\n".join(verdict.lines()))
        if failures:
            print(f"config, store and log: {folder}")
    if not failures and not words.keep:
        shutil.rmtree(folder)
    return 1 if failures else 0


def _words() -> argparse.Namespace:
    words = argparse.ArgumentParser(description=__doc__ and __doc__.splitlines()[0])
    words.add_argument("--cycles", type=int, default=200)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--mutant", metavar="NAME", help="run a daemon with this bug, of tests/faults/mutants.py")
    words.add_argument("--json", action="store_true")
    words.add_argument("--keep", metavar="DIR", help="where to leave config, store and log")
    return words.parse_args()


if __name__ == "__main__":
    sys.exit(main())
