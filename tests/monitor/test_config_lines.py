"""Every key of a TOML text has its place, however the text is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config.toml.lines import KeyPath, decode, locate, normal

BARE = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,6}", fullmatch=True)
ODD = st.text(st.sampled_from("ab.#=[]{}, é'"), min_size=1, max_size=6)
TRICKY = st.sampled_from(
    [
        "",
        "plain",
        "# no comment",
        "[[rule]]",
        "key = 1",
        'say "this"',
        "it's",
        "a\\b",
        "tab\there",
        "é",
        "]",
        "}",
        ",",
    ]
)
SEVERAL_LINES = st.lists(
    st.sampled_from(["[[rule]]", "when = 'x'", "# text", "", "  ]", "}", '"']), min_size=1, max_size=4
)


class Writer:
    """Writes a TOML text and notes at which line each key was written."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.places: dict[KeyPath, int] = {}

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def write(self, text: str) -> None:
        self.text += text

    def noise(self) -> None:
        self.write(self.draw(st.sampled_from(["", "", "\n", "# [[rule]]\n", "   \n", "# a = '''\n"])))

    def key(self, name: str) -> str:
        styles = [f'"{name}"'] if '"' not in name and "\\" not in name else []
        if "'" not in name:
            styles.append(f"'{name}'")
        if name.isascii() and name.replace("-", "").replace("_", "").isalnum():
            styles.append(name)
        return self.draw(st.sampled_from(styles))

    def scalar(self) -> None:
        style = self.draw(st.integers(0, 6))
        if style == 0:
            self.write(self.draw(st.sampled_from(["1", "-3.5", "true", "1979-05-27 07:32:00", "0x1F", "inf"])))
        elif style == 1:
            body = "\n".join(self.draw(SEVERAL_LINES)).replace("'''", "''")
            self.write(f"'''\n{body}'''")
        elif style == 2:
            body = "\n".join(self.draw(SEVERAL_LINES)).replace("\\", "\\\\").replace('"', '\\"')
            self.write(f'"""{body}"""')
        elif style == 3:
            self.write("'" + self.draw(TRICKY).replace("'", "") + "'")
        elif style == 4:
            self.write('"""one \\\n  two"""')
        else:
            value = self.draw(TRICKY)
            self.write('"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '"')

    def value(self, path: KeyPath, depth: int, single_line: bool = False) -> None:
        style = self.draw(st.integers(0, 9))
        if depth and style == 0:
            self.list(path, depth - 1, single_line)
        elif depth and style == 1:
            self.inline_table(path, depth - 1)
        elif single_line:
            self.write(self.draw(st.sampled_from(["1", '"a"', "'b = 2'", "false"])))
        else:
            self.scalar()

    def list(self, path: KeyPath, depth: int, single_line: bool) -> None:
        self.write("[")
        for number in range(self.draw(st.integers(0, 3))):
            if not single_line:
                self.write(self.draw(st.sampled_from(["", " ", "\n  ", " # ]\n"])))
            self.places[*path, number] = self.line
            self.value((*path, number), depth, single_line)
            self.write(",")
        self.write("]")

    def inline_table(self, path: KeyPath, depth: int) -> None:
        self.write("{ ")
        for number, name in enumerate(self.draw(st.lists(BARE, max_size=2, unique=True))):
            self.write(", " if number else "")
            self.places[*path, name] = self.line
            self.write(f"{self.key(name)} = ")
            self.value((*path, name), depth, single_line=True)
        self.write(" }")

    def pairs(self, path: KeyPath) -> None:
        for name in self.draw(st.lists(BARE | ODD, max_size=3, unique=True)):
            self.noise()
            self.write(self.draw(st.sampled_from(["", "  ", "\t"])))
            dotted = self.draw(st.booleans())
            self.places[*path, name] = self.line
            if dotted:
                inner = self.draw(BARE)
                self.places[*path, name, inner] = self.line
                self.write(f"{self.key(name)} . {self.key(inner)} = ")
                self.value((*path, name, inner), 2)
            else:
                self.write(f"{self.key(name)}=")
                self.value((*path, name), 2)
            self.write(self.draw(st.sampled_from(["\n", " # x = 1\n"])))

    def document(self) -> str:
        self.pairs(())
        for number, name in enumerate(self.draw(st.lists(BARE, max_size=3, unique=True))):
            section = f"{name}{number}_"
            self.noise()
            if self.draw(st.booleans()):
                self.places[section,] = self.line
                self.write(f"[ {self.key(section)} ]\n")
                self.pairs((section,))
                continue
            for element in range(self.draw(st.integers(1, 3))):
                path = (section, element)
                self.places[path] = self.line
                self.write(f"[[{section}]]\n")
                self.pairs(path)
                for nested in range(self.draw(st.integers(0, 2))):
                    self.places[*path, "nested_", nested] = self.line
                    self.write(f"  [[{section}.nested_]]\n")
                    self.pairs((*path, "nested_", nested))
        return self.text


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    writer = Writer(draw)
    text = writer.document()
    return text, writer.places


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))
    else:
        yield path, value


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(documents())
def test_every_key_is_found_at_the_line_it_was_written_on(document: tuple[str, dict[KeyPath, int]]) -> None:
    text, places = document
    tables = tomllib.loads(text)
    lines = locate(text)
    rows = text.split("\n")
    for path, line in places.items():
        assert lines.keys[path] is not None
        assert lines.position(path)[0] == line, path
    for path, value in leaves(tables):
        names = [part for part in path if isinstance(part, str)]
        if all(isinstance(part, str) for part in path[-1:]):
            assert names[-1] in rows[lines.position(path)[0] - 1]
        if isinstance(value, str):
            assert decode(text, lines.values[path])[0] == value


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab \n\\\"'\t#é"), max_size=40), st.data())
def test_a_place_in_a_text_is_found_in_the_file_through_escapes_and_line_breaks(
    value: str, data: st.DataObject
) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    multi_line = data.draw(st.booleans())
    single = escaped.replace("\n", "\\n")
    text = f'[a]\nk = """\n{escaped}"""\n' if multi_line else f'[a]\nk = "{single}"\n'
    assert tomllib.loads(text) == {"a": {"k": value}}
    lines = locate(text)
    if not value:
        return
    offset = data.draw(st.integers(0, len(value) - 1))
    line = value.count("\n", 0, offset) + 1
    column = offset - (value.rfind("\n", 0, offset) + 1) + 1
    found_line, found_column = lines.inside(("a", "k"), line, column)
    here = lines.starts[found_line - 1] + found_column - 1
    written = text[here]
    assert written == value[offset] or written == "\\"
    if multi_line:
        assert found_line == 3 + value.count("\n", 0, offset)
    else:
        assert found_line == 2


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("a = 1\n", ("a",), (1, 1)),
        ("\n\n[x]\n  b = 1\n", ("x", "b"), (4, 3)),
        ("[[r]]\n[[r]]\nid = 1\n[[r.e]]\n[[r.e]]\nt = 1\n", ("r", 1, "e", 1, "t"), (6, 1)),
        ("[[r]]\n[r.h]\na = 1\n[[r]]\n[r.h]\na = 1\n", ("r", 1, "h", "a"), (6, 1)),
        ("c = [\n  'a',\n  # b\n  'b',\n]\n", ("c", 1), (4, 3)),
        ("t = { a = 1, b.c = 2 }\n", ("t", "b", "c"), (1, 16)),
        ("w = '''\na = 1\n'''\na = 2\n", ("a",), (4, 1)),
        ("x.'y z' = 1\n", ("x", "y z"), (1, 3)),
        ("[a]\nb = 1\n", ("a", "missing"), (1, 1)),
        ('q = """"quoted""""\nz = 1\n', ("z",), (2, 1)),
    ],
)
def test_a_key_is_found_where_it_stands(text: str, path: KeyPath, place: tuple[int, int]) -> None:
    tomllib.loads(text)
    assert locate(text).position(path) == place


def test_a_place_behind_a_line_continuation_is_found_on_its_own_line() -> None:
    text = 'k = """one \\\n   two three"""\n'
    assert tomllib.loads(text)["k"] == "one two three"
    assert locate(text).inside(("k",), 1, 5) == (2, 4)


def test_a_place_past_the_end_of_a_text_is_just_behind_it() -> None:
    assert locate("k = 'ab'\n").inside(("k",), 9, 9) == (1, 8)


def test_line_breaks_of_windows_and_a_byte_order_mark_do_not_move_lines() -> None:
    text = normal("\ufeffa = 1\r\nb = '''\r\nx'''\r\nc = 3\r\n")
    assert tomllib.loads(text)["b"] == "x"
    assert locate(text).position(("c",)) == (4, 1)
