"""Schedules lengthen and end where they should, and failing speaks once at the right times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rules import timing
from rules.model import Health

NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)
chances = st.floats(0, 1, exclude_max=True)


def test_a_delivery_is_tried_eleven_times_over_three_days_and_then_parked() -> None:
    at = NOON
    for failed in range(1, 11):
        following = timing.next_attempt(failed, now=at, chance=0.5)
        assert following is not None and following > at
        at = following
    assert timedelta(hours=72) < at - NOON < timedelta(hours=100)
    assert timing.next_attempt(11, now=at, chance=0.5) is None


@given(st.integers(1, 10), chances, st.one_of(st.none(), st.floats(-1e9, 1e9)))
def test_a_retry_is_never_before_its_schedule_nor_more_than_a_day_and_its_spread_away(
    failed: int, chance: float, wish: float | None
) -> None:
    following = timing.next_attempt(failed, now=NOON, chance=chance, retry_after=wish)
    assert following is not None
    planned = timing.RETRY_DELAYS[failed - 1]
    assert planned * 0.8 <= following - NOON <= timedelta(days=1) * 1.2


def test_retry_after_lengthens_the_wait() -> None:
    assert timing.next_attempt(1, now=NOON, chance=0.5, retry_after=600) == NOON + timedelta(minutes=10)


@given(st.integers(1, 10_000), chances, st.one_of(st.none(), st.floats(0, 1e9)), st.integers(30, 200_000))
def test_a_failing_source_is_always_asked_again_within_a_day(
    failures: int, chance: float, wish: float | None, interval: int
) -> None:
    following = timing.next_poll_after_failure(
        timedelta(seconds=interval), failures=failures, now=NOON, chance=chance, retry_after=wish
    )
    assert timedelta(0) < following - NOON <= timedelta(days=1)


def test_the_first_three_failures_keep_the_interval_then_it_doubles_up_to_an_hour() -> None:
    waits = [
        timing.next_poll_after_failure(timedelta(minutes=5), failures=n, now=NOON, chance=0.5) - NOON
        for n in range(1, 9)
    ]
    assert [w.total_seconds() / 60 for w in waits] == [5, 5, 5, 10, 20, 40, 60, 60]


def spell(telling: timing.Telling, *, every: timedelta, lasting: timedelta) -> list[timedelta]:
    """Let a thing fail at a distance for a while; return the ages at which it was told."""
    health, told, at = Health(), [], NOON
    while at - NOON <= lasting:
        health = timing.failed(health, now=at, kind="dns", reason="no such host")
        if telling.due(health, at):
            health = timing.told(health, now=at, notice="n")
            told.append(at - NOON)
        at += every
    return told


def test_a_failing_source_speaks_at_the_third_failure_after_six_hours_and_daily() -> None:
    told = spell(timing.source_telling(timedelta(minutes=5)), every=timedelta(minutes=5), lasting=timedelta(days=3))
    assert told[:2] == [timedelta(minutes=10), timedelta(hours=6, minutes=15)]
    assert {b - a for a, b in pairwise(told[1:])} == {timedelta(days=1)}


def test_a_slow_source_speaks_after_three_intervals_at_the_latest_a_day() -> None:
    told = spell(timing.source_telling(timedelta(hours=12)), every=timedelta(hours=12), lasting=timedelta(days=1))
    assert told[0] == timedelta(days=1)


def test_two_blips_are_not_told_and_a_success_ends_the_spell() -> None:
    telling = timing.source_telling(timedelta(minutes=5))
    health = timing.failed(Health(), now=NOON, kind="dns", reason="x")
    health = timing.failed(health, now=NOON + timedelta(minutes=5), kind="dns", reason="x")
    assert not telling.due(health, NOON + timedelta(minutes=5))
    assert timing.succeeded(health, now=NOON) == Health(last_success=NOON)


def test_a_failing_channel_is_told_at_five_minutes_one_hour_and_later() -> None:
    told = spell(timing.CHANNEL_TELLING, every=timedelta(minutes=1), lasting=timedelta(hours=8))
    assert told == [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=7)]


def failing_since(minutes: int, last: int | None = None) -> Health:
    last_success = None if last is None else NOON + timedelta(minutes=last)
    return Health(failures=3, failing_since=NOON + timedelta(minutes=minutes), last_success=last_success)


def test_the_line_is_down_only_when_no_source_got_through_since_the_spell_began() -> None:
    ours = failing_since(0)
    assert timing.line_is_down(ours, [failing_since(1, last=-1), failing_since(2, last=-2)])
    assert not timing.line_is_down(ours, [failing_since(1), Health(last_success=NOON + timedelta(minutes=1))])
    assert not timing.line_is_down(ours, [failing_since(3, last=2)]), "it got through after our spell began"
    assert not timing.line_is_down(ours, []), "a single source says nothing about the line"
