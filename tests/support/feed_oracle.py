"""What feedparser alone, or json alone, makes of a whole feed, and how many different entries that is.

Nothing of the program is used here: an entry is told apart by (guid or link, title, body, date) once markup is off.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import feedparser
from captured_feeds import Capture


@dataclass(frozen=True)
class OracleEntry:
    """One entry as its feed has it; texts without markup."""

    name: str | None
    """The guid, or the link where there is none."""
    title: str
    texts: tuple[str, ...]
    published: tuple[int, ...] | None
    link: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes it another entry than one that differs in it; white space does not count."""
        return (self.name, squeezed(self.title), tuple(squeezed(text) for text in self.texts), self.published)

    def says(self, pattern: re.Pattern[str]) -> bool:
        """Say whether a pattern is found in the title or a text."""
        return any(pattern.search(text) for text in (self.title, *self.texts))


@dataclass(frozen=True)
class OracleFeed:
    """A whole feed as it is without the program."""

    version: str
    entries: tuple[OracleEntry, ...]

    @property
    def distinct(self) -> tuple[OracleEntry, ...]:
        """The entries, each once."""
        return tuple({entry.identity: entry for entry in self.entries}.values())


def read_alone(capture: Capture, body: bytes, url: str) -> OracleFeed:
    """Read a whole body with feedparser in its usual settings; JSON Feed, which it does not know, with json."""
    if capture.is_json:
        return _read_json(body)
    headers = {"content-type": capture.content_type, "content-location": url}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = feedparser.parse(io.BytesIO(body), response_headers=headers)
    return OracleFeed(found.version, tuple(_entry(e) for e in found.entries))


def _entry(found: Any) -> OracleEntry:
    # dict.get: feedparser's own look-up gives one date for another
    published = dict.get(found, "published_parsed")
    texts = [str(dict.get(found, "summary") or ""), *(str(c.get("value") or "") for c in found.get("content", ()))]
    return OracleEntry(
        name=dict.get(found, "id") or dict.get(found, "link") or None,
        title=without_markup(str(dict.get(found, "title") or "")),
        texts=tuple(without_markup(text) for text in texts),
        published=tuple(published[:6]) if published else None,
        link=dict.get(found, "link") or None,
    )


def _read_json(body: bytes) -> OracleFeed:
    value = json.loads(body.decode("utf-8-sig"))
    entries = tuple(
        OracleEntry(
            name=str(row.get("id") or row.get("url") or "") or None,
            title=without_markup(row.get("title") or ""),
            texts=(
                without_markup(row.get("content_html") or ""),
                row.get("content_text") or "",
                row.get("summary") or "",
            ),
            published=_moment(row.get("date_published")),
            link=row.get("url") or row.get("external_url"),
        )
        for row in value["items"]
    )
    return OracleFeed("json " + value["version"].rpartition("/")[2], entries)


def _moment(text: str | None) -> tuple[int, ...] | None:
    return tuple(datetime.fromisoformat(text).astimezone(UTC).timetuple()[:6]) if text else None


def read_as_plain_rss(body: bytes) -> tuple[OracleEntry, ...]:
    """Read a court feed with the standard library's XML parser: a second opinion, for sound RSS only."""
    entries = []
    for found in ElementTree.fromstring(body).iter("item"):
        entries.append(
            OracleEntry(
                name=(found.findtext("guid") or found.findtext("link") or "").strip(),
                title=without_markup(found.findtext("title") or ""),
                texts=(without_markup(found.findtext("description") or ""),),
                published=None,
            )
        )
    return tuple(entries)


def without_markup(markup: str) -> str:
    """Return the text of some HTML."""
    reader = _Texts()
    reader.feed(markup)
    reader.close()
    return "".join(reader.texts)


def squeezed(text: str) -> str:
    """Return a text without any white space, so that only its words are compared."""
    return "".join(text.split())


def saying(entries: Iterable[OracleEntry], pattern: re.Pattern[str]) -> list[OracleEntry]:
    """Return the entries whose title or texts have the pattern."""
    return [entry for entry in entries if entry.says(pattern)]


class _Texts(HTMLParser):
    _APART = frozenset({"p", "br", "div", "li", "tr", "td", "h1", "h2", "h3", "h4", "blockquote"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._silent = 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self._silent += tag in ("script", "style")
        if tag in self._APART:
            self.texts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style") and self._silent > 0
        if tag in self._APART:
            self.texts.append(" ")
