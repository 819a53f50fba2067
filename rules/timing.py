"""When to poll next, when to try a delivery again, and when failing is news; reading a clock is not done here.

Chance comes in as a number in [0, 1), so that a given history always gives the same times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from rules.model import Health

DAY: Final = timedelta(days=1)
RETRY_DELAYS: Final = tuple(
    timedelta(seconds=s) for s in (5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Waits after the first, second, ... failed attempt: eleven attempts over about 85 hours, as the
Standard Webhooks text proposes (long enough for a weekend)."""
RETRY_SPREAD: Final = 0.2
POLL_SPREAD: Final = 0.1
LONGEST_WAIT: Final = DAY
PASSING_CAP: Final = timedelta(hours=1)
FIRST_REPEAT: Final = timedelta(hours=6)


def spread(delay: timedelta, share: float, chance: float) -> timedelta:
    """Return the delay moved by up to `share` of itself either way; chance 0.5 leaves it alone."""
    return delay * (1 + share * (2 * chance - 1))


def next_attempt(failed: int, *, now: datetime, chance: float, retry_after: float | None = None) -> datetime | None:
    """Return when to try a delivery again after `failed` attempts (1 = the first), or None: park it.

    `retry_after` is the receiver's wish in seconds; it can lengthen the wait, to a day at most.
    """
    if failed > len(RETRY_DELAYS):
        return None
    delay = spread(RETRY_DELAYS[failed - 1], RETRY_SPREAD, chance)
    if retry_after is not None:
        delay = max(delay, min(timedelta(seconds=max(retry_after, 0.0)), LONGEST_WAIT))
    return now + delay


def next_poll(interval: timedelta, *, now: datetime, chance: float) -> datetime:
    """Return when to ask a healthy source again: its interval, give or take a tenth."""
    return now + spread(interval, POLL_SPREAD, chance)


def next_poll_after_failure(
    interval: timedelta, *, failures: int, now: datetime, chance: float, retry_after: float | None = None
) -> datetime:
    """Return when to ask a failing source again: the interval for three tries, then doubling, never over a day.

    No source is ever given up: the longest wait without a Retry-After is an hour (or the interval).
    """
    cap = max(interval, PASSING_CAP)
    delay = min(interval * 2 ** min(max(failures - 3, 0), 20), cap)
    delay = spread(delay, POLL_SPREAD, chance)
    if retry_after is not None:
        delay = max(delay, min(timedelta(seconds=max(retry_after, 0.0)), LONGEST_WAIT))
    return now + min(delay, LONGEST_WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """When a spell of failures is told: after so many in a row, or at these ages of the spell."""

    failures: int | None = None
    ages: tuple[timedelta, ...] = ()
    repeat: timedelta = DAY
    """After the last of `ages`, again and again at this distance."""

    def due(self, health: Health, now: datetime) -> bool:
        """Say whether a spell has reached its next notice."""
        if health.failing_since is None:
            return False
        age = now - health.failing_since
        if health.told == 0 and self.failures is not None and health.failures >= self.failures:
            return True
        if health.told < len(self.ages):
            return age >= self.ages[health.told]
        return health.told_at is not None and now - health.told_at >= self.repeat


def source_telling(interval: timedelta, *, failures: int = 3, repeat: timedelta = FIRST_REPEAT) -> Telling:
    """Return when a failing source speaks: N in a row or three intervals (15 min to a day); `repeat` later; daily."""
    first = min(max(3 * interval, timedelta(minutes=15)), DAY)
    return Telling(failures=failures, ages=(first, first + repeat), repeat=DAY)


CHANNEL_TELLING: Final = Telling(
    ages=(timedelta(minutes=5), timedelta(hours=1), timedelta(hours=7)),
    repeat=DAY,
)
"""A failing channel is told through another one at 5 minutes, 1 hour, 7 hours, then daily."""


def failed(health: Health, *, now: datetime, kind: str, reason: str) -> Health:
    """Return the record after one more failure."""
    return replace(
        health,
        failures=health.failures + 1,
        failing_since=health.failing_since or now,
        last_error=reason,
        last_error_kind=kind,
    )


def told(health: Health, *, now: datetime, notice: str) -> Health:
    """Return the record after a notice of this spell was decided."""
    return replace(health, told=health.told + 1, told_at=now, notice=notice)


def succeeded(health: Health, *, now: datetime) -> Health:
    """Return the record after a success; the spell of failures, if any, is over."""
    return Health(last_success=now)


def line_is_down(failing: Health, others: Sequence[Health]) -> bool:
    """Say whether our own network, not this source, is the likely cause of a spell of network failures.

    It is when there are other sources that have been tried and none has succeeded since this spell began.
    """
    tried = [h for h in others if h.last_success is not None or h.failures]
    began = failing.failing_since
    if began is None or not tried:
        return False
    return all(h.failures > 0 and (h.last_success is None or h.last_success <= began) for h in tried)
