"""The limits and small conversions that every feed format shares; the formats themselves are not here."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

from monitor.sources import ParsedEntry
from rules.model import digest
from rules.text import clean, plain

TITLE_LIMIT: Final = 2000
LINK_LIMIT: Final = 4096
GUID_LIMIT: Final = 4096
SUMMARY_LIMIT: Final = 64 * 1024
CONTENT_LIMIT: Final = 512 * 1024
PERSON_LIMIT: Final = 200
TAGS: Final = 50
AUTHORS: Final = 20
ENTRIES: Final = 20_000

_YEARS: Final = range(1980, 2101)
"""Dates outside are placeholders (the epoch, year 1, year 9999) and count as unknown."""
_TIME_TAG: Final = re.compile(r"<time\b[^<>]{0,400}?\bdatetime\s*=\s*[\"']([^\"'<>]{8,40})[\"']", re.IGNORECASE)


def entry(
    *,
    guid: str | None,
    link: str | None,
    base: str,
    title: str,
    texts: Iterable[tuple[str, int]],
    published: datetime | None,
    updated: datetime | None,
    authors: Iterable[str],
    tags: Iterable[str],
) -> ParsedEntry:
    """Make one entry plain and cut it to its limits. `texts` are (markup, limit); the longest one is the body."""
    markups = tuple(texts)
    if published is None and updated is None:
        # ESMA's feed has no pubDate; its date is a <time> element in the description (regulator captures, 2026)
        published = next((found for markup, _ in markups if (found := _time_tag(markup))), None)
    return ParsedEntry(
        guid=_guid(guid),
        link=absolute(link, base),
        title=one_line(title, TITLE_LIMIT),
        body=max((plain(markup, limit) for markup, limit in markups), key=len, default=""),
        published=published,
        updated=updated,
        authors=_distinct(authors, AUTHORS),
        tags=_distinct(tags, TAGS),
    )


def one_line(markup: str, limit: int) -> str:
    """Return the text of a field that is shown on one line."""
    return clean(" ".join(plain(markup, limit * 4).split()), limit)


def _guid(guid: str | None) -> str | None:
    text = clean(guid or "", len(guid or "")).strip()
    if len(text) > GUID_LIMIT:
        return f"digest:{digest(text)}"
    return text or None


def _distinct(texts: Iterable[str], count: int) -> tuple[str, ...]:
    cleaned = (one_line(text, PERSON_LIMIT) for text in texts)
    return tuple(dict.fromkeys(text for text in cleaned if text))[:count]


def absolute(link: str | None, base: str) -> str | None:
    """Return a link as an absolute http or https URL, or None if it is none."""
    text = re.sub(r"[\t\r\n]\s*", "", clean(link or "", LINK_LIMIT + 1)).strip().replace(" ", "%20")
    if not text or len(text) > LINK_LIMIT:
        return None
    try:
        joined = urljoin(base, text)
        parts = urlsplit(joined)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return None
    return joined if sound else None


def from_struct(moment: time.struct_time | None) -> datetime | None:
    """Return a UTC time tuple as a datetime, or None where it makes no sense."""
    if moment is None or moment[0] not in _YEARS:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(moment), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def from_iso(text: object) -> datetime | None:
    """Read an RFC 3339 time or date as an aware UTC datetime; without a zone it counts as UTC."""
    if not isinstance(text, str) or not 8 <= len(text.strip()) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None


def _time_tag(markup: str) -> datetime | None:
    found = _TIME_TAG.search(markup)
    return from_iso(found[1]) if found else None
