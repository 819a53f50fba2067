"""Log lines carry fields, one line an event, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from monitor.log import FIELD_LIMIT, Log, Redactor, configure


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def written(*, as_json: bool, secrets: tuple[str, ...] = (), **fields: object) -> str:
    stream = io.StringIO()
    configure(level="info", as_json=as_json, redactor=Redactor(secrets), stream=stream)
    Log("tipstaff.test").info("round", **fields)
    return stream.getvalue()


def test_json_lines_hold_the_fields() -> None:
    record = json.loads(written(as_json=True, source="sec", new=3, error=None))
    assert (record["event"], record["source"], record["new"], record["error"]) == ("round", "sec", 3, None)


@pytest.mark.parametrize("as_json", [True, False])
def test_an_event_stays_one_line_whatever_the_content(as_json: bool) -> None:
    line = written(as_json=as_json, title="two\nlines\r\u2028and \x1b[31mcolours")
    assert line.count("\n") == 1
    assert "\x1b" not in line and "\u2028" not in line


@pytest.mark.parametrize("as_json", [True, False])
def test_a_known_secret_is_hidden_in_every_spelling(as_json: bool) -> None:
    secret = "p&ss/word+1234"
    spelled = "p&ss/word+1234 p%26ss%2Fword%2B1234 cCZzcy93b3JkKzEyMzQ="
    line = written(as_json=as_json, secrets=(secret,), error=spelled)
    assert "word" not in line and "cCZzcy93b3Jk" not in line


def test_what_looks_like_a_secret_in_an_address_is_hidden() -> None:
    line = written(as_json=True, url="https://me:hunter2@x.test/feed?api_key=abc123&page=2")
    assert "hunter2" not in line and "abc123" not in line
    assert "page=2" in line


def test_long_fields_are_cut() -> None:
    assert len(json.loads(written(as_json=True, body="x" * 100_000))["body"]) == FIELD_LIMIT


def test_a_reader_that_went_away_does_not_stop_the_program() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    configure(level="info", as_json=False, redactor=Redactor(), stream=Closed())
    Log("tipstaff.test").info("nobody reads this")
