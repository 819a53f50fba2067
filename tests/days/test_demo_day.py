"""The demo is the product on a written day: every message comes, once, verified, and noise is told to nobody."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.day import EXPECTED

ROOT = Path(__file__).resolve().parents[2]


class Day:
    """What one run of `tipstaff demo --once --json` wrote, and when its first line came."""

    def __init__(self, folder: Path) -> None:
        began = time.monotonic()
        words = [sys.executable, "-m", "monitor", "demo", "--once", "--json", "--keep", str(folder)]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            self.first_after = time.monotonic() - began
            self.lines: list[dict[str, Any]] = [json.loads(line) for line in [first, *process.stdout]]
            self.code = process.wait(60)
        self.mails = [line for line in self.lines if line["kind"] == "email"]
        self.hooks = [line for line in self.lines if line["kind"] == "webhook"]
        self.folder = folder


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    yield Day(tmp_path_factory.mktemp("demo") / "day")


def test_it_ends_by_itself_and_all_is_well(day: Day) -> None:
    assert day.code == 0


def test_the_first_alert_comes_soon(day: Day) -> None:
    print(f"first alert {day.first_after:.1f} s after the start")
    assert day.first_after < 30


def test_each_channel_gets_every_message_once(day: Day) -> None:
    assert len(day.mails) == len(day.hooks) == EXPECTED
    assert len({line["id"] for line in day.lines}) == 2 * EXPECTED
    assert all(hook["verified"] for hook in day.hooks)


def test_noise_is_told_to_nobody(day: Day) -> None:
    titles = " ".join(hook["message"]["data"]["title"] for hook in day.hooks)
    for noise in ("Kraken Bread", "trading pairs", "Roe v.", "look back"):
        assert noise not in titles


def test_the_text_stands_in_the_thread_of_the_label_and_names_both_rules(day: Day) -> None:
    told = [hook["message"]["data"] for hook in day.hooks if "1:23-cv-01599" in hook["message"]["data"]["title"]]
    assert len(told) == 2 and told[0]["thread"] == told[1]["thread"]
    assert {rule["id"] for rule in told[1]["rules"]} == {"docket-23-1599", "sec-asks-court"}
    threads = [mail["references"] for mail in day.mails if "1:23-cv-01599" in mail["subject"]]
    assert len(threads) == 2 and threads[0] == threads[1]


def test_the_mails_and_the_json_are_left_to_open(day: Day) -> None:
    assert len(list((day.folder / "mails").glob("*.eml"))) == EXPECTED
    assert len((day.folder / "webhooks.jsonl").read_text().splitlines()) == EXPECTED
