"""What docs/configuration.md says is so: its examples load, and it names every key there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.config import load, schema

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
TEXT = PAGE.read_text()
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_page_has_examples() -> None:
    assert len(BLOCKS) >= 9


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n", 1)[0])
def test_an_example_loads_as_it_stands(block: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(block)
    load(path, environ={"TIPSTAFF_SMTP_PASSWORD": "correct horse"})


def test_every_key_is_in_a_table_of_the_page() -> None:
    described = set(
        re.findall(r"`([a-z_]+)`", "\n".join(row.split("|")[1] for row in TEXT.split("\n") if row[:1] == "|"))
    )
    definitions = schema()["$defs"]
    undescribed = {
        (name, key)
        for name, definition in definitions.items()
        for key in definition["properties"]
        if key not in described and name != "AliasTable" and key != "example"
    }
    assert undescribed == set()


def test_every_default_of_the_schema_is_in_the_page() -> None:
    for definition in schema()["$defs"].values():
        for key, described in definition["properties"].items():
            default = described.get("default")
            if isinstance(default, str) and default:
                assert re.search(rf'^\| `{key}` \| `"{re.escape(default)}"` \|', TEXT, re.MULTILINE), key
