"""`rules lint` at the command line: what it finds, where that stands, and what its exit code says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from towns import Say

from monitor.cli import NEGATIVE, OK

ODD = """
[[source]]
id = "court"
url = "https://court.test/feed"
documents = "docket-entry"

[[entity]]
id = "us-sec"
name = "Securities and Exchange Commission"
aliases = ["SEC"]

[[rule]]
id = "never"
when = '"motion to compel" NOT motion'
channels = []

[[rule]]
id = "narrow"
when = "motion AND entity:us-sec"
[[rule.example]]
text = "SEC motion"
alert = true

[[rule]]
id = "wide"
when = "motion OR order"

[[channel]]
id = "desk"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@x.test"
to = ["desk@x.test"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TIPSTAFF_CONFIG", "TIPSTAFF_STORE", "TIPSTAFF_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_lint_names_file_and_line_and_fails_only_for_what_can_never_fire(folder: Path, say: Say) -> None:
    (folder / "more.toml").write_text(ODD)
    (folder / "config.toml").write_text('include = ["more.toml"]\n')
    code, out, _ = say("rules", "lint")
    assert code == NEGATIVE
    told = json.loads(say("rules", "lint", "--json")[1])
    assert [(f["id"], f["line"], f["level"], f["check"]) for f in told["findings"]] == [
        ("never", 12, "error", "never"),
        ("never", 12, "note", "no-examples"),
        ("never", 12, "warning", "no-channel"),
        ("narrow", 17, "warning", "shadowed"),
        ("narrow", 17, "note", "one-sided-examples"),
        ("wide", 24, "note", "no-examples"),
        ("us-sec", 7, "warning", "ambiguous-name"),
    ]
    assert told["ok"] is False and told["counts"] == {"error": 1, "warning": 3, "note": 3}
    first = out.splitlines()[0]
    assert "more.toml:12: " in first and '[[rule]] "never": error: can never fire: whatever has' in first
    assert out.splitlines()[-1] == "1 error, 3 warnings, 3 notes"
    (folder / "more.toml").write_text(ODD.replace("NOT motion'", "NOT order'"))
    assert say("rules", "lint")[0] == OK


def test_check_says_in_one_line_that_lint_has_something_to_say(folder: Path, say: Say) -> None:
    (folder / "config.toml").write_text(ODD)
    out = say("check")[1]
    assert out.splitlines()[1:] == ["`tipstaff rules lint` has 7 things to say about the rules"]


def test_the_config_that_is_shipped_has_nothing_suspicious(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    code, out, _ = say("rules", "lint")
    assert code == OK and out.startswith("nothing is suspicious in")
