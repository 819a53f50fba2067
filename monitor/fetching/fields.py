"""What HTTP header fields say about waiting; whether to obey is the caller's choice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_WAIT: Final = 24 * 3600.0


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After field asks for, within [0, 24 h], or None where it makes no sense.

    Both forms of RFC 9110 section 10.2.3: seconds and HTTP-date.
    """
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII):
        return min(float(text), LONGEST_WAIT)
    moment = http_date(text)
    if moment is None:
        return None
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_WAIT)


def http_date(text: str) -> datetime | None:
    """Read an HTTP-date as an aware UTC datetime, or return None.

    A zone written as -0000 comes back naive from the standard library; it means UTC here.
    """
    if len(text) > 64:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def freshness(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return for how many seconds an answer says it stays fresh (Cache-Control max-age, else Expires), or None.

    Header names are in lower case. `no-cache` and `no-store` say nothing about polling, so they give None.
    """
    control = headers.get("cache-control", "").lower()
    if re.search(r"(^|[,\s])no-(cache|store)\b", control):
        return None
    if found := re.search(r"(^|[,\s])max-age\s*=\s*\"?(\d{1,12})", control):
        return min(float(found[2]), LONGEST_WAIT) or None
    expires = http_date(headers.get("expires", ""))
    if expires is None:
        return None
    seconds = (expires - (http_date(headers.get("date", "")) or now)).total_seconds()
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None
