"""`tipstaff rules`: running the examples, trying documents, explaining a verdict."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.cli import NEGATIVE, OK, Call
from monitor.opening import load, opened
from rules.entities import View
from rules.model import KINDS, Document
from rules.percolate import ExampleFailure, RuleBook, run_examples
from rules.text import plain

TITLE_LIMIT = 10_000
BODY_LIMIT = 2_000_000


class BadDocument(ValueError):
    """A line or file that is not a document as `rules try` and `rules explain` read it."""


def test(call: Call) -> int:
    """Run the examples of every rule; 0 when all come out as written, 1 otherwise."""
    config = load(call.config_path, call.environ).config
    failures = run_examples(config.rulebook)
    counts = [{"rule": rule.id, "examples": len(rule.examples)} for rule in config.rules]
    total = sum(len(rule.examples) for rule in config.rules)
    if call.terminal.as_json:
        call.terminal.answer({"ok": not failures, "rules": counts, "failures": failures_as_rows(failures)})
        return NEGATIVE if failures else OK
    for failure in failures:
        call.terminal.fail(str(failure))
    bare = [rule.id for rule in config.rules if not rule.examples]
    if bare:
        call.terminal.warn(f"without examples: {', '.join(bare)}")
    call.terminal.say(f"{total - len(failures)} of {total} examples pass", "red" if failures else "green")
    return NEGATIVE if failures else OK


def failures_as_rows(failures: Iterable[ExampleFailure]) -> list[dict[str, Any]]:
    """Return failed examples as JSON values."""
    return [{"rule": f.rule, "example": f.number, "expected": f.expected, "why": f.why} for f in failures]


def try_(call: Call) -> int:
    """Read documents as JSON lines from stdin; write for each which rules would alert."""
    config = load(call.config_path, call.environ).config
    bad = 0
    for number, line in _lines():
        try:
            name, document = _read(line, f"line {number}")
        except BadDocument as fault:
            bad += 1
            call.terminal.fail(f"stdin: {fault}")
            continue
        call.terminal.line(_tried(name or str(number), document, config.rulebook))
    return NEGATIVE if bad else OK


def _tried(name: str, document: Document, book: RuleBook) -> dict[str, Any]:
    matches, faults = book.match(document)
    outcome: dict[str, Any] = {
        "id": name,
        "alerts": [match.rule.id for match in matches],
        "entities": sorted(View(document, book.gazetteer).mentions),
    }
    if faults:
        outcome["faults"] = [{"rule": f.rule, "reason": f.reason} for f in faults]
    return outcome


def explain(call: Call) -> int:
    """Say why a rule fires on a document, or which clause failed first."""
    words = call.words
    loaded = load(call.config_path, call.environ)
    book = loaded.config.rulebook
    if words.rule not in {rule.id for rule in book.rules}:
        known = ", ".join(r.id for r in book.rules) or "none"
        call.terminal.refuse(f"there is no rule {words.rule!r} that is enabled", f"there are: {known}")
        return NEGATIVE
    try:
        document = _find(call)
    except BadDocument as fault:
        call.terminal.refuse(f"{words.document}: {fault}")
        return NEGATIVE
    if document is None:
        call.terminal.refuse(
            f"no stored document's key begins with {words.document!r}, and no file has that name",
            "`tipstaff alerts show KEY` names the document of an alert",
        )
        return NEGATIVE
    explanation = book.explain(document, words.rule)
    if call.terminal.as_json:
        call.terminal.answer(explanation.as_dict())
    else:
        for line in explanation.lines():
            call.terminal.say(line)
    return OK


def _find(call: Call) -> Document | None:
    name = call.words.document
    if name == "-":
        return _read(sys.stdin.buffer.read(), "stdin")[1]
    if os.path.isfile(name):  # noqa: PTH113 - Path.is_file raises for a name that no file can have
        try:
            return _read(Path(name).read_bytes(), "the file")[1]
        except OSError as error:
            raise BadDocument(f"the file cannot be read: {error.strerror}") from None
    with opened(call.config_path, call.environ) as (_, store):
        filed = store.document(name)
    return filed.document if filed else None


def _lines() -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if line.strip():
            yield number, line


def _read(raw: bytes, where: str) -> tuple[str | None, Document]:
    """Read one document: an object with `title`, `body`, `kind`, `source`, `published`, `url`, `lang`, `tags`."""
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadDocument(f"{where} is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise BadDocument(f"{where} is not a JSON object")
    kind = _text(given, "kind", where) or "news"
    kind = "docket-entry" if kind in {"docket", "docket_entry"} else kind
    if kind not in KINDS:
        raise BadDocument(f"{where}: kind {kind!r} is none of {', '.join(KINDS)}")
    name = given.get("id")
    document = Document(
        source=_text(given, "source", where) or "stdin",
        kind=kind,
        title=plain(_text(given, "title", where) or "", TITLE_LIMIT),
        body=plain(_text(given, "body", where) or "", BODY_LIMIT),
        url=_text(given, "url", where),
        published=_time(given, where),
        lang=_text(given, "lang", where),
        tags=_tags(given, where),
    )
    return None if name is None else str(name), document


def _text(given: dict[str, Any], key: str, where: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise BadDocument(f"{where}: {key} must be text, not {type(value).__name__}")
    return value


def _tags(given: dict[str, Any], where: str) -> tuple[str, ...]:
    tags = given.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise BadDocument(f"{where}: tags must be a list of texts")
    return tuple(tags)


def _time(given: dict[str, Any], where: str) -> datetime | None:
    text = _text(given, "published", where)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadDocument(f"{where}: published {text!r} is not a time such as 2024-03-05T21:04:11Z") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
