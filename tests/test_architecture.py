"""Holds the import rule, the one place of each outside library, and the size of files and folders.

The rule itself lies in tests/support/architecture.py; here it is shown to catch what it must, then put to the tree.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest
from architecture import FOLDERS, breaches, outside_modules, python_files

ROOT = Path(__file__).resolve().parents[1]

LONGEST_FILE = 400
LONGER_FILES: dict[str, str] = {
    "run.py": "must work as one file, before anything is installed",
}
"""Files that are longer, each with the reason why it is still one thing."""

PARTS = {"pydantic_core": "pydantic", "re2": "google_re2"}
"""Modules whose distribution comes with, and is documented by, another one."""

FULLEST_FOLDER = 12
FULLER_FOLDERS: dict[str, str] = {}
"""Folders with more files (without __init__.py), each with the reason."""

UNFINISHED = ("TO" + "DO", "FIX" + "ME", "X" + "XX")

SEEDED = [
    ("rules/a.py", "import os", "os"),
    ("rules/a.py", "import logging", "logging"),
    ("rules/a.py", "import random", "random"),
    ("rules/a.py", "from time import monotonic", "time"),
    ("rules/a.py", "def f():\n    import socket", "socket"),
    ("rules/a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pathlib", "pathlib"),
    ("rules/a.py", "from storage.records import Round", "storage.records"),
    ("rules/a.py", "import monitor.clock", "monitor.clock"),
    ("rules/a.py", "from . import model", "relative"),
    ("rules/a.py", "from datetime import datetime\nx = datetime.now()", "datetime.datetime.now"),
    ("rules/a.py", "from datetime import datetime as d\nx = d.now", "datetime.datetime.now"),
    ("rules/a.py", "import datetime as dt\nx = dt.date.today()", "datetime.date.today"),
    ("rules/a.py", "def f(clock):\n    return clock.now()", ".now()"),
    ("rules/a.py", "x = open('a')", "open"),
    ("rules/a.py", "print(1)", "print"),
    ("rules/a.py", "key = hash('a')", "hash"),
    ("rules/a.py", "m = __import__('os')", "__import__"),
    ("storage/a.py", "from monitor.clock import SystemClock", "monitor.clock"),
    ("storage/a.py", "import httpx", "httpx"),
    ("storage/a.py", "from datetime import UTC, datetime\nx = datetime.now(UTC)", "datetime.datetime.now"),
    ("monitor/sources/docket.py", "from storage.store import Store", "storage.store"),
    ("monitor/sources/docket.py", "from monitor.daemon import Daemon", "monitor.daemon"),
    ("monitor/sources/docket.py", "import asyncio", "asyncio"),
    ("monitor/notifiers/pager.py", "from monitor.outbox import Outbox", "monitor.outbox"),
    ("monitor/rounds.py", "import feedparser", "feedparser"),
    ("monitor/rounds.py", "from httpx import AsyncClient", "httpx"),
    ("monitor/sources/feed.py", "import aiohttp", "aiohttp"),
    ("monitor/demo/origin.py", "from aiohttp import ClientSession", "aiohttp.ClientSession"),
    ("monitor/demo/origin.py", "import aiohttp\nx = aiohttp.ClientSession()", "aiohttp.ClientSession"),
    ("monitor/outbox.py", "import aiosmtplib", "aiosmtplib"),
    ("monitor/notifiers/email.py", "from aiosmtpd.controller import Controller", "aiosmtpd"),
    ("monitor/rounds.py", "from apscheduler.schedulers.asyncio import AsyncIOScheduler", "apscheduler"),
    ("monitor/daemon.py", "from sqlalchemy import select", "sqlalchemy"),
    ("monitor/daemon.py", "import sqlite3", "sqlite3"),
    ("monitor/daemon.py", "import tomllib", "tomllib"),
    ("monitor/daemon.py", "import os\nx = os.environ['A']", "os.environ"),
    ("monitor/daemon.py", "from os import getenv", "os.getenv"),
    ("monitor/daemon.py", "import time\nx = time.time()", "time.time"),
    ("monitor/daemon.py", "from rich.table import Table", "rich"),
]
"""A file, what is wrong in it, and the name that the complaint must carry."""

ALLOWED = [
    ("rules/a.py", "from datetime import UTC, datetime, timedelta\nx = datetime(2026, 1, 1, tzinfo=UTC)"),
    ("rules/a.py", "from rules.model import Document\ndef f(now):\n    return now"),
    ("storage/a.py", "import sqlite3\nfrom sqlalchemy import select\nfrom rules.model import Document"),
    ("monitor/clock.py", "from datetime import UTC, datetime\nx = datetime.now(UTC)"),
    ("monitor/daemon.py", "from storage.store import Store\nfrom monitor.clock import Clock\nx = Clock().now()"),
    ("monitor/demo/origin.py", "from aiohttp import web\nx = web.Application()"),
    ("monitor/fetching/fetcher.py", "import aiohttp\nimport httpx"),
    ("monitor/sources/docket.py", "import re\nfrom monitor.sources import Page\nfrom rules.model import Document"),
    ("monitor/notifiers/pager.py", "import asyncio\nfrom monitor.message import as_body"),
    ("monitor/config/load.py", "import tomllib\nimport os\nx = os.environ"),
]


@pytest.mark.parametrize(("path", "source", "named"), SEEDED)
def test_a_seeded_breach_is_caught_and_named(path: str, source: str, named: str) -> None:
    found = breaches(path, source)
    assert any(named in breach for breach in found), found


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_what_the_rule_allows_passes(path: str, source: str) -> None:
    assert breaches(path, source) == []


def test_the_tree_keeps_the_import_rule() -> None:
    found = [breach for path, source in python_files(ROOT) for breach in breaches(path, source)]
    assert not found, "\n" + "\n".join(found)


def test_every_outside_library_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    declared = {
        requirement.split(">")[0].split("[")[0].replace("-", "_")
        for requirement in (*project["dependencies"], *(one for extra in extras for one in extra))
    }
    used = {name: path for path, source in python_files(ROOT) for name in outside_modules(source)}
    undeclared = {name: path for name, path in used.items() if PARTS.get(name, name) not in declared}
    assert not undeclared, "these modules are imported but not in pyproject.toml"


def test_every_module_says_what_it_is() -> None:
    silent = [path for path, source in python_files(ROOT) if not source.lstrip().startswith('"""')]
    assert not silent, "these modules have no docstring"


