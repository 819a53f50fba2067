"""docs/tuning.md is run: each command that it shows is called with its config and documents, and answers as shown.

After a change that is meant, `python tests/test_docs_tuning.py` writes the answers into the page.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import get_args

import pytest

from rules.tuning.lint import Check

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tuning.md"
CONSOLE = re.compile(r"^```console\n\$ (?P<command>tipstaff .+)\n(?P<answer>(?:.*\n)*?)```$", re.MULTILINE)
TEXT = PAGE.read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def prepare(folder: Path, command: str) -> None:
    odd = block("text") if " lint" in command else ""
    (folder / "config.toml").write_text(block("toml") + odd, "utf-8")
    (folder / "documents.jsonl").write_text(block("jsonl"), "utf-8")
    (folder / "d6.json").write_text(block("jsonl").splitlines()[5], "utf-8")


def answer(folder: Path, command: str) -> str:
    """Call a command line as a shell does and return what it writes, with the folder's name left out."""
    from monitor.cli import run  # noqa: PLC0415 - so that the page can be written without pytest's path

    line, _, stdin = command.partition(" < ")
    prepare(folder, command)
    before = Path.cwd(), sys.stdin
    out = io.StringIO()
    os.chdir(folder)
    try:
        with (
            (folder / (stdin or "config.toml")).open(encoding="utf-8") as sys.stdin,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            run(shlex.split(line)[1:])
    finally:
        os.chdir(before[0])
        sys.stdin = before[1]
    text = out.getvalue().replace(f"{folder}/", "").replace("\t", "  ")
    return "".join(f"{one.rstrip()}\n" for one in text.splitlines())


@pytest.mark.parametrize(("command", "told"), [(m["command"], m["answer"]) for m in CONSOLE.finditer(TEXT)])
def test_a_command_answers_as_the_page_shows(
    command: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TIPSTAFF_CONFIG", "TIPSTAFF_STORE", "TIPSTAFF_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    assert answer(tmp_path, command) == told


def test_the_page_shows_every_tool() -> None:
    shown = {m["command"].split()[2] for m in CONSOLE.finditer(TEXT)}
    assert shown == {"backtest", "near", "explain", "lint", "try"}


def test_the_page_names_every_finding_of_lint() -> None:
    assert [check for check in get_args(Check) if f"`{check}`" not in TEXT] == []


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

    def written(match: re.Match[str]) -> str:
        with tempfile.TemporaryDirectory() as name:
            return f"```console\n$ {match['command']}\n{answer(Path(name), match['command'])}```"

    PAGE.write_text(CONSOLE.sub(written, TEXT), "utf-8")
