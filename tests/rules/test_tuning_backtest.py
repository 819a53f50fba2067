"""A backtest counts what rules do on documents, and what an edit would gain and lose; it keeps only a few of them."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.entities import Field, View
from rules.language.wording import Word
from rules.model import Document, Entity, Rule
from rules.percolate import RuleBook, compile_rules
from rules.tuning.backtest import Backtest, Day, RuleReport, periods
from rules.tuning.samples import Sample, Seen

MARCH = datetime(2024, 3, 1, 9, tzinfo=UTC)


def book(**queries: str) -> RuleBook:
    return compile_rules([Rule(id=id_.replace("_", "-"), when=when) for id_, when in queries.items()])


def of(title: str, **more: str) -> Document:
    return Document(source="wire", title=title, **more)  # type: ignore[arg-type]


def run(live: RuleBook, edited: RuleBook | None, *titles: str, samples: int = 5) -> tuple[RuleReport, ...]:
    test = Backtest(live, edited, samples=samples)
    for number, title in enumerate(titles):
        test.feed(f"d{number}", of(title), MARCH + timedelta(days=number))
    return test.report().rules


def sample(report: RuleReport, outcome: str) -> list[str]:
    return [shown.seen.document.title for name, kept in report.samples for shown in kept if name == outcome]


def test_hits_are_counted_a_day_with_the_days_that_had_none() -> None:
    test = Backtest(book(motion="motion"))
    for key, title, hours in (("a", "Motion", 0), ("b", "Motion", 20), ("c", "Order", 48), ("d", "Motion", 72)):
        test.feed(key, of(title), MARCH + timedelta(hours=hours))
    report = test.report()
    [rule] = report.rules
    assert (report.documents, report.days, rule.hits) == (4, 4, 3)
    assert [(day.documents, day.live) for day in rule.days] == [(1, 1), (1, 1), (1, 0), (1, 1)]


def test_what_an_edit_gains_loses_and_keeps() -> None:
    [rule] = run(book(motion="motion"), book(motion="order OR stay"), "motion", "order", "motion to stay", "notice")
    assert (rule.hits, rule.edited_hits, rule.kept, rule.gained, rule.lost) == (2, 2, 1, 1, 1)
    assert (sample(rule, "kept"), sample(rule, "gained"), sample(rule, "lost")) == (
        ["motion to stay"],
        ["order"],
        ["motion"],
    )


def test_a_gained_document_has_the_evidence_and_a_lost_one_the_clause_that_fails_now() -> None:
    [rule] = run(book(r="motion"), book(r="order NOT title:motion"), "A motion", "An order")
    shown = dict(rule.samples)
    [gained], [lost] = shown["gained"], shown["lost"]
    assert [(one.clause, one.start, one.end) for one in gained.evidence] == [("order", 3, 8)]
    assert (lost.clause, lost.reason, lost.evidence) == ("order", "not in the title or body", ())


def test_a_rule_that_is_new_gains_all_and_one_that_is_gone_loses_all() -> None:
    gone, new = run(book(gone="motion"), book(new="motion"), "motion")
    assert (gone.id, gone.edited, gone.lost, gone.gained) == ("gone", None, 1, 0)
    assert gone.samples[2][1][0].reason == "the rule is gone or not enabled"
    assert (new.id, new.live, new.lost, new.gained) == ("new", None, 0, 1)


def test_a_document_is_seen_when_it_was_first_seen() -> None:
    test = Backtest(book(late="published:>2d", soon="published:<2d"))
    old = Document(source="wire", title="Motion", published=MARCH)
    test.feed("a", old, MARCH + timedelta(days=3))
    test.feed("b", old, MARCH + timedelta(days=1))
    assert [(rule.id, rule.hits) for rule in test.report().rules] == [("late", 1), ("soon", 1)]


def test_documents_without_a_time_are_counted_apart() -> None:
    test = Backtest(book(motion="motion"))
    test.feed("a", of("Motion"))
    test.feed("b", of("Motion"), MARCH)
    report = test.report()
    assert (report.undated, report.days) == (1, 1)
    assert report.rules[0].days == (
        Day(day=MARCH.date(), documents=1, live=1, edited=1),
        Day(day=None, documents=1, live=1, edited=1),
    )


def test_a_rule_that_cannot_be_evaluated_is_reported_and_the_others_go_on() -> None:
    working = book(motion="motion", other="motion")
    motion, other = working.rules
    broken = RuleBook([(motion, working.node("motion")), (other, Raising("motion"))], working.gazetteer)
    test = Backtest(broken)
    test.feed("a", of("Motion"), MARCH)
    report = test.report()
    assert report.faults == (("other", "ZeroDivisionError: no", 1),)
    assert [rule.hits for rule in report.rules] == [1, 0]


class Raising(Word):
    """A clause that cannot be evaluated."""

    __slots__ = ()

    def holds(self, view: View, fields: tuple[Field, ...]) -> bool:
        raise ZeroDivisionError("no")


words = st.lists(st.sampled_from(("motion", "order", "stay", "notice")), max_size=4).map(" ".join)
queries = st.sampled_from(("motion", "order", "motion order", "NOT stay", "stay OR motion", "title:notice"))


@given(st.lists(words, max_size=30), queries, queries)
def test_counts_are_those_of_asking_every_rule_of_every_document(titles: list[str], live: str, edited: str) -> None:
    before, after = book(r=live), book(r=edited)
    [rule] = run(before, after, *titles)
    held = [(bool(before.match_all(of(t))[0]), bool(after.match_all(of(t))[0])) for t in titles]
    assert (rule.kept, rule.gained, rule.lost) == tuple(
        sum(one == pair for one in held) for pair in ((True, True), (False, True), (True, False))
    )
    assert sum(day.live for day in rule.days) == rule.hits
    assert sum(day.edited for day in rule.days) == rule.edited_hits


@given(st.lists(st.text(max_size=3), max_size=40), st.randoms(use_true_random=False), st.integers(0, 6))
def test_a_sample_is_the_same_in_whatever_order_documents_come(keys: list[str], chance: object, size: int) -> None:
    shuffled = [*keys, *keys[:3]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    taken = [Sample(size), Sample(size)]
    for one, order in zip(taken, (keys, shuffled), strict=True):
        for key in order:
            one.offer(Seen(key=key, document=of(key), at=None))
    assert taken[0].chosen() == taken[1].chosen()
    assert len(taken[0].chosen()) == min(size, len(set(keys)))


def test_memory_does_not_grow_with_the_documents() -> None:
    test = Backtest(book(motion="motion"), book(motion="motion OR order"), samples=3)
    for number in range(2_000):
        test.feed(f"d{number}", of(f"motion {number}"), MARCH)
    gc.collect()
    kept = sum(isinstance(one, Document) for one in gc.get_objects())
    assert kept < 50, "only the samples are kept"
    assert test.report().rules[0].kept == 2_000


def test_a_long_time_is_told_in_weeks_and_months() -> None:
    def days(count: int) -> list[Day]:
        return [Day(day=MARCH.date() + timedelta(days=n), documents=1, live=1) for n in range(count)]

    assert (periods(days(31))[0], len(periods(days(31))[1])) == ("day", 31)
    unit, weeks = periods([*days(90), Day(day=None, documents=2)])
    assert (unit, weeks[0].start, weeks[0].documents) == ("week", MARCH.date() - timedelta(days=4), 3)
    assert (weeks[-1].start, weeks[-1].documents) == (None, 2)
    assert sum(week.live for week in weeks) == 90
    assert periods(days(800))[0] == "month"


def test_entities_are_those_of_each_book() -> None:
    rule = Rule(id="r", when="entity:x")
    live = compile_rules([rule], [Entity(id="x", name="Binance")])
    edited = compile_rules([rule], [Entity(id="x", name="Kraken")])
    [report] = run(live, edited, "Binance", "Kraken")
    assert (report.gained, report.lost) == (1, 1)
