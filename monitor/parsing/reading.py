"""Bytes to a `ParsedFeed`: feedparser for XML, our own reader for JSON Feed. Runs in the child only.

feedparser is the only judge of what an XML feed says; links are made absolute, texts plain, and fields cut to
their limits. It is given a stream, never bytes or text: those it may take for a path or a URL and open.
"""

from __future__ import annotations

import io
import warnings
import xml.sax
from collections.abc import Iterator
from typing import Any

import feedparser

from monitor.parsing.cleaning import make_harmless
from monitor.parsing.entries import CONTENT_LIMIT, ENTRIES, SUMMARY_LIMIT, entry, from_struct, one_line
from monitor.parsing.jsonfeed import looks_like_json, read_json_feed
from monitor.sources import ParsedEntry, ParsedFeed


def read_feed(body: bytes, content_type: str, url: str) -> ParsedFeed:
    """Read a feed of any format; a body that is none gives the version "".

    Raises:
        Exception: whatever feedparser raises; the caller names it.
    """
    if looks_like_json(body):
        return read_json_feed(body, url)
    harmless, content_type = make_harmless(body, content_type)
    headers = {"content-location": url} if url else {}
    if content_type:
        headers["content-type"] = content_type
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = feedparser.parse(
            io.BytesIO(harmless), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
        return _feed(result, url)


def _feed(result: Any, url: str) -> ParsedFeed:
    about = result.feed
    return ParsedFeed(
        version=str(result.get("version") or ""),
        title=one_line(_text(about, "title"), 500),
        lang=_text(about, "language")[:35] or None,
        built=from_struct(_raw(about, "updated_parsed")) or from_struct(_raw(about, "published_parsed")),
        ttl=_minutes(_text(about, "ttl")),
        entries=tuple(_entry(found, url) for found in result.entries[:ENTRIES]),
        problem=_problem(result),
    )


def _entry(found: Any, base: str) -> ParsedEntry:
    return entry(
        guid=_text(found, "id") or None,
        link=_text(found, "link") or None,
        base=base,
        title=_text(found, "title"),
        texts=_texts(found),
        published=from_struct(_raw(found, "published_parsed")),
        updated=from_struct(_raw(found, "updated_parsed")),
        authors=_authors(found),
        tags=(str(tag.get("term") or tag.get("label") or "") for tag in found.get("tags", ())),
    )


def _texts(found: Any) -> Iterator[tuple[str, int]]:
    yield _text(found, "summary"), SUMMARY_LIMIT
    for content in found.get("content", ()):
        yield str(content.get("value") or ""), CONTENT_LIMIT


def _authors(found: Any) -> Iterator[str]:
    for person in found.get("authors", ()):
        yield str(person.get("name") or person.get("email") or "")
    yield _text(found, "author") if not found.get("authors") else ""


def _raw(holder: Any, key: str) -> Any:
    """Look a key up without feedparser's fallback of one date to the other."""
    return dict.get(holder, key)


def _text(holder: Any, key: str) -> str:
    value = _raw(holder, key)
    return value if isinstance(value, str) else ""


def _minutes(text: str) -> float | None:
    """Read RSS's <ttl>, which counts minutes, as seconds; within a week, else it is a mistake."""
    return float(text) * 60 if text.isascii() and text.isdigit() and 0 < int(text[:9]) <= 10_080 else None


def _problem(result: Any) -> str | None:
    if len(result.entries) > ENTRIES:
        return f"only the first {ENTRIES} entries are read"
    fault = result.get("bozo_exception")
    return f"{type(fault).__name__}: {str(fault)[:200]}" if isinstance(fault, xml.sax.SAXException) else None
