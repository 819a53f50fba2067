"""A bounded run of the oracle on the rule book itself, and on books with a bug sown into them, which must fail.

The full run has its own command: `python tests/rules/oracle_run.py --pairs 100000`.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from book_mutants import MUTANTS

pytestmark = pytest.mark.long

PAIRS = 5_000
SEED = 1


def _loaded() -> ModuleType:
    """Load the harness from beside this file; its folder is on no path."""
    spec = importlib.util.spec_from_file_location("oracle_run", Path(__file__).with_name("oracle_run.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["oracle_run"] = module
    spec.loader.exec_module(module)
    return module


oracle_run = _loaded()


def test_a_book_finds_what_every_rule_says_when_asked_in_full_over_5000_pairs() -> None:
    result = oracle_run.OracleRun(SEED).run(PAIRS)
    assert result.differences == []
    assert result.pairs >= PAIRS
    assert result.edited >= 4
    assert 0.1 < result.held / result.pairs < 0.9, "pairs that all hold, or all do not, show little"


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_bug_in_the_look_up_shows_within_the_bounded_run(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch.setattr)
    result = oracle_run.OracleRun(SEED, stop_at_difference=True).run(PAIRS)
    assert result.found_at is not None
