"""`tipstaff rules explain`: why rules hold for a document, why one does not, and which missed it by one clause."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.cli import NEGATIVE, OK, Call
from monitor.commands.terminal import Terminal
from monitor.commands.tuning.choosing import UnknownRule, known_rule
from monitor.commands.tuning.documents import BadDocument, Read, read
from monitor.commands.tuning.showing import evidence_values, shortened, show_marked, titled
from monitor.opening import load, opened
from rules.language.query import Verdict
from rules.model import Document, RuleFault
from rules.percolate import Explanation, RuleBook, evidence_of
from rules.tuning.near import evidence_below, near_miss, repairs


def explain(call: Call) -> int:
    """Say why a rule fires on a document, or which clause failed first; without a rule, look at all of them."""
    words, terminal = call.words, call.terminal
    book = load(call.config_path, call.environ).config.rulebook
    try:
        if words.rule is not None:
            known_rule(book, words.rule)
        found = _find(call)
    except UnknownRule as fault:
        terminal.refuse(str(fault), fault.advice)
        return NEGATIVE
    except BadDocument as fault:
        terminal.refuse(f"{words.document}: {fault}")
        return NEGATIVE
    if found is None:
        terminal.refuse(
            f"no stored document's key begins with {words.document!r}, and no file has that name",
            "`tipstaff alerts show KEY` names the document of an alert",
        )
        return NEGATIVE
    if words.rule is None:
        _explain_all(terminal, book, found)
    else:
        _explain_one(terminal, book.explain(found.document, words.rule, found.at))
    return OK


def _find(call: Call) -> Read | None:
    name = call.words.document
    if name == "-":
        return read(sys.stdin.buffer.read(), "stdin")
    if os.path.isfile(name):  # noqa: PTH113 - Path.is_file raises for a name that no file can have
        try:
            return read(Path(name).read_bytes(), "the file")
        except OSError as error:
            raise BadDocument(f"the file cannot be read: {error.strerror}") from None
    with opened(call.config_path, call.environ) as (_, store):
        filed = store.document(name)
    if filed and filed.thinned:
        call.terminal.warn(f"its text was dropped on {filed.thinned:%Y-%m-%d}; only the title is looked at")
    return Read(name=filed.key, document=filed.document, first_seen=filed.first_seen) if filed else None


def _explain_one(terminal: Terminal, explanation: Explanation) -> None:
    wrong = repairs(explanation.verdict)
    if terminal.as_json:
        needed = [{"clause": one.clause, "reason": one.reason} for one in wrong]
        more = {"misses": explanation.verdict.misses, "would_have_to_change": needed}
        terminal.answer(explanation.as_dict() | more)
        return
    for line in explanation.lines():
        terminal.say(line)
    evidence = evidence_below(explanation.verdict)
    if evidence:
        terminal.say()
        show_marked(terminal, explanation.document, evidence)
    if wrong:
        terminal.say()
        terminal.say(
            "it would hold if this came out otherwise:"
            if len(wrong) == 1
            else "it would hold if all came out otherwise:"
        )
        for one in wrong:
            terminal.say(f"  {shortened(one.clause)}: {one.reason}")


@dataclass(frozen=True, slots=True)
class _Looked:
    """What all rules of a book say of one document."""

    holding: tuple[Explanation, ...]
    near: tuple[tuple[Explanation, Verdict], ...]
    """Those that missed it by one clause, with the verdict on that."""
    faults: tuple[RuleFault, ...]


def _look(book: RuleBook, document: Document, at: datetime | None) -> _Looked:
    holding: list[Explanation] = []
    near: list[tuple[Explanation, Verdict]] = []
    faults: list[RuleFault] = []
    for rule in book.rules:
        try:
            explanation = book.explain(document, rule.id, at)
        except Exception as error:
            # As in a round: a rule that cannot be evaluated does not keep the others from being looked at.
            faults.append(RuleFault(rule=rule.id, reason=f"{type(error).__name__}: {error}"))
            continue
        missing = near_miss(explanation.verdict)
        if explanation.holds:
            holding.append(explanation)
        elif missing is not None:
            near.append((explanation, missing))
    return _Looked(tuple(holding), tuple(near), tuple(faults))


def _explain_all(terminal: Terminal, book: RuleBook, found: Read) -> None:
    looked = _look(book, found.document, found.at)
    if terminal.as_json:
        terminal.answer(_values(found, looked))
        return
    terminal.say(titled(found.document), "bold")
    terminal.say(f"rules that hold: {len(looked.holding)} of {len(book.rules)}")
    for explanation in looked.holding:
        terminal.say()
        terminal.say(f'rule "{explanation.rule.id}" holds', "green")
        show_marked(terminal, found.document, evidence_of(explanation.verdict))
    if looked.near:
        terminal.say()
        terminal.say("missed by one clause:")
    for explanation, missing in looked.near:
        terminal.say(f'  rule "{explanation.rule.id}": {shortened(missing.clause)}: {missing.reason}')
    for fault in looked.faults:
        terminal.fail(f'rule "{fault.rule}" could not be evaluated: {fault.reason}')


def _values(found: Read, looked: _Looked) -> dict[str, Any]:
    document = found.document
    return {
        "document": {"key": found.name, "source": document.source, "kind": document.kind, "title": document.title},
        "holds": [
            {
                "rule": one.rule.id,
                "severity": one.rule.severity,
                "evidence": evidence_values(document, evidence_of(one.verdict)),
            }
            for one in looked.holding
        ],
        "missed_by_one": [
            {"rule": one.rule.id, "clause": missing.clause, "reason": missing.reason} for one, missing in looked.near
        ],
        "faults": [{"rule": fault.rule, "reason": fault.reason} for fault in looked.faults],
    }
