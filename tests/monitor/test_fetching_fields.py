"""Retry-After, max-age and Expires as they come: read in every form, and never a reason to raise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from clocks import START

from monitor.fetching.fields import freshness, retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("999999999999", 86400.0),
        ("99999999999999999999", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("\u0663", None),
        ("1e3", None),
        ("Tue, 05 Mar 2024 21:10:00 GMT", 600.0),
        ("Tue, 05 Mar 2024 21:10:00 -0000", 600.0),
        ("Tue, 05 Mar 2024 16:10:00 -0500", 600.0),
        ("Tuesday, 05-Mar-24 21:10:00 GMT", 600.0),
        ("Tue, 05 Mar 2024 20:00:00 GMT", 0.0),
        ("Tue, 05 Mar 2099 20:00:00 GMT", 86400.0),
        ("Tue, 99 Mar 2024 20:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("x" * 10_000, None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_never_raises(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, START) == seconds


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, None),
        ({"cache-control": "public, max-age=300"}, 300.0),
        ({"cache-control": "s-maxage=5, MAX-AGE=60"}, 60.0),
        ({"cache-control": "no-cache, max-age=300"}, None),
        ({"cache-control": "max-age=0"}, None),
        ({"cache-control": "max-age=99999999"}, 86400.0),
        ({"cache-control": "max-age=x"}, None),
        ({"expires": "Tue, 05 Mar 2024 21:05:00 GMT"}, 300.0),
        ({"expires": "Tue, 05 Mar 2024 21:05:00 GMT", "date": "Tue, 05 Mar 2024 21:04:00 GMT"}, 60.0),
        ({"expires": "0"}, None),
        ({"expires": "Tue, 05 Mar 2024 20:05:00 GMT"}, None),
    ],
)
def test_freshness_comes_from_max_age_or_expires(fields: dict[str, str], seconds: float | None) -> None:
    assert freshness(fields, START) == seconds


def test_a_moment_an_hour_ahead_is_an_hour_of_waiting() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after((now + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT"), now) == 3600.0


# --- sites with conditions, and our own line ---------------------------------------------------------------------
