"""Holds what a fresh machine relies on: locks with hashes and no address, the texts, the image and the unit.

What run.py does is in test_run.py.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from pathlib import Path

import pytest

import monitor

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)
NAMES_AN_INDEX = re.compile(
    r"(?<!no-emit-)(?:index|find)[-_](?:url|links)\s*=?\s*\S*(?:[a-z]+://|file:)", re.IGNORECASE
)
TEXT_SUFFIXES = {"", ".cfg", ".ini", ".lock", ".md", ".py", ".service", ".toml", ".txt", ".yaml", ".yml"}


def pins(lock: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / lock).read_text("utf-8")))


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str) -> None:
    requirements = (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines()
    assert requirements
    bare = [requirement[:60] for requirement in requirements if "--hash=sha256:" not in requirement]
    assert not bare


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_holds_an_address(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]


def test_the_test_lock_holds_the_runtime_lock_pinned_alike() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()
    assert pins("requirements-build.lock").items() <= pins("requirements-dev.lock").items()


def test_every_dependency_is_locked() -> None:
    table = project()["project"]
    assert isinstance(table, dict)
    extras = [one for extra in table["optional-dependencies"].values() for one in extra]
    names = {re.split(r"[\[<>=]", one)[0] for one in (*table["dependencies"], *extras)}
    assert names <= pins("requirements.lock").keys()


def test_no_file_names_a_package_index() -> None:
    ours = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in (".ci", "benchmarks", "deploy", "docs", "monitor", "rules", "storage", "tests"):
        ours += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    named = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in ours
        if path.suffix in TEXT_SUFFIXES and (found := NAMES_AN_INDEX.search(path.read_text("utf-8", "replace")))
    ]
    assert not named


def test_the_version_is_written_once() -> None:
    table = project()
    assert "version" in table["project"]["dynamic"]  # type: ignore[index]
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:\.dev\d+|rc\d+)?", monitor.__version__)
    assert f"[{monitor.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name",
    ["LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "config.toml", "docs/glossary.md"],
)
def test_what_a_reader_looks_for_first_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


@pytest.mark.parametrize("command", ["python3 run.py demo", "python3 run.py test"])
def test_the_readme_shows_the_two_commands(command: str) -> None:
    lines = [line.strip() for line in (ROOT / "README.md").read_text("utf-8").splitlines()]
    assert any(line.removeprefix("$ ") == command for line in lines)


def dockerfile() -> list[tuple[str, str]]:
    """Read the image's instructions, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_is_built_from_pinned_bases_and_locked_packages_only() -> None:
    for word, rest in dockerfile():
        if word == "FROM":
            assert re.match(r"python:3\.\d+-slim-[a-z]+( AS [a-z]+)?$", rest), "an exact Python and Debian"
        if word == "RUN" and "pip" in rest and " install " in rest:
            assert "--require-hashes" in rest or "--no-index --no-deps" in rest, rest
        assert "://" not in rest, "no address of a registry or an index"


def test_the_image_runs_as_an_ordinary_user_with_a_fixed_number() -> None:
    last = max(number for number, (word, _) in enumerate(dockerfile()) if word == "FROM")
    users = [rest for word, rest in dockerfile()[last:] if word == "USER"]
    assert len(users) == 1
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[0])


def test_signals_reach_the_daemon_in_the_image_without_a_shell_between() -> None:
    words = dict(dockerfile())
    assert json.loads(words["ENTRYPOINT"]) == ["tipstaff"]
    assert json.loads(words["CMD"])[0] == "run"
    probe = json.loads(words["HEALTHCHECK"].partition("CMD ")[2])
    assert probe[:2] == ["tipstaff", "health"]
    assert json.loads(words["VOLUME"]) == ["/data"]


def test_what_the_image_copies_is_let_through_to_the_build() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    }
    copied = {
        name
        for word, rest in dockerfile()
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert copied == let_through


UNIT = {
    "Type": "notify",
    "WatchdogSec": "120",
    "Restart": "always",
    "RestartSec": "5",
    "DynamicUser": "yes",
    "StateDirectory": "tipstaff",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallFilter": "@system-service",
    "MemoryMax": "512M",
    "TasksMax": "128",
    "LimitNOFILE": "4096",
    "UMask": "0077",
}


def test_the_unit_restarts_for_ever_and_may_do_little_else() -> None:
    unit = configparser.RawConfigParser(strict=True)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(ROOT / "deploy" / "tipstaff.service", "utf-8")
    service = dict(unit["Service"])
    assert {name: service.get(name) for name in UNIT} == UNIT
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["ExecStart"].split()[1] == "run"
    assert "10.0.0.0/8" in service["IPAddressDeny"]
