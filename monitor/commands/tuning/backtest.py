"""`tipstaff rules backtest`: what a rule would have told in the past, and what an edit of it would change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from monitor.cli import NEGATIVE, OK, USAGE, Call
from monitor.commands.terminal import Terminal, counted
from monitor.commands.tuning.choosing import QueryRefused, UnknownRule, chosen, refuse_query
from monitor.commands.tuning.documents import BadDocument, feed, streamed
from monitor.commands.tuning.showing import bar, evidence_values, heading, seen_values, shortened, show_marked, titled
from monitor.opening import load
from rules.tuning.backtest import Backtest, Outcome, Report, RuleReport, Shown, periods

SINCE: Final = timedelta(days=90)


def backtest(call: Call) -> int:
    """Ask rules of the documents of the past, and tell what an edit would gain and lose."""
    words, terminal = call.words, call.terminal
    if words.when is not None and words.rule is None:
        terminal.refuse("--when is the new query of a rule, but no RULE is named", "write the rule's id before it")
        return USAGE
    try:
        rules = chosen(call, load(call.config_path, call.environ))
        run = Backtest(rules.live, rules.edited, samples=words.samples)
        if not (rules.live.rules or (rules.edited and rules.edited.rules)):
            return _nothing(terminal, edited=rules.edited is not None)
        with streamed(call, SINCE) as stream:
            feed(call, stream, run.feed)
    except UnknownRule as fault:
        terminal.refuse(str(fault), fault.advice)
        return NEGATIVE
    except QueryRefused as fault:
        return refuse_query(terminal, fault)
    except BadDocument as fault:
        terminal.refuse(str(fault))
        return USAGE
    report = run.report()
    if terminal.as_json:
        terminal.answer(_values(report, stream.bad))
    else:
        _show(terminal, report)
    return NEGATIVE if stream.bad else OK


def _nothing(terminal: Terminal, *, edited: bool) -> int:
    reason = "no rule of the edit differs from the one in force" if edited else "no rule is enabled"
    if terminal.as_json:
        terminal.answer({"documents": 0, "rules": [], "reason": reason})
    else:
        terminal.say(reason)
    return OK


# --- for people ---------------------------------------------------------------------------------------------------


def _show(terminal: Terminal, report: Report) -> None:
    if report.first is None or report.last is None:
        span = ""
    else:
        span = f", first seen from {report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}"
    terminal.say(f"{report.documents:,} documents{span}")
    if not report.documents:
        terminal.say("there is nothing to look at: --since reaches further back, --from reads a file")
        return
    if len(report.rules) > 1 and not report.compared:
        _show_summary(terminal, report)
    else:
        for rule in report.rules:
            _show_rule(terminal, report, rule, alone=len(report.rules) == 1)
    for name, reason, count in report.faults:
        terminal.fail(f'rule "{name}" could not be evaluated on {counted(count, "document")}: {reason}')


def _show_summary(terminal: Terminal, report: Report) -> None:
    rules = sorted(report.rules, key=lambda rule: -rule.hits)
    most = max(rule.hits for rule in rules)
    rows = [(r.id, r.hits, _rate(r.hits, report), bar(terminal, r.hits, most)) for r in rules]
    terminal.table(("RULE", "HITS", "A DAY", ""), rows)


def _show_rule(terminal: Terminal, report: Report, rule: RuleReport, *, alone: bool) -> None:
    terminal.say()
    terminal.say(f'rule "{rule.id}": {_outcome(report, rule)}', "bold")
    if alone:
        terminal.say()
        _show_days(terminal, report, rule)
    totals = {"kept": rule.kept, "gained": rule.gained, "lost": rule.lost}
    for outcome, shown in rule.samples:
        if shown and (outcome != "kept" or not report.compared):
            terminal.say()
            _show_sample(terminal, outcome if report.compared else "hits", shown, totals[outcome])


def _outcome(report: Report, rule: RuleReport) -> str:
    now = f"{counted(rule.hits, 'hit')}, {_rate(rule.hits, report)} a day"
    if not report.compared:
        return now
    edited = f"{counted(rule.edited_hits, 'hit')}, {_rate(rule.edited_hits, report)} a day"
    changes = f"{rule.gained:,} gained, {rule.lost:,} lost, {rule.kept:,} kept"
    if rule.live is None:
        return f"is new: {edited}"
    return f"is gone: {changes}" if rule.edited is None else f"now {now}; edited {edited}: {changes}"


def _show_days(terminal: Terminal, report: Report, rule: RuleReport) -> None:
    unit, rows = periods(rule.days)
    most = max((max(row.live, row.edited) for row in rows), default=0)
    columns = (unit.upper(), "DOCUMENTS", *(("NOW", "EDITED") if report.compared else ("HITS",)), "")
    terminal.table(
        columns,
        [
            (
                "no date" if row.start is None else f"{row.start:{'%Y-%m' if unit == 'month' else '%Y-%m-%d'}}",
                row.documents,
                *((row.live, row.edited) if report.compared else (row.live,)),
                bar(terminal, row.edited, most),
            )
            for row in rows
        ],
    )


def _show_sample(terminal: Terminal, name: str, sample: tuple[Shown, ...], total: int) -> None:
    terminal.say(f"{name}: {len(sample)} of {total:,}", {"gained": "green", "lost": "red"}.get(name, ""))
    for shown in sample:
        terminal.say(heading(shown.seen))
        if shown.reason:
            terminal.say(f"    {titled(shown.seen.document)}")
            terminal.say(
                f"    now fails {shortened(shown.clause)}: {shown.reason}" if shown.clause else f"    {shown.reason}"
            )
        else:
            show_marked(terminal, shown.seen.document, shown.evidence)


def _rate(hits: int, report: Report) -> str:
    rate = hits / report.days
    return f"{rate:,.1f}" if rate >= 0.1 or not hits else f"{rate:.2g}"


# --- for programs -------------------------------------------------------------------------------------------------


def _values(report: Report, bad: int) -> dict[str, Any]:
    return {
        "documents": report.documents,
        "first": report.first,
        "last": report.last,
        "days": report.days,
        "undated": report.undated,
        "bad_lines": bad,
        "compared": report.compared,
        "rules": [_rule_values(report, rule) for rule in report.rules],
        "faults": [{"rule": rule, "reason": reason, "documents": count} for rule, reason, count in report.faults],
    }


def _rule_values(report: Report, rule: RuleReport) -> dict[str, Any]:
    values: dict[str, Any] = {
        "rule": rule.id,
        "when": rule.live.when if rule.live else None,
        "hits": rule.hits,
        "hits_a_day": round(rule.hits / report.days, 4),
    }
    if report.compared:
        values |= {
            "edited_when": rule.edited.when if rule.edited else None,
            "edited_hits": rule.edited_hits,
            "edited_hits_a_day": round(rule.edited_hits / report.days, 4),
            "gained": rule.gained,
            "lost": rule.lost,
            "kept": rule.kept,
        }
    return {
        **values,
        "by_day": [
            {"day": day.day.isoformat() if day.day else None, "documents": day.documents, "hits": day.live}
            | ({"edited_hits": day.edited} if report.compared else {})
            for day in rule.days
        ],
        "samples": {
            _called(outcome, report): [_sample_values(shown) for shown in sample]
            for outcome, sample in rule.samples
            if report.compared or outcome == "kept"
        },
    }


def _called(outcome: Outcome, report: Report) -> str:
    return outcome if report.compared else "hits"


def _sample_values(shown: Shown) -> dict[str, Any]:
    values = seen_values(shown.seen)
    if shown.reason:
        return values | {"failing": {"clause": shown.clause, "reason": shown.reason}}
    return values | {"evidence": evidence_values(shown.seen.document, shown.evidence)}
