"""The captured public feeds that lie beside the checkout: how an origin serves them, and which of them are none.

Their bytes are never changed on disk and never copied into the project; what entries they hold is in `feed_oracle`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

CAPTURES: Final = (Path(__file__).resolve().parents[2] / ".." / "shared" / "realworld").resolve()
KINDS: Final = ("pacer-rss", "edgar-atom", "regulator-feeds", "crypto-feeds", "news-feeds", "json-feeds")
ABSENT: Final = f"the captured feeds are not here: {CAPTURES}"

NO_FEEDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("pacer-rss/*.json", "json-error", "rows that a reference parser made of the feed beside it"),
    ("news-feeds/rss-parser/expected/*.json", "json-error", "a parse that belongs to the feed of the same name"),
    ("edgar-atom/*.past_the_end.html", "maintenance", "the HTML page that follows the last one of the walk"),
    ("json-feeds/nist_csrc_feed.json", "json-error", "a listing in NIST's own form"),
    ("json-feeds/sitla_posts.json", "json-error", "posts of a WordPress API"),
    ("json-feeds/rsparser/ScriptingNews.json", "json-error", "RSS written as JSON, not JSON Feed"),
    ("json-feeds/rsparser/allthis-partial.json", "json-error", "cut short, so not valid JSON"),
    ("news-feeds/feedjira/TechCrunchFirstEntry*.xml", "not-a-feed", "the HTML of one entry, beginning with <img>"),
    ("news-feeds/feedjira/*FirstEntry*.xml", "html", "the HTML of one entry, without a feed around it"),
    ("news-feeds/rss-parser/unrecognized.rss", "html", 'an HTML page, "Document Moved"'),
)
"""(path, kind of failure, why): files that must be refused under this name in every round; the first that fits."""

_TYPES: Final = {
    ".xml": "application/xml",
    ".rss": "application/rss+xml",
    ".atom": "application/atom+xml",
    ".json": "application/feed+json",
    ".html": "text/html",
}
_ENTRY: Final = re.compile(rb"<(item|entry)(?=[\s>]).*?</\1\s*>\s*", re.DOTALL)
_ROOT: Final = re.compile(rb"<(rss|rdf:RDF|feed)\b[^>]*>")
_BUILT: Final = re.compile(rb"(<(?:lastBuildDate|pubDate|updated|modified|dc:date)>)[^<]*(</)")
_HEAD_TITLE: Final = re.compile(rb"(<title[^>]*>)([^<]+)(</title>)")


@dataclass(frozen=True)
class Capture:
    """One file as it was captured."""

    name: str
    """Its path below the captures."""

    @property
    def id(self) -> str:
        """The id of the source that reads it; its end where all of it would be too long for one."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[-64:].lstrip("-")

    @property
    def path(self) -> str:
        """The path at which the origin has it."""
        return f"/{self.name}"

    @property
    def body(self) -> bytes:
        return (CAPTURES / self.name).read_bytes()

    @property
    def content_type(self) -> str:
        """What a web server would say of a file of this name."""
        return _TYPES[Path(self.name).suffix]

    @property
    def is_json(self) -> bool:
        return self.name.endswith(".json")

    @property
    def refusal(self) -> tuple[str, str] | None:
        """The failure that a file must be that is no feed, and why; None for feeds."""
        return next(((kind, why) for pattern, kind, why in NO_FEEDS if fnmatch(self.name, pattern)), None)


def captures() -> tuple[Capture, ...]:
    """Return every file of the feed kinds, feeds or not."""
    found = (path for kind in KINDS for path in sorted((CAPTURES / kind).rglob("*")) if path.is_file())
    return tuple(Capture(path.relative_to(CAPTURES).as_posix()) for path in found)


def court_feeds() -> tuple[Capture, ...]:
    """Return the court feeds."""
    return tuple(c for c in captures() if c.name.startswith("pacer-rss/") and c.refusal is None)


def emptied(capture: Capture) -> bytes:
    """Return the feed as it would stand on a quiet day: all of it but its entries."""
    if capture.refusal is not None:
        return capture.body
    if capture.is_json:
        return json.dumps({**json.loads(capture.body.decode("utf-8-sig")), "items": []}).encode()
    return _ENTRY.sub(b"", capture.body)


def touched(capture: Capture) -> bytes:
    """Return the feed rebuilt: other dates, title and white space around entries that are byte for byte the same."""
    if capture.refusal is not None:
        return capture.body
    if capture.is_json:
        value = json.loads(capture.body.decode("utf-8-sig"))
        return json.dumps({**value, "title": f"{value['title']} (rebuilt)"}, indent=3).encode()
    found = _ENTRY.search(capture.body)
    assert found is not None, f"{capture.name} has no entry"
    head, rest = capture.body[: found.start()], capture.body[found.start() :]
    head = _BUILT.sub(lambda m: m[1] + _another_date(m[1]) + m[2], head)
    head = _HEAD_TITLE.sub(rb"\1\2 (rebuilt)\3", head, count=1)
    head = _ROOT.sub(rb"\g<0>\n\n", head, count=1)
    return head + rest + b"\n\n"


def _another_date(tag: bytes) -> bytes:
    rfc822 = tag in (b"<lastBuildDate>", b"<pubDate>")
    return b"Sat, 21 Nov 2026 03:04:05 GMT" if rfc822 else b"2026-11-21T03:04:05Z"


def windows(capture: Capture, *, size: float, step: float) -> Iterator[bytes]:
    """Yield a feed (newest entry first) as it stood at one time after another, a window that moves up to its top.

    `size` and `step` are shares of its entries; the first window ends with the oldest entry.
    """
    entries = list(_ENTRY.finditer(capture.body))
    total, held, stride = len(entries), round(len(entries) * size), round(len(entries) * step)
    held, stride = max(held, 1), max(stride, 1)
    head, tail = capture.body[: entries[0].start()], capture.body[entries[-1].end() :]
    top = total - held
    while True:
        shown = entries[max(top, 0) : max(top, 0) + held]
        yield head + b"".join(found[0] for found in shown) + tail
        if top <= 0:
            return
        top -= stride
