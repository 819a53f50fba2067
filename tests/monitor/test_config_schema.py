"""The JSON Schema accepts what tipstaff accepts and says of every key what it is for."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.config import schema

ROOT = Path(__file__).resolve().parents[2]
MADE = schema()
KEYWORDS = {
    *("$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "additionalProperties"),
    *("items", "minItems", "minLength", "maxLength", "minimum", "maximum", "pattern", "enum", "const", "default"),
    *("anyOf", "oneOf", "examples", "minProperties", "maxProperties"),
}


def problems(value: Any, node: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Judge a value by as much of JSON Schema as KEYWORDS has; a test holds the schema to that much."""
    node = {**MADE["$defs"][node["$ref"].rsplit("/", 1)[1]], **node} if "$ref" in node else node
    kinds = {"string": str, "boolean": bool, "object": dict, "array": list, "integer": int, "number": (int, float)}
    if "type" in node and (
        not isinstance(value, kinds[node["type"]]) or (node["type"] != "boolean" and value is True)
    ):
        yield f"{path}: {value!r} is no {node['type']}"
        return
    for choice in ("anyOf", "oneOf"):
        if choice in node:
            fitting = [inner for inner in node[choice] if not list(problems(value, inner, path))]
            if not fitting or (choice == "oneOf" and len(fitting) != 1):
                yield f"{path}: {value!r} fits {len(fitting)} of {choice}"
    if "enum" in node and value not in node["enum"]:
        yield f"{path}: {value!r} is none of {node['enum']}"
    if "const" in node and value != node["const"]:
        yield f"{path}: {value!r} is not {node['const']!r}"
    if isinstance(value, str):
        if "pattern" in node and not re.search(node["pattern"], value):
            yield f"{path}: {value!r} does not fit {node['pattern']}"
        if not node.get("minLength", 0) <= len(value) <= node.get("maxLength", 10**9):
            yield f"{path}: {value!r} has the wrong length"
    if isinstance(value, int) and not node.get("minimum", value) <= value <= node.get("maximum", value):
        yield f"{path}: {value!r} is out of bounds"
    if isinstance(value, list):
        if len(value) < node.get("minItems", 0):
            yield f"{path}: too few"
        for number, inner in enumerate(value):
            yield from problems(inner, node.get("items", {}), f"{path}[{number}]")
    if isinstance(value, dict):
        yield from (f"{path}: {key} is missing" for key in node.get("required", []) if key not in value)
        others = node.get("additionalProperties", True)
        for key, inner in value.items():
            known = node.get("properties", {}).get(key)
            if known is not None:
                yield from problems(inner, known, f"{path}.{key}")
            elif others is False:
                yield f"{path}: {key} is not known"
            elif isinstance(others, dict):
                yield from problems(inner, others, f"{path}.{key}")


def nodes(node: Any, *, names: bool = False) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for inner in node:
            yield from nodes(inner)
    elif isinstance(node, dict):
        if not names:
            yield node
        for key, inner in node.items():
            if names or key not in {"default", "examples", "enum"}:
                yield from nodes(inner, names=key in {"properties", "$defs"} and not names)


def test_the_schema_is_json_of_draft_2020_12() -> None:
    assert MADE["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(MADE)) == MADE


def test_the_schema_uses_only_keywords_that_the_judge_of_these_tests_knows() -> None:
    assert {key for node in nodes(MADE) for key in node} <= KEYWORDS


def test_every_reference_leads_somewhere() -> None:
    for node in nodes(MADE):
        if "$ref" in node:
            assert node["$ref"].removeprefix("#/$defs/") in MADE["$defs"]


def test_every_key_has_a_description() -> None:
    for name, definition in MADE["$defs"].items():
        for key, described in definition["properties"].items():
            assert described.get("description"), (name, key)
    assert all(described.get("description") for described in MADE["properties"].values())


def test_every_table_refuses_unknown_keys() -> None:
    assert MADE["additionalProperties"] is False
    assert all(definition["additionalProperties"] is False for definition in MADE["$defs"].values())


def test_durations_and_sizes_are_text_with_a_pattern_and_a_written_default() -> None:
    network = MADE["$defs"]["Network"]["properties"]
    assert network["total_timeout"]["default"] == "30s"
    assert network["wire_limit"]["default"] == "10 MB"
    assert re.search(network["total_timeout"]["pattern"], "1h30m")
    assert not re.search(network["total_timeout"]["pattern"], "30")
    assert MADE["$defs"]["SourceConfig"]["properties"]["interval"]["default"] == "5m"


def test_enumerations_are_told() -> None:
    assert MADE["$defs"]["RuleTable"]["properties"]["severity"]["enum"] == ["low", "normal", "high", "critical"]
    assert MADE["$defs"]["SourceConfig"]["properties"]["kind"]["enum"] == ["feed"]
    assert schema(("feed", "edgar"))["$defs"]["SourceConfig"]["properties"]["kind"]["enum"] == ["feed", "edgar"]


def test_the_shipped_config_fits_the_schema() -> None:
    assert list(problems(tomllib.loads((ROOT / "config.toml").read_text()), MADE)) == []


def test_the_examples_of_the_docs_fit_the_schema() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    for block in re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        assert list(problems(tomllib.loads(block), MADE)) == []


@pytest.mark.parametrize(
    "text",
    [
        "sorce = 1",
        "[tipstaff]\nlog_level = 'loud'",
        "[network]\ntotal_timeout = 30",
        "[network]\ntotal_timeout = '30'",
        "[[source]]\nid = 'x'",
        "[[source]]\nid = 'X'\nurl = 'https://x.org'",
        "[[source]]\nid = 'x'\nurl = 'ftp://x.org'",
        "[[rule]]\nid = 'x'\nwhen = 'a'\nseverity = 'hihg'",
        "[[rule]]\nid = 'x'\nwhen = 'a'\n[[rule.example]]\ntext = 'a'",
        "[[channel]]\nid = 'x'\nkind = 'pigeon'",
        "[[channel]]\nid = 'x'\nkind = 'webhook'\nurl = 'https://x.org'\nsecret = { evn = 'X' }",
        "[[entity]]\nid = 'x'\nname = 'X'\nidentifiers = { dokcet = 'x' }",
    ],
)
def test_a_faulty_config_does_not_fit_the_schema(text: str) -> None:
    assert list(problems(tomllib.loads(text), MADE))
