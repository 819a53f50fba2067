"""Dates and ages of documents against limits, and what a document without a date counts as."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.entities import Gazetteer, View
from rules.language.parse import parse
from rules.language.query import evaluate
from rules.model import Document

NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)


def holds(
    query: str, published: datetime | None = None, *, updated: datetime | None = None, now: datetime | None = None
) -> bool:
    document = Document(source="s", published=published, updated=updated)
    return evaluate(parse(query), View(document, Gazetteer(), now)).holds


@pytest.mark.parametrize(
    ("test", "first", "last"),
    [
        ("2024-03-05", "2024-03-05T00:00:00", "2024-03-05T23:59:59.999999"),
        (">=2024-03-05", "2024-03-05T00:00:00", "9999-01-01T00:00:00"),
        (">2024-03-04", "2024-03-05T00:00:00", "9999-01-01T00:00:00"),
        ("<=2024-03-05", "0001-01-01T00:00:00", "2024-03-05T23:59:59.999999"),
        ("<2024-03-06", "0001-01-01T00:00:00", "2024-03-05T23:59:59.999999"),
        ("<9999-12-31", "0001-01-01T00:00:00", "9999-12-30T23:59:59.999999"),
        ("[2024-03-01 TO 2024-03-31]", "2024-03-01T00:00:00", "2024-03-31T23:59:59.999999"),
        ("[2024-03-01 to *]", "2024-03-01T00:00:00", "9999-12-31T00:00:00"),
        ("[* TO 2024-03-31]", "0001-01-01T00:00:00", "2024-03-31T23:59:59.999999"),
        ("2024-03-05T12:00Z", "2024-03-05T12:00:00", "2024-03-05T12:00:00"),
        ("2024-03-05T12:00", "2024-03-05T12:00:00", "2024-03-05T12:00:00"),
        ("2024-03-05T13:00+01:00", "2024-03-05T12:00:00", "2024-03-05T12:00:00"),
        ('"2024-03-05 12:00"', "2024-03-05T12:00:00", "2024-03-05T12:00:00"),
    ],
)
def test_a_date_is_a_whole_day_in_utc_and_a_time_is_that_moment(test: str, first: str, last: str) -> None:
    moments = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (first, last)]
    step = timedelta(microseconds=1)
    assert all(holds(f"published:{test}", moment) for moment in moments)
    assert all(holds(f"updated:{test}", None, updated=moment) for moment in moments)
    if moments[0].year > 1:
        assert not holds(f"published:{test}", moments[0] - step)
    if moments[1].year < 9999 or (moments[1].month == 12 and moments[1].day == 30):
        assert not holds(f"published:{test}", moments[1] + step)


SPANS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@given(
    st.sampled_from(("<", "<=", ">", ">=")),
    st.integers(0, 400),
    st.sampled_from(sorted(SPANS)),
    st.builds(timedelta, hours=st.integers(-5, 1000)) | st.builds(timedelta, minutes=st.integers(0, 400)),
)
def test_an_age_is_what_has_passed_until_the_document_was_seen(
    sign: str, count: int, unit: str, age: timedelta
) -> None:
    limit = count * SPANS[unit]
    expected = {"<": age < limit, "<=": age <= limit, ">": age > limit, ">=": age >= limit}[sign]
    assert holds(f"published:{sign}{count}{unit}", NOON - age, now=NOON) == expected
    assert holds(f"updated:{sign}{count}{unit}", NOON - 9 * age, updated=NOON - age, now=NOON) == expected


def test_a_document_without_a_date_counts_as_published_when_it_was_first_seen() -> None:
    assert holds("published:<1m", now=NOON)
    assert not holds("published:>=1m", now=NOON)
    assert holds("published:2024-03-05", now=NOON)
    assert holds("updated:2024-03-05", now=NOON)


def test_a_document_that_was_never_updated_counts_as_updated_when_it_was_published() -> None:
    assert holds("updated:2024-03-05", NOON, now=NOON + timedelta(days=3))
    assert holds("updated:>2d", NOON, now=NOON + timedelta(days=3))
    assert not holds("updated:2024-03-05", NOON, updated=NOON + timedelta(days=1))


def test_without_a_time_of_arrival_a_document_is_as_old_as_it_is_when_it_appears() -> None:
    assert holds("published:<1m", NOON)
    assert holds("published:2024-03-05", NOON)
    assert holds("published:<1m")


def test_a_date_in_the_future_is_young() -> None:
    assert holds("published:<1m", NOON + timedelta(days=1), now=NOON)


def test_another_zone_makes_no_difference() -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert holds("published:2024-03-05T12:00Z", tokyo)
    assert holds("published:>=1d", tokyo, now=NOON + timedelta(days=1))


def test_a_failing_date_says_what_the_document_has() -> None:
    view = View(Document(source="s", published=NOON), Gazetteer(), NOON + timedelta(hours=30))
    assert (
        evaluate(parse("published:<1d"), view).reason == "published 2024-03-05 12:00 UTC, 30.0 h before it was seen"
    )
    unknown = View(Document(source="s"), Gazetteer(), NOON)
    assert evaluate(parse("published:>1d"), unknown).reason == "it has no date: its arrival counts"
