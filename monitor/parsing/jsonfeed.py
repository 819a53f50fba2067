"""Reads JSON Feed 1.0 and 1.1, which feedparser does not; other JSON is not a feed.

https://www.jsonfeed.org/version/1.1/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from monitor.parsing.entries import CONTENT_LIMIT, ENTRIES, SUMMARY_LIMIT, entry, from_iso, one_line
from monitor.sources import ParsedEntry, ParsedFeed

_VERSIONS: Final = {"1": "json10", "1.0": "json10", "1.1": "json11"}
_DIGITS: Final = 18
"""Longer numbers stay text: ids are compared as text anyway, and CPython refuses to convert 4,300 digits."""


def looks_like_json(body: bytes) -> bool:
    """Say whether a body begins as JSON does."""
    return body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\0")[:1] in {b"{", b"["}


def read_json_feed(body: bytes, url: str) -> ParsedFeed:
    """Read a JSON Feed; where the JSON is something else, the version is "" and there are no entries."""
    try:
        value = json.loads(
            body.decode("utf-8-sig", "replace"), parse_constant=_refuse_constant, parse_int=_short_integer
        )
    except (ValueError, RecursionError) as error:
        return ParsedFeed(version="", problem=f"not valid JSON: {str(error)[:200]}")
    version = _version(value)
    if not version:
        return ParsedFeed(version="", problem="JSON without the version field of a JSON Feed")
    rows = [row for row in value["items"] if isinstance(row, dict)]
    default = tuple(_persons(value))
    return ParsedFeed(
        version=version,
        title=one_line(_text(value.get("title")), 500),
        lang=_text(value.get("language"))[:35] or None,
        entries=tuple(_entry(row, url, default) for row in rows[:ENTRIES]),
        problem=f"only the first {ENTRIES} entries are read" if len(rows) > ENTRIES else None,
    )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _short_integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _DIGITS else digits


def _version(value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("items"), list):
        return ""
    address = _text(value.get("version"))
    if "jsonfeed.org/version/" not in address:
        return ""
    return _VERSIONS.get(address.rstrip("/").rpartition("/")[2], "json")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _entry(row: dict[str, Any], base: str, default: tuple[str, ...]) -> ParsedEntry:
    link = _text(row.get("url")) or _text(row.get("external_url"))
    tags = row.get("tags")
    return entry(
        guid=_text(row.get("id")) or None,
        link=link or None,
        base=base,
        title=_text(row.get("title")),
        texts=(
            (_text(row.get("content_html")), CONTENT_LIMIT),
            (_as_markup(row.get("content_text")), CONTENT_LIMIT),
            (_as_markup(row.get("summary")), SUMMARY_LIMIT),
        ),
        published=from_iso(row.get("date_published")),
        updated=from_iso(row.get("date_modified")),
        authors=tuple(_persons(row)) or default,
        tags=(_text(tag) for tag in tags) if isinstance(tags, list) else (),
    )


def _as_markup(value: object) -> str:
    """Write plain text as markup: it goes through the same reader, and nothing in it may look like a tag."""
    return escape(_text(value), quote=False)


def _persons(row: dict[str, Any]) -> Iterator[str]:
    listed = row.get("authors")
    persons = listed if isinstance(listed, list) else [row.get("author")]
    for person in persons:
        if isinstance(person, dict):
            yield _text(person.get("name"))
