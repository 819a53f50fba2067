"""A bounded run of the aimed kill loop on tipstaff itself, and on daemons with a bug sown into them, which must fail.

The full run has its own command: `python tests/faults/kill_loop.py --cycles 200`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="needs pidfd and /proc"),
]

LOOP = Path(__file__).with_name("kill_loop.py")
CYCLES = 25
BOUND = 80
"""Cycles within which a bug must show; most take about ten."""
SHOWS = {
    "mark-before-send": "lost",
    "push-after-commit": "lost",
    "etag-first": "lost",
    "per-entry-commit": "lost",
    "random-ids": "unstable id",
    "baseline-again": "lost",
}
Runs = dict[str | None, Future[tuple[int, dict[str, Any]]]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """All runs, two at a time: one waits while the other one starts a daemon."""
    folder = tmp_path_factory.mktemp("kill-loop")

    def run(mutant: str | None, seed: int) -> tuple[int, dict[str, Any]]:
        words = ["--cycles", str(BOUND if mutant else CYCLES), "--seed", str(seed), "--json"]
        words += ["--keep", str(folder / (mutant or "tipstaff")), *(["--mutant", mutant] if mutant else [])]
        ended = subprocess.run([sys.executable, str(LOOP), *words], capture_output=True, text=True, check=False)
        assert ended.stdout, ended.stderr
        return ended.returncode, json.loads(ended.stdout)

    with ThreadPoolExecutor(2) as lanes:
        yield {mutant: lanes.submit(run, mutant, seed) for seed, mutant in enumerate([None, *SHOWS], start=1)}


def test_no_alert_is_lost_renamed_or_repeated_without_reason_over_25_kills(runs: Runs) -> None:
    code, verdict = runs[None].result()
    assert verdict["failures"] == []
    assert code == 0
    assert verdict["cycles"] == CYCLES
    assert verdict["pairs"] > 2 * CYCLES
    assert verdict["missed"] <= CYCLES // 10
    assert verdict["refused"] + verdict["answers_lost"] > 0


@pytest.mark.parametrize("mutant", SHOWS)
def test_a_daemon_with_a_bug_does_not_pass(mutant: str, runs: Runs) -> None:
    code, verdict = runs[mutant].result()
    assert code == 1
    assert verdict["found"], f"not found in {verdict['cycles']} cycles"
    assert SHOWS[mutant] in verdict["found"]
    assert verdict["integrity"] == "ok"
