"""Rules against the documents of the past, and beside them the same rules as somebody has edited them.

A backtest is fed one document after the other and keeps counts a day and a few samples, never a list of hits, so any
archive fits. Where the documents come from and how the outcome looks is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from rules.model import Document, Evidence, Rule
from rules.percolate import RuleBook, evidence_of
from rules.tuning.samples import Sample, Seen

MOST_DAYS: Final = 31
"""Days up to which a table has a row for each; longer times are told in weeks, and those in months."""
MOST_WEEKS: Final = 53

Outcome = Literal["kept", "gained", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A sampled document with the reasons: the evidence where a rule holds, the failing clause where it is lost."""

    seen: Seen
    evidence: tuple[Evidence, ...] = ()
    clause: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What a rule did on one day (UTC); `day` is None for documents without any time."""

    day: date | None
    documents: int = 0
    live: int = 0
    edited: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReport:
    """What one rule did: the live rule's hits, and what the edited one gains, loses and keeps of them."""

    id: str
    live: Rule | None
    """None where only the edited rules have this one."""
    edited: Rule | None
    kept: int
    """Hits of both; all hits where nothing was edited."""
    gained: int
    lost: int
    days: tuple[Day, ...]
    """Every day from the first to the last document."""
    samples: tuple[tuple[Outcome, tuple[Shown, ...]], ...]

    @property
    def hits(self) -> int:
        """How often the live rule holds."""
        return self.kept + self.lost

    @property
    def edited_hits(self) -> int:
        """How often the edited rule holds."""
        return self.kept + self.gained


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a backtest came to."""

    documents: int
    first: datetime | None
    last: datetime | None
    undated: int
    compared: bool
    rules: tuple[RuleReport, ...]
    faults: tuple[tuple[str, str, int], ...]
    """(rule, reason, how often): documents on which a rule could not be evaluated."""

    @property
    def days(self) -> int:
        """How many days the documents span, both ends counted; 1 where no document has a time."""
        return 1 if self.first is None or self.last is None else (self.last.date() - self.first.date()).days + 1


class _Tally:
    """What is counted of one rule."""

    def __init__(self, samples: int) -> None:
        self.days: dict[date | None, Counter[Outcome]] = {}
        self.samples: dict[Outcome, Sample] = {name: Sample(samples) for name in ("kept", "gained", "lost")}

    def take(self, seen: Seen, outcome: Outcome) -> None:
        day = None if seen.at is None else seen.at.date()
        self.days.setdefault(day, Counter())[outcome] += 1
        self.samples[outcome].offer(seen)

    def total(self, outcome: Outcome) -> int:
        return sum(counts[outcome] for counts in self.days.values())


class Backtest:
    """One pass over documents: `feed` each, then ask for the `report`."""

    def __init__(self, live: RuleBook, edited: RuleBook | None = None, *, samples: int = 5) -> None:
        """Args:
        live: the rules in force that are looked at.
        edited: the same rules as they might become, by id; None to look at the live ones alone.
        samples: documents shown of what each rule keeps, gains and loses.
        """
        self._live = live
        self._edited = edited
        books = (live,) if edited is None else (live, edited)
        ids = dict.fromkeys(rule.id for book in books for rule in book.rules)
        self._tallies = {id_: _Tally(samples) for id_ in ids}
        self._read: Counter[date | None] = Counter()
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._faults: Counter[tuple[str, str]] = Counter()

    def feed(self, key: str, document: Document, at: datetime | None = None) -> None:
        """Ask all rules of one document that was first seen `at`."""
        self._count(at)
        live = self._holding(self._live, document, at)
        edited = live if self._edited is None else self._holding(self._edited, document, at)
        if live or edited:
            seen = Seen(key=key, document=document, at=at)
            for id_ in live | edited:
                outcome: Outcome = "lost" if id_ not in edited else "kept" if id_ in live else "gained"
                self._tallies[id_].take(seen, outcome)

    def _count(self, at: datetime | None) -> None:
        if at is None:
            self._read[None] += 1
            return
        self._read[at.date()] += 1
        if self._first is None or at < self._first:
            self._first = at
        if self._last is None or at > self._last:
            self._last = at

    def _holding(self, book: RuleBook, document: Document, at: datetime | None) -> frozenset[str]:
        rules, faults = book.firing(document, at)
        for fault in faults:
            self._faults[fault.rule, fault.reason] += 1
        return frozenset(rule.id for rule in rules)

    def report(self) -> Report:
        """Return what was found so far; the samples are explained only now."""
        return Report(
            documents=self._read.total(),
            first=self._first,
            last=self._last,
            undated=self._read[None],
            compared=self._edited is not None,
            rules=tuple(self._reported(id_, tally) for id_, tally in self._tallies.items()),
            faults=tuple((*fault, count) for fault, count in sorted(self._faults.items())),
        )

    def _reported(self, id_: str, tally: _Tally) -> RuleReport:
        live, edited = _rule(self._live, id_), None if self._edited is None else _rule(self._edited, id_)
        return RuleReport(
            id=id_,
            live=live,
            edited=edited,
            kept=tally.total("kept"),
            gained=tally.total("gained"),
            lost=tally.total("lost"),
            days=tuple(self._days(tally)),
            samples=tuple(
                (outcome, tuple(self._shown(id_, outcome, seen) for seen in sample.chosen()))
                for outcome, sample in tally.samples.items()
            ),
        )

    def _days(self, tally: _Tally) -> list[Day]:
        days: list[date | None] = []
        if self._first is not None and self._last is not None:
            first, last = self._first.date(), self._last.date()
            days += [first + timedelta(days=number) for number in range((last - first).days + 1)]
        if self._read[None]:
            days.append(None)
        return [self._day(day, tally.days.get(day, Counter())) for day in days]

    def _day(self, day: date | None, counts: Counter[Outcome]) -> Day:
        return Day(
            day=day,
            documents=self._read[day],
            live=counts["kept"] + counts["lost"],
            edited=counts["kept"] + counts["gained"],
        )

    def _shown(self, id_: str, outcome: Outcome, seen: Seen) -> Shown:
        book = self._live if self._edited is None else self._edited
        if _rule(book, id_) is None:
            return Shown(seen=seen, reason="the rule is gone or not enabled")
        explanation = book.explain(seen.document, id_, seen.at)
        failing = explanation.first_failing
        if outcome == "lost" and failing is not None:
            return Shown(seen=seen, clause=failing.clause, reason=failing.reason)
        return Shown(seen=seen, evidence=evidence_of(explanation.verdict))


def _rule(book: RuleBook, id_: str) -> Rule | None:
    return next((rule for rule in book.rules if rule.id == id_), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Several days as one row of a table; `start` is None for documents without any time."""

    start: date | None
    documents: int
    live: int
    edited: int


def periods(days: Sequence[Day]) -> tuple[str, tuple[Period, ...]]:
    """Return days put together so that a table of them stays short, and what each row is: day, week or month."""
    dated = sum(day.day is not None for day in days)
    unit = "day" if dated <= MOST_DAYS else "week" if dated <= 7 * MOST_WEEKS else "month"
    groups: dict[date | None, list[Day]] = {}
    for day in days:
        groups.setdefault(None if day.day is None else _start(day.day, unit), []).append(day)
    return unit, tuple(_period(start, group) for start, group in groups.items())


def _start(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _period(start: date | None, days: Collection[Day]) -> Period:
    return Period(
        start=start,
        documents=sum(day.documents for day in days),
        live=sum(day.live for day in days),
        edited=sum(day.edited for day in days),
    )
