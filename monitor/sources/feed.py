"""The source kind `feed`: RSS, Atom and JSON Feed; which entries are news is not decided here.

Only entries whose bytes were not there last time are parsed. The cursor holds the validators, the hash of the
body, and for each entry the hash of its bytes with the fingerprint of its guid.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from monitor.fetching.fields import freshness
from monitor.fetching.pages import expect_feed
from monitor.sources import Effects, Page, Parse, ParsedEntry, ParsedFeed, Poll, Request, SourceFailure
from monitor.sources.splitting import Split, ends_inside_entry, is_cut, split_feed
from rules.change import Identity, guid_print
from rules.model import Document, Kind

VERSION: Final = 1
"""Of the cursor's form; a cursor of another version is not used, and the feed is read anew."""
SLICE_COUNT: Final = 250
SLICE_SIZE: Final = 2 * 1024 * 1024
"""A legal feed of 10,000 entries takes feedparser five seconds: it is read in slices."""
_VALIDATOR_LIMIT: Final = 1024
_ENTRY: Final = struct.Struct(">8sq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One feed. `kind`, `identity`, `lang` and `tags` are the operator's word on its entries."""

    id: str
    url: str
    title: str = ""
    kind: Kind = "news"
    identity: Identity = "auto"
    lang: str | None = None
    tags: tuple[str, ...] = ()
    """Added to the categories of every entry."""
    facts: tuple[tuple[str, str], ...] = ()
    """What is true of every entry, such as ("agency", "sec")."""

    def poll(self, cursor: Mapping[str, Any]) -> Effects:
        """Ask for the page, unless it is unchanged read what is new on it, and say what else is still there.

        A feed that had entries and has none is a failure ("emptied") until entries come back: an outage of the
        site's own software looks exactly like that, and silence must not pass for "no news".

        Raises:
            SourceFailure: the page is not a feed, or an empty one; the cursor must not move.
        """
        memory = Memory.read(cursor, self.url)
        page: Page = yield Request(url=self.url, headers=memory.validators())
        if page.status == 304:
            return self._unchanged(page, memory, cursor)
        expect_feed(page)
        body = blake2b(page.body, digest_size=16).hexdigest()
        if body == memory.body:
            return self._unchanged(page, memory, memory.after(page, body).written(self.url))
        reading = yield from _read(page, memory)
        if not reading.entries and not reading.complete:
            raise SourceFailure("truncated", "the feed ends before its first entry does")
        if not reading.entries and memory.entries:
            raise SourceFailure(
                "emptied",
                f"the feed is empty; it had {len(memory.entries)} entries",
                advice="If that is meant so, nothing is lost; the source stays marked until entries come back.",
            )
        after = Memory(entries=reading.entries, ttl=reading.ttl).after(page, body)
        return Poll(
            documents=tuple(self._document(entry, reading.lang) for entry in reading.fresh),
            cursor=after.written(self.url) if reading.complete else cursor,
            present=len(reading.entries),
            carried=reading.carried,
            complete=reading.complete,
            wait=_wait(page, reading.ttl),
        )

    def _unchanged(self, page: Page, memory: Memory, cursor: Mapping[str, Any]) -> Poll:
        return Poll(
            cursor=cursor,
            unchanged=True,
            present=len(memory.entries),
            carried=frozenset(mark for _, mark in memory.entries if mark),
            wait=_wait(page, memory.ttl),
        )

    def _document(self, entry: ParsedEntry, lang: str | None) -> Document:
        return Document(
            source=self.id,
            kind=self.kind,
            title=entry.title,
            body=entry.body,
            url=entry.link,
            guid=entry.guid,
            published=entry.published,
            updated=entry.updated,
            lang=self.lang or lang,
            authors=entry.authors,
            tags=tuple(dict.fromkeys((*entry.tags, *self.tags))),
            facts=self.facts,
        )


def _wait(page: Page, ttl: float | None) -> float | None:
    return max(ttl or 0.0, freshness(page.headers, page.at) or 0.0) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The cursor, read. `entries` are (hash of the raw entry, fingerprint of its guid or 0), in the feed's order."""

    etag: str | None = None
    modified: str | None = None
    body: str | None = None
    entries: tuple[tuple[bytes, int], ...] = ()
    ttl: float | None = None

    @classmethod
    def read(cls, cursor: Mapping[str, Any], url: str) -> Memory:
        """Read a cursor; one of another form or of another address counts as none."""
        if cursor.get("version") != VERSION or cursor.get("url") != url:
            return cls()
        try:
            raw = base64.b64decode(cursor.get("entries", ""), validate=True)
            entries = tuple(_ENTRY.iter_unpack(raw))
        except (binascii.Error, struct.error, TypeError, ValueError):
            return cls()
        return cls(
            etag=_validator(cursor.get("etag")),
            modified=_validator(cursor.get("modified")),
            body=cursor.get("body"),
            entries=entries,
            ttl=ttl if isinstance(ttl := cursor.get("ttl"), int | float) else None,
        )

    def validators(self) -> tuple[tuple[str, str], ...]:
        """Return the conditional fields: those of one and the same answer, or none."""
        fields = (("If-None-Match", self.etag), ("If-Modified-Since", self.modified))
        return tuple((name, value) for name, value in fields if value)

    def after(self, page: Page, body: str) -> Memory:
        """Return the memory with the validators of a page that was read completely."""
        return Memory(
            etag=_validator(page.headers.get("etag")),
            modified=_validator(page.headers.get("last-modified")),
            body=body,
            entries=self.entries,
            ttl=self.ttl,
        )

    def written(self, url: str) -> dict[str, Any]:
        """Write the cursor; JSON values only."""
        raw = b"".join(_ENTRY.pack(raw_print, mark) for raw_print, mark in self.entries)
        cursor: dict[str, Any] = {
            "version": VERSION,
            "url": url,
            "body": self.body,
            "entries": base64.b64encode(raw).decode("ascii"),
        }
        optional = {"etag": self.etag, "modified": self.modified, "ttl": self.ttl}
        return cursor | {name: value for name, value in optional.items() if value is not None}


def _validator(value: object) -> str | None:
    """Return a validator that can be sent back as it came, or None."""
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= _VALIDATOR_LIMIT
        or not (value.isascii() and value.isprintable())
    ):
        return None
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What one body holds: all entries as the cursor keeps them, and those that were not there last time."""

    entries: tuple[tuple[bytes, int], ...]
    fresh: tuple[ParsedEntry, ...] = ()
    carried: frozenset[int] = field(default_factory=frozenset)
    complete: bool = True
    lang: str | None = None
    ttl: float | None = None


def _read(page: Page, memory: Memory) -> Generator[Parse, ParsedFeed, _Reading]:
    split = split_feed(page.body)
    if split is not None:
        reading = yield from _read_unseen(page, split, memory)
        if reading is not None:
            return reading
    return (yield from _read_whole(page, memory))


def _read_unseen(page: Page, split: Split, memory: Memory) -> Generator[Parse, ParsedFeed, _Reading | None]:
    """Parse the entries whose bytes are new; None where feedparser counts other entries than were cut out."""
    known = dict(memory.entries)
    prints = split.prints()
    unseen = [i for i, raw_print in enumerate(prints) if raw_print not in known]
    parsed: dict[int, ParsedEntry] = {}
    lang, ttl = None, memory.ttl
    for indices in split.slices(unseen, count=SLICE_COUNT, size=SLICE_SIZE):
        feed = yield _question(page, split.only(indices))
        if len(feed.entries) != len(indices):
            return None
        parsed |= zip(indices, feed.entries, strict=True)
        lang, ttl = feed.lang, feed.ttl
    return _Reading(
        entries=tuple((p, _mark(parsed[i]) if i in parsed else known[p]) for i, p in enumerate(prints)),
        fresh=tuple(parsed[i] for i in unseen),
        carried=frozenset(known[p] for i, p in enumerate(prints) if i not in parsed and known[p]),
        complete=not split.cut,
        lang=lang,
        ttl=ttl,
    )


def _read_whole(page: Page, memory: Memory) -> Generator[Parse, ParsedFeed, _Reading]:
    """Parse everything; entries that read exactly as last time count as carried."""
    feed = yield _question(page, page.body)
    if not feed.version and not feed.entries:
        raise _not_a_feed(feed.problem)
    complete = feed.version.startswith("json") or not is_cut(page.body)
    entries: Sequence[ParsedEntry] = feed.entries
    if not complete and ends_inside_entry(page.body):
        entries = entries[:-1]
    known = dict(memory.entries)
    prints = [blake2b(repr(entry).encode("utf-8", "replace"), digest_size=8).digest() for entry in entries]
    return _Reading(
        entries=tuple((p, _mark(entry)) for p, entry in zip(prints, entries, strict=True)),
        fresh=tuple(entry for p, entry in zip(prints, entries, strict=True) if p not in known),
        carried=frozenset(known[p] for p in prints if known.get(p)),
        complete=complete,
        lang=feed.lang,
        ttl=feed.ttl,
    )


def _not_a_feed(problem: str | None) -> SourceFailure:
    if problem is not None and "JSON" in problem:
        return SourceFailure("json-error", f"the page is no JSON Feed: {problem}")
    return SourceFailure(
        "not-a-feed",
        "the page is not a feed in any known format" + (f" ({problem})" if problem else ""),
        advice="Check the address in a browser: it should show a feed, not a page about feeds.",
    )


def _question(page: Page, body: bytes) -> Parse:
    return Parse(body=body, content_type=page.headers.get("content-type", ""), url=page.url)


def _mark(entry: ParsedEntry) -> int:
    name = entry.guid or entry.link
    return guid_print(name) if name else 0
