"""docs/rules.md is run: its tables of queries, what it says of wrong ones, its recipes and what `check` answers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from monitor.cli import run
from monitor.config import Config, load
from rules.language.lexer import LATER_FIELDS, TEXT_FIELDS, VALUE_FIELDS
from rules.model import FACTS, KINDS, Document, Rule
from rules.percolate import RuleBook, RuleBookFault, compile_rules, run_examples

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "rules.md").read_text("utf-8")
CAST = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)[0]
RECIPES = re.findall(
    r"^### (.+)\n", TEXT.partition("\n## Cook-book\n")[2].partition("\n## Tuning\n")[0], re.MULTILINE
)
PART = re.compile(r"`([a-z]+): ([^`]*)`")


def table(heading: str) -> list[tuple[str, ...]]:
    """Return the rows of every table with this heading row, their cells as written."""
    found: list[tuple[str, ...]] = []
    for rows in re.findall(rf"^{re.escape(heading)}\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE):
        found += [tuple(row.removeprefix("| ").removesuffix(" |").split(" | ")) for row in rows.splitlines()]
    return found


QUERIES = table("| query | holds for | does not hold for |")
WRONG = table("| wrong query | what is said |")


@cache
def cast() -> Config:
    with TemporaryDirectory() as folder:
        return written(Path(folder), CAST)


def written(folder: Path, block: str) -> Config:
    file = folder / "config.toml"
    file.write_text(block, "utf-8")
    return load(file, environ={})


def book_of(query: str) -> RuleBook:
    config = cast()
    return compile_rules(
        [Rule(id="r", when=query)],
        config.entities,
        [source.id for source in config.sources],
        fragments=config.fragments,
    )


def read(cell: str) -> tuple[Document, datetime | None]:
    """Return the document that a cell of a table shows, and when it was seen."""
    if not cell.startswith("`"):
        return Document(source="s", body=cell), None
    assert PART.sub("", cell).strip(", ") == ""
    parts: dict[str, Any] = {"source": "s"}
    facts, seen = [], None
    for name, value in PART.findall(cell):
        if name in FACTS:
            facts.append((name, value))
        elif name == "seen":
            seen = datetime.fromisoformat(value)
        elif name == "tag":
            parts["tags"] = (value,)
        else:
            parts[name] = datetime.fromisoformat(value) if name in ("published", "updated") else value
    return Document(**parts, facts=tuple(facts)), seen


def test_the_tables_are_found_whole() -> None:
    assert len(QUERIES) >= 90
    assert len(WRONG) >= 20
    assert TEXT.count("\n| query |") == 12
    assert {len(row) for row in QUERIES} == {3}
    assert {len(row) for row in WRONG} == {2}


@pytest.mark.parametrize(("query", "holds", "fails"), QUERIES)
def test_a_query_holds_for_the_one_document_and_not_for_the_other(query: str, holds: str, fails: str) -> None:
    book = book_of(query[1:-1])
    for cell, expected in ((holds, True), (fails, False)):
        document, seen = read(cell)
        assert book.explain(document, "r", seen).holds is expected
        assert bool(book.firing(document, seen)[0]) is expected


def test_every_field_is_shown() -> None:
    shown = " ".join(row[0] for row in QUERIES)
    assert [name for name in (*TEXT_FIELDS, *VALUE_FIELDS) if f"{name}:" not in shown] == []
    assert [kind for kind in KINDS if f"`{kind}`" not in TEXT] == []


@pytest.mark.parametrize(("query", "said"), WRONG)
def test_a_wrong_query_is_refused_with_the_words_that_are_shown(query: str, said: str) -> None:
    with pytest.raises(RuleBookFault) as refused:
        book_of(query[1:-1])
    faults = [fault for _, fault in refused.value.faults]
    assert [f"{fault.message}{meant(fault.suggestion)}" for fault in faults] == [said.strip("`")]


def meant(suggestion: str | None) -> str:
    return f'; did you mean "{suggestion}"?' if suggestion else ""


def test_every_field_of_later_is_refused_in_the_table() -> None:
    assert [name for name in LATER_FIELDS if not any(row[0].startswith(f"`{name}:") for row in WRONG)] == []


def test_there_are_twenty_recipes() -> None:
    assert len(set(RECIPES)) == len(RECIPES) >= 20


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_does_what_its_examples_say(recipe: str, tmp_path: Path) -> None:
    part = re.split(r"^#{2,3} ", TEXT.partition(f"\n### {recipe}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    (block,) = re.findall(r"^```toml\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
    config = written(tmp_path, block)
    assert [str(failure) for failure in run_examples(config.rulebook)] == []
    for rule in config.rules:
        assert {example.alert for example in rule.examples} == {True, False}
        assert len(run_examples(turned_round(config, rule))) == len(rule.examples)


def turned_round(config: Config, rule: Rule) -> RuleBook:
    """Return the rule alone, every example with the other outcome: all of them must fail."""
    examples = tuple(replace(example, alert=not example.alert) for example in rule.examples)
    return compile_rules([replace(rule, examples=examples)], config.entities, fragments=config.fragments)


def test_the_check_answers_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = re.findall(r"^```text\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    shown = re.findall(r"^```console\n\$ tipstaff check\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert len(wrong) == len(shown) == TEXT.count("```console") == 1
    (tmp_path / "config.toml").write_text(wrong[0], "utf-8")
    for name in ("TIPSTAFF_CONFIG", "TIPSTAFF_STORE", "TIPSTAFF_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    run(["check"])
    told = capsys.readouterr()
    assert (told.out + told.err).replace(f"{tmp_path}/", "") == shown[0]


LIMITS = [
    ("at most 20,000 characters", "a " * 10_000 + "a", "at most 20000 are read"),
    ("50 `NEAR`", " NEAR/2 ".join(["a"] * 52), "50 NEARs at most"),
    ("50 brackets or `NOT`", "(" * 51 + "a" + ")" * 51, "nest more than 50 deep"),
    ("5,000 clauses", "a " * 5_001, "more than 5000 clauses"),
    ("At most 500 characters", f"/{'a' * 501}/", "at most 500 are read"),
    ("from 1 to 200 words", "a NEAR/201 b", "from 1 to 200 words"),
]


@pytest.mark.parametrize(("told", "query", "said"), LIMITS)
def test_a_limit_that_is_told_is_one(told: str, query: str, said: str) -> None:
    assert told in TEXT
    with pytest.raises(RuleBookFault, match=said):
        book_of(query)


def test_a_regular_expression_looks_as_far_as_is_told() -> None:
    assert "The first 512 KB" in TEXT
    book, length = book_of("/zebra/"), 512 * 1024
    assert book.explain(Document(source="s", body="a" * (length - 5) + "zebra"), "r").holds
    assert not book.explain(Document(source="s", body="a" * (length - 4) + "zebra"), "r").holds


def test_a_match_by_look_alikes_is_marked() -> None:
    matches, _ = book_of("coinbase").match(Document(source="s", body="Сoinbase"), datetime(2024, 3, 5, tzinfo=UTC))
    assert [one.lookalike for one in matches[0].evidence] == [True]