def test_no_file_is_longer_than_it_may_be() -> None:
    everything = [*python_files(ROOT), *python_files(ROOT, ("tests", "benchmarks"))]
    everything.append(("run.py", (ROOT / "run.py").read_text("utf-8")))
    lengths = {path: source.count("\n") for path, source in everything}
    long = {path: length for path, length in lengths.items() if length > LONGEST_FILE}
    assert long.keys() == LONGER_FILES.keys(), f"longer than {LONGEST_FILE} lines, or no longer so: {long}"


def test_no_folder_holds_more_files_than_it_may() -> None:
    counts = Counter(
        str(Path(path).parent)
        for path, _ in python_files(ROOT)
        if Path(path).name not in ("__init__.py", "__main__.py")
    )
    full = {folder: count for folder, count in counts.items() if count > FULLEST_FOLDER}
    assert full.keys() == FULLER_FOLDERS.keys(), f"more than {FULLEST_FOLDER} files, or no longer so: {full}"


def test_nothing_is_left_for_later_in_the_code() -> None:
    left = [
        f"{path}:{number}: {line.strip()}"
        for path, source in python_files(ROOT, (*FOLDERS, "tests", "benchmarks"))
        for number, line in enumerate(source.splitlines(), 1)
        if any(word in line for word in UNFINISHED)
    ]
    assert not left, "\n" + "\n".join(left)
