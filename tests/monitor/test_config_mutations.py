"""The shipped config loads; damaged anywhere, it is refused with the damaged line named."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from monitor.config import Config, ConfigFaults, load
from rules.percolate import run_examples

SHIPPED = Path(__file__).resolve().parents[2] / "config.toml"
TEXT = SHIPPED.read_text()
LINES = TEXT.split("\n")
SEED = 20240305


@dataclass(frozen=True)
class Mutant:
    """A damaged config and the line (counted from 1) that a fault must name."""

    label: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.line}-{self.label}"


@dataclass(frozen=True)
class Key:
    """A `key = value` of the shipped config that stands on one line."""

    line: int
    section: str
    name: str
    value: str


@cache
def keys() -> tuple[Key, ...]:
    found, section, inside = [], "", False
    for number, row in enumerate(LINES, 1):
        if row.count("'''") == 1:
            inside = not inside
            if not inside:
                continue
        header = re.match(r"\s*\[+([\w.]+)\]+", row)
        pair = re.match(r"\s*([\w.\"-]+) = (.*?)(?:\s+#.*)?$", row)
        if header:
            section = header[1]
        elif pair and (not inside or "'''" in row) and not row.lstrip().startswith("#"):
            found.append(Key(number, section, pair[1], pair[2]))
    return tuple(found)


def replaced(line: int, row: str) -> str:
    return "\n".join([*LINES[: line - 1], row, *LINES[line:]])


def with_value(key: Key, value: str) -> str:
    row = LINES[key.line - 1]
    return replaced(key.line, row[: row.index(" = ") + 3] + value)


def one(section: str, name: str) -> Key:
    """Return the first such key whose value stands on the same line."""
    return next(k for k in keys() if (k.section, k.name) == (section, name) and k.value not in {"'''", "["})


def mistyped_keys() -> Iterator[Mutant]:
    for key in keys():
        if key.section == "network.hosts":
            continue
        row = LINES[key.line - 1]
        start = row.index(key.name)
        typo = key.name[:-1] + ("x" if key.name[-1] != "x" else "y")
        yield Mutant(
            f"key-{key.name}-{typo}", replaced(key.line, row[:start] + typo + row[start + len(key.name) :]), key.line
        )


def values_of_a_wrong_type() -> Iterator[Mutant]:
    for key in keys():
        if key.value.startswith("'''") or key.value == "[":
            continue
        wrong = "true" if key.value[0] in "\"'0123456789" else "12"
        yield Mutant(f"type-{key.name}", with_value(key, wrong), key.line)


BAD_VALUES = {
    ("source", "interval"): ['"5"', "5", '"5 minutes"', '"1s"', '"-5m"', '"9999w"', '"m5"', '"8d"'],
    ("source", "url"): [
        '"htps://www.sec.gov/"',
        '"www.sec.gov/news"',
        '"https://user:pw@www.sec.gov/"',
        '"https://"',
        '"https://www.sec.gov:99999/"',
        '"https://www.sec .gov/"',
        '"file:///etc/passwd"',
        '"https://exa mple/"',
        '"https://www.sec.gov\\\\@evil.example/"',
        '""',
    ],
    ("source", "documents"): ['"relase"', '"docket entry"', '""'],
    ("source", "identity"): ['"gui"', '"contents"'],
    ("source", "tags"): ['["Sec Us"]', '"sec"', '[""]'],
    ("source", "lang"): ['"english"', '"e"'],
    ("source", "id"): ['"SEC Press"', '""', '"-x"'],
    ("tipstaff", "contact"): ['"nobody"', '""', '"a@b\\nX-Evil: 1"'],
    ("tipstaff", "store"): ['"mysql://host/db"', '""', '"postgresql://host"', '"postgres://host/db"'],
    ("tipstaff", "log_level"): ['"inof"', '"INFO"'],
    ("tipstaff", "log_format"): ['"jsn"'],
    ("network", "host_spacing"): ['"500"', '"2d"', "500"],
    ("network.hosts", '"sec.gov"'): ['"200"', "200"],
    ("health", "failures"): ["0", "1000", "3.5"],
    ("health", "channels"): ['["dsek"]', '"desk"', '["desk", "nobody"]'],
    ("entity", "kind"): ['"Stock Exchange"'],
    ("entity", "aliases"): [
        '[{ text = "BHL", only_wiht = ["x"] }]',
        "[1]",
        '[""]',
        '["!!!"]',
        '[{ only_with = ["x"] }]',
    ],
    ("entity", "identifiers"): ['{ dockt = "dcd 1:23-cv-01599" }', "{ cik = 12 }"],
    ("matter", "docket"): ['"1:23-cv-01599"', '""'],
    ("matter", "plaintiff"): ['["us-sce"]', '"us-sec"'],
    ("matter", "defendant"): ['["binance", "binance-uk"]'],
    ("rule", "severity"): ['"hihg"', '"urgent"', '""'],
    ("rule", "channels"): ['["dsek"]', '"desk"', '["desk", "hooks"]'],
    ("rule", "updates"): ['"yes"', "1"],
    ("rule", "when"): [
        '"entity:binanse"',
        '"source:sec-pres"',
        '"titel:motion"',
        '"motion AND"',
        '"(motion"',
        "'motion \"\"'",
        '"*motion"',
        '"kind:relase"',
        '""',
        '"NOT"',
        '"entity:@trakced"',
        '"motion)"',
    ],
    ("rule.example", "alert"): ['"true"', "0"],
    ("rule.example", "kind"): ['"docket"'],
    ("channel", "kind"): ['"emial"', '"wehbook"', '"slack"'],
    ("channel", "tls"): ['"None"', '"startls"'],
    ("channel", "port"): ["0", "70000", '"25"'],
    ("channel", "host"): ['"localhost:25"', '"http://localhost"', '""'],
    ("channel", "from"): ['"tipstaff"', '"a@b, c@d"', '"a b@c.org"'],
    ("channel", "to"): ['"root@localhost"', "[]", '["root"]', '["a@b.org, c@d.org"]'],
    ("channel", "secret"): [
        '{ evn = "X" }',
        "{ }",
        '{ env = "A", file = "b" }',
        "12",
        '"whsec_literal"',
        '{ env = "" }',
    ],
    ("channel", "url"): ['"hooks.example.com"', '"ftp://hooks.example.com"', '"https://u:p@hooks.example.com"'],
    ("channel", "enabled"): ['"false"'],
}


def bad_values() -> Iterator[Mutant]:
    for (section, name), values in BAD_VALUES.items():
        key = one(section, name)
        for value in values:
            yield Mutant(f"value-{name}-{value}", with_value(key, value), key.line)


REQUIRED = {
    "source": ["id", "url"],
    "entity": ["id", "name"],
    "matter": ["name", "docket"],
    "rule": ["id"],
    "rule.example": ["alert"],
    "channel": ["id", "kind", "host", "from", "to", "url", "secret"],
}


def missing_keys() -> Iterator[Mutant]:
    for section, names in REQUIRED.items():
        for name in names:
            key = one(section, name)
            header = next(n for n in range(key.line, 0, -1) if LINES[n - 1].lstrip().startswith("["))
            yield Mutant(f"missing-{section}.{name}", replaced(key.line, "# gone"), header)


def duplicates() -> Iterator[Mutant]:
    for section, name in (("source", "id"), ("entity", "id"), ("rule", "id"), ("channel", "id")):
        first, *others = [k for k in keys() if k.section == section and k.name == name]
        for other in others[:4]:
            yield Mutant(f"twice-{first.value}", with_value(other, first.value), other.line)
    for key in keys()[::9]:
        if not key.value.startswith(("'''", "[\n")) and key.value != "[":
            row = LINES[key.line - 1]
            yield Mutant(f"repeated-{key.name}", replaced(key.line, f"{row}\n{row}"), key.line + 1)


def broken_syntax() -> Iterator[Mutant]:
    for key in keys()[::4]:
        row = LINES[key.line - 1].split("  #")[0].rstrip()
        if key.value.startswith("'''") or key.value == "[":
            continue
        yield Mutant(f"no-equals-{key.name}", replaced(key.line, row.replace(" = ", " ", 1)), key.line)
        yield Mutant(f"colon-{key.name}", replaced(key.line, row.replace(" = ", ": ", 1)), key.line)
        yield Mutant(f"rubbish-{key.name}", replaced(key.line, f"{row} oops"), key.line)
        if row.endswith('"'):
            yield Mutant(f"no-quote-{key.name}", replaced(key.line, row[:-1]), key.line)
            yield Mutant(f"no-quotes-{key.name}", replaced(key.line, row.replace('"', "")), key.line)
        if row.endswith("]"):
            yield Mutant(f"no-bracket-{key.name}", replaced(key.line, row[:-1]), key.line)
    for number, row in enumerate(LINES, 1):
        if re.match(r"\s*\[\[", row):
            yield Mutant("half-header", replaced(number, row.rstrip()[:-1]), number)


def mistyped_headers() -> Iterator[Mutant]:
    seen = set()
    for number, row in enumerate(LINES, 1):
        header = re.match(r"\[+(\w+)(\.\w+)?\]+", row)
        if header and header[1] not in seen:
            seen.add(header[1])
            name = header[1][:-1] + "q"
            yield Mutant(f"header-{name}", replaced(number, row.replace(header[1], name, 1)), number)
            brackets = f"[{header[1]}]" if row.startswith("[[") else f"[[{header[1]}]]"
            if header[1] in {"tipstaff", "health", "matter"}:
                yield Mutant(f"brackets-{header[1]}", replaced(number, brackets), number)


def bad_query_lines() -> Iterator[Mutant]:
    inside = False
    for number, row in enumerate(LINES, 1):
        if row == "'''":
            inside = False
        elif inside and not row.startswith(("entity", ")")):
            for damage in ("titel:motion", 'entity:"nobody-here"', '""', "source:nowhere", "kind:nothing"):
                yield Mutant(f"query-{damage}", replaced(number, f"{row} OR {damage}"), number)
        inside = inside or row.endswith("= '''")


def random_mutants(count: int) -> Iterator[Mutant]:
    """Letters swapped, dropped, doubled or replaced in keys and in values that are one of a few words."""
    chance = random.Random(SEED)
    closed = {"documents", "severity", "identity", "tls", "log_level", "log_format", "kind", "channels", "interval"}
    settled = [k for k in keys() if k.section != "network.hosts"]
    made = 0
    while made < count:
        key = chance.choice(settled)
        in_key = key.name not in closed or key.section in {"entity", "rule.example"} or chance.random() < 0.5
        word = key.name if in_key else key.value.strip('[]"')
        at = chance.randrange(len(word))
        damage = chance.choice(
            [word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[:at] + "z" + word[at + 1 :]]
        )
        known = {k.name for k in keys()} | {k.value.strip('[]"') for k in keys()} | {"file", "at", "repeat"}
        if not damage or damage in known or re.fullmatch(r"\d+[smhd]", damage):
            continue
        row = LINES[key.line - 1]
        start = row.index(word, 0 if in_key else row.index(" = "))
        made += 1
        yield Mutant(
            f"random-{word}-{damage}", replaced(key.line, row[:start] + damage + row[start + len(word) :]), key.line
        )


FAMILIES = {
    "mistyped keys": mistyped_keys,
    "values of a wrong type": values_of_a_wrong_type,
    "bad values": bad_values,
    "missing keys": missing_keys,
    "duplicates": duplicates,
    "broken syntax": broken_syntax,
    "mistyped headers": mistyped_headers,
    "bad queries": bad_query_lines,
    "random letters": lambda: random_mutants(150),
}


def load_text(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, environ={})


def test_the_shipped_config_loads_on_a_fresh_machine(tmp_path: Path) -> None:
    config = load_text(tmp_path, TEXT)
    assert len(config.sources) >= 12
    assert {"binance", "binance-us", "us-sec", "cz"} <= {entity.id for entity in config.entities}
    assert len(config.rules) >= 4
    assert [(c.kind, c.enabled) for c in config.channels] == [("email", True), ("webhook", False)]
    assert config.secret_values == ()
    assert len(config.warnings) == 1
    assert "TIPSTAFF_CONTACT" in str(config.warnings[0])


def test_every_rule_of_the_shipped_config_has_examples_of_both_outcomes_and_all_pass(tmp_path: Path) -> None:
    config = load_text(tmp_path, TEXT)
    for rule in config.rules:
        assert {example.alert for example in rule.examples} == {True, False}, rule.id
    assert run_examples(config.rulebook) == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_damaged_config_is_refused_and_the_damaged_line_named(family: str, tmp_path: Path) -> None:
    mutants = list(FAMILIES[family]())
    assert len({m.text for m in mutants}) > 0
    accepted, misplaced = [], []
    for mutant in mutants:
        try:
            load_text(tmp_path, mutant.text)
        except ConfigFaults as refused:
            if mutant.line not in {fault.line for fault in refused.faults}:
                misplaced.append((str(mutant), str(refused)))
        else:
            accepted.append(str(mutant))
    assert accepted == []
    assert misplaced == []


def test_there_are_several_hundred_different_mutants() -> None:
    assert len({mutant.text for family in FAMILIES.values() for mutant in family()}) >= 400


def test_one_damage_gives_few_faults(tmp_path: Path) -> None:
    """A typo is not buried under what follows from it."""
    counts = []
    for family in ("mistyped keys", "values of a wrong type", "bad values"):
        for mutant in FAMILIES[family]():
            with pytest.raises(ConfigFaults) as refused:
                load_text(tmp_path, mutant.text)
            counts.append((len(refused.value.faults), str(mutant)))
    assert sum(count for count, _ in counts) / len(counts) < 2
    # The widest tear: the one channel that five rules and [health] name loses its id.
    assert max(counts)[0] <= 8, max(counts)
