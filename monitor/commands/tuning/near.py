"""`tipstaff rules near`: documents that a rule missed by one clause only, which is where it may be too narrow."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from monitor.cli import NEGATIVE, OK, USAGE, Call
from monitor.commands.terminal import Terminal, counted
from monitor.commands.tuning.choosing import UnknownRule, known_rule
from monitor.commands.tuning.documents import BadDocument, feed, streamed
from monitor.commands.tuning.showing import bar, heading, seen_values, shortened, titled
from monitor.opening import load
from rules.tuning.near import NearMisses

SINCE: Final = timedelta(days=7)


def near(call: Call) -> int:
    """Show the documents that missed a rule by one clause, newest first, and how many each clause kept out."""
    words, terminal = call.words, call.terminal
    try:
        book = load(call.config_path, call.environ).config.rulebook
        rule = known_rule(book, words.rule)
        misses = NearMisses(book, rule.id, limit=words.limit)
        with streamed(call, SINCE) as stream:
            feed(call, stream, misses.feed)
    except UnknownRule as fault:
        terminal.refuse(str(fault), fault.advice)
        return NEGATIVE
    except BadDocument as fault:
        terminal.refuse(str(fault))
        return USAGE
    if terminal.as_json:
        terminal.answer(
            {
                "rule": rule.id,
                "documents": misses.documents,
                "bad_lines": stream.bad,
                "near_misses": misses.total,
                "clauses": [{"clause": clause, "documents": count} for clause, count in misses.clauses.most_common()],
                "newest": [
                    seen_values(miss.seen) | {"clause": miss.clause, "reason": miss.reason} for miss in misses.newest
                ],
                "faults": [{"reason": reason, "documents": count} for reason, count in misses.faults.items()],
            }
        )
    else:
        _show(terminal, rule.id, misses)
    return NEGATIVE if stream.bad else OK


def _show(terminal: Terminal, rule: str, misses: NearMisses) -> None:
    of = counted(misses.documents, "document")
    terminal.say(f'{misses.total:,} of {of} missed rule "{rule}" by one clause', "bold")
    if misses.total:
        most = max(misses.clauses.values())
        rows = [
            (shortened(clause), count, bar(terminal, count, most)) for clause, count in misses.clauses.most_common()
        ]
        terminal.say()
        terminal.table(("WITHOUT THIS CLAUSE", "MORE HITS", ""), rows)
        terminal.say()
        terminal.say(f"the newest {len(misses.newest)}:")
    for miss in misses.newest:
        terminal.say(heading(miss.seen))
        terminal.say(f"    {titled(miss.seen.document)}")
        terminal.say(f"    fails {shortened(miss.clause)}: {miss.reason}")
    for reason, count in misses.faults.items():
        terminal.fail(f'rule "{rule}" could not be evaluated on {counted(count, "document")}: {reason}')
