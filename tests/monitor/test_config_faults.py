"""A config that cannot be used says everything that is wrong with it, each thing where it stands."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config import Config, ConfigFaults, Fault, load

DESK = """
[[channel]]
id = "desk"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@localhost"
to = ["root@localhost"]
"""


def written(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def faults(folder: Path, text: str) -> tuple[Fault, ...]:
    with pytest.raises(ConfigFaults) as refused:
        load(written(folder, text), environ={})
    return refused.value.faults


def fault(folder: Path, text: str) -> Fault:
    (only,) = faults(folder, text)
    return only


def loaded(folder: Path, text: str, **environ: str) -> Config:
    return load(written(folder, text), environ=environ)


def test_ten_faults_in_one_file_are_ten_faults(tmp_path: Path) -> None:
    text = """\
[tipstaff]
log_level = "lots"
colour = "red"

[[source]]
id = "one"
url = "htp://one.org"
interval = "5"

[[source]]
id = "one"
url = "https://two.org"

[[rule]]
id = "words"
severity = "hihg"
channels = ["dsek"]
when = '''
motion AND
(order OR titel:x
'''

[[rule]]
id = "no-query"
"""
    found = faults(tmp_path, text + DESK)
    assert [(f.line, f.key) for f in found] == [
        (2, "log_level"),
        (3, "colour"),
        (7, "url"),
        (8, "interval"),
        (11, "id"),
        (16, "severity"),
        (17, "channels"),
        (20, "when"),
        (20, "when"),
        (23, "when"),
    ]


def test_a_fault_reads_as_file_line_table_key_and_what_was_meant(tmp_path: Path) -> None:
    text = f'{DESK}\n[[rule]]\nid = "sec-motion"\nwhen = "motion"\nseverity = "hihg"\n'
    path = tmp_path / "config.toml"
    assert str(fault(tmp_path, text)) == (
        f"{path}:{text[: text.index('severity')].count(chr(10)) + 1}: "
        """[[rule]] "sec-motion": severity: 'hihg' is not one of low, normal, high, critical; did you mean "high"?"""
    )


def test_a_query_fault_names_its_line_and_column_inside_a_text_of_several_lines(tmp_path: Path) -> None:
    text = "[[rule]]\nid = 'r'\nwhen = '''\n\nmotion\n  AND titel:order\n'''\n"
    found = fault(tmp_path, text + DESK)
    assert (found.line, found.column) == (6, 7)
    assert found.hint == 'did you mean "title:"?'
    shown, carets = found.snippet.split("\n")
    assert shown[carets.index("^") :].startswith("titel:")


def test_a_query_fault_is_placed_right_behind_escapes(tmp_path: Path) -> None:
    text = '[[rule]]\nid = "r"\nwhen = "\\"motion\\" AND titel:x"\n'
    found = fault(tmp_path, text + DESK)
    assert (found.line, found.column) == (3, text.split("\n")[2].index("titel") + 1)


def test_the_query_of_a_rule_that_is_faulty_elsewhere_is_read_too(tmp_path: Path) -> None:
    text = "[[rule]]\nid = 'r'\nseverity = 'x'\nwhen = '(a'\n[[rule]]\nid = 'r'\nwhen = '(b'\nenabled = false\n"
    assert [(f.line, f.key) for f in faults(tmp_path, text + DESK)] == [
        (3, "severity"),
        (4, "when"),
        (6, "id"),
        (7, "when"),
    ]


def test_a_faulty_entity_makes_no_rule_faulty_that_names_it(tmp_path: Path) -> None:
    text = "[[entity]]\nid = 'acme'\nname = 'Acme'\nkin = 'company'\ntags = ['t']\n"
    text += "[[rule]]\nid = 'r'\nwhen = 'entity:acme entity:@t'\n"
    assert fault(tmp_path, text + DESK).key == "kin"


def test_an_alias_without_letters_is_refused_at_its_own_line(tmp_path: Path) -> None:
    text = "[[entity]]\nid = 'acme'\nname = 'Acme'\naliases = [\n  'Acme Corp',\n  '--',\n]\n"
    assert fault(tmp_path, text).line == 6


def test_a_doubled_id_names_both_lines(tmp_path: Path) -> None:
    text = "[[source]]\nid = 'a'\nurl = 'https://a.org'\n[[source]]\nid = 'a'\nurl = 'https://b.org'\n"
    found = fault(tmp_path, text)
    assert found.line == 5
    assert f"{tmp_path / 'config.toml'}:2" in found.message


def test_a_mistyped_key_names_the_one_that_was_meant(tmp_path: Path) -> None:
    assert fault(tmp_path, "[network]\nconect_timeout = '1s'\n").hint == 'did you mean "connect_timeout"?'


def test_a_key_in_the_wrong_place_is_told_where_it_belongs(tmp_path: Path) -> None:
    assert fault(tmp_path, "contact = 'me@acme.org'\n").hint == "it belongs into [tipstaff]"
    assert fault(tmp_path, "[health]\nlog_level = 'info'\n").hint == "it belongs into [tipstaff]"
    assert "top of the file" in fault(tmp_path, "[health]\ninclude = ['x.toml']\n").hint


def test_the_wrong_kind_of_brackets_is_named(tmp_path: Path) -> None:
    assert "[[source]]" in fault(tmp_path, "[source]\nid = 'a'\nurl = 'https://a.org'\n").hint
    assert "[network]" in fault(tmp_path, "[[network]]\nconcurrency = 3\n").hint


def test_a_mistyped_header_is_named_beside_the_broken_toml_that_follows_from_it(tmp_path: Path) -> None:
    text = (
        "[[rul]]\nid = 'a'\nwhen = 'a'\n[[rule.example]]\ntext = 'a'\nalert = true\n[[rule]]\nid = 'b'\nwhen = 'b'\n"
    )
    found = faults(tmp_path, text)
    assert (found[0].line, found[0].hint) == (1, 'did you mean "rule"?')


def test_a_list_that_is_never_closed_is_reported_where_it_was_opened(tmp_path: Path) -> None:
    assert fault(tmp_path, "[health]\nfailures = 3\nchannels = [\n  'a',\n\n[network]\nports = [80]\n").line == 3


def test_a_text_that_is_never_closed_is_reported_where_it_was_opened(tmp_path: Path) -> None:
    assert fault(tmp_path, "[[rule]]\nid = 'a'\nwhen = '''\nmotion\n\n[health]\nfailures = 3\n").line == 3


def test_a_half_written_file_is_a_fault(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "config.toml").read_text()
    for cut in range(100, len(text), 977):
        path = written(tmp_path, text[:cut])
        try:
            load(path, environ={})
        except ConfigFaults as refused:
            assert all(f.file == str(path) for f in refused.faults)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[tipstaff]\nlog_level = 'inf\xff'\n", "not UTF-8"),
        (b"a = " + b"[" * 3000, "nested too deeply"),
        (b"a = " + b"9" * 5000 + b"\n", "not valid TOML"),
        (b"#" * 5_000_001, "larger than 5 MB"),
    ],
)
def test_a_file_that_is_no_config_at_all_is_a_fault(raw: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigFaults, match=words):
        load(path, environ={})


def test_a_folder_in_place_of_a_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="cannot be read"):
        load(tmp_path, environ={})


def test_an_empty_file_is_a_config_without_sources(tmp_path: Path) -> None:
    config = loaded(tmp_path, "")
    assert config.sources == ()
    assert config.network.total_timeout == timedelta(seconds=30)
    assert config.network.wire_limit == 10_000_000


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.text(max_size=5) | st.integers(-5, 70_000) | st.booleans() | st.floats(allow_nan=False),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "kind", "url", "to", "when", "env", "file", "text", "example", "headers", "x", "", "a b"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    section=st.sampled_from(
        ["tipstaff", "network", "health", "history", "source", "entity", "matter", "rule", "channel", "include"]
    ),
)
def test_whatever_stands_in_a_section_is_a_config_or_a_fault(value: object, section: str, tmp_path: Path) -> None:
    text = f"{section} = {toml(value)}\n"
    path = written(tmp_path, text)
    try:
        load(path, environ={})
    except ConfigFaults as refused:
        assert refused.faults
        assert all(f.line == 1 for f in refused.faults)


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value if not 0xD800 <= ord(c) <= 0xDFFF) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, float):
        return repr(value)
    return str(value)


def test_a_config_damaged_anywhere_at_random_is_a_config_or_faults_with_lines_of_its_own(tmp_path: Path) -> None:
    """The bounded part of a run of 16,000 such configs that met no other exception."""
    shipped = (Path(__file__).resolve().parents[2] / "config.toml").read_text()
    chance = random.Random(7)
    for _ in range(250):
        letters = list(shipped)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(letters))
            letters[at : at + chance.choice([0, 1, 1, 20])] = chance.choice(["", *"\"'[]{}=.,#\\\n\t\x00é-1"])
        text = "".join(letters)
        path = written(tmp_path, text)
        try:
            load(path, environ={})
        except ConfigFaults as refused:
            assert all(1 <= f.line <= text.count("\n") + 2 for f in refused.faults)
