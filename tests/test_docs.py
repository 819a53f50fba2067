"""What README and docs/ show is run: config blocks load, commands parse, links lead somewhere.

docs/configuration.md, docs/rules.md and docs/tuning.md have more to keep: see test_config_docs, test_docs_rules and
test_docs_tuning.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.cli import parser
from monitor.config import load
from rules.percolate import run_examples

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")])
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OWN_PAGE = "docs/configuration.md"


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page, text in TEXTS.items():
        for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            yield page, block


@pytest.mark.parametrize(("page", "block"), [b for b in blocks("toml") if b[0] != OWN_PAGE])
def test_a_config_block_loads_and_its_examples_come_out_as_written(page: str, block: str, tmp_path: Path) -> None:
    (tmp_path / "smtp.password").write_text("correct horse\n")
    (tmp_path / "smtp.password").chmod(0o600)
    file = tmp_path / "config.toml"
    file.write_text(block)
    environ = {"TIPSTAFF_SMTP_PASSWORD": "correct horse", "TIPSTAFF_WEBHOOK_SECRET": SECRET}
    config = load(file, environ=environ)
    assert [str(failure) for failure in run_examples(config.rulebook)] == []


def commands() -> list[tuple[str, str]]:
    found = []
    for page, block in blocks("sh"):
        for line in block.splitlines():
            words = line.partition("#")[0].strip()
            if words.startswith(("tipstaff ", "python3 run.py ")):
                found.append((page, words))
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_of_the_docs_is_one_that_there_is(page: str, line: str) -> None:
    words = shlex.split(line.partition("<")[0].removeprefix("python3 run.py").removeprefix("tipstaff"))
    if words[0] != "test":  # run.py's own word: the tests
        parser().parse_args(words)


def test_the_readme_has_its_two_commands() -> None:
    assert "\npython3 run.py demo\npython3 run.py test\n" in TEXTS["README.md"]


def every_verb(top: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, verb in action.choices.items():
                deeper = list(every_verb(verb, f"{before}{name} "))
                yield from deeper or [f"{before}{name}"]


def test_every_command_is_mentioned() -> None:
    told = "\n".join(TEXTS.values())
    assert [verb for verb in every_verb(parser()) if verb not in told] == []


@pytest.mark.parametrize("page", TEXTS)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", TEXTS[page], flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", prose)
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_config_that_is_shipped_passes_its_own_check() -> None:
    config = load(ROOT / "config.toml", environ={})
    assert run_examples(config.rulebook) == ()
    assert len(config.sources) >= 12
