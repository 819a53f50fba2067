"""Compare what the source kind `feed` reads with what feedparser alone reads, and what reading costs.

    python benchmarks/feeds.py [FOLDER]

FOLDER holds captured feeds in one folder for each kind; the default is the captures beside the checkout. For every
file the entries of `Feed.poll`, parsed in real children, are compared with feedparser's on the whole body: their
number, and (guid, link, title) of each; then every entry that was cut out is parsed alone and compared with the
same entry of the whole in all its fields.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import feedparser  # noqa: E402

from monitor.parsing.entries import TITLE_LIMIT, absolute, one_line  # noqa: E402
from monitor.parsing.pool import ParsePool  # noqa: E402
from monitor.parsing.reading import read_feed  # noqa: E402
from monitor.sources import Page, ParsedFeed, Poll, Request, SourceFailure  # noqa: E402
from monitor.sources.feed import Feed  # noqa: E402
from monitor.sources.splitting import split_feed  # noqa: E402

KINDS = ("pacer-rss", "edgar-atom", "regulator-feeds", "crypto-feeds", "news-feeds", "json-feeds")
CAPTURES = ROOT / ".." / "shared" / "realworld"
AT = datetime(2026, 1, 12, 12, tzinfo=UTC)
Named = tuple[str | None, str | None, str]


@dataclass
class Compared:
    """One captured file: what feedparser alone sees, and what came of it here."""

    name: str
    alone: int
    here: int = 0
    how: str = ""
    failure: str = ""
    difference: str = ""
    complete: bool = True
    parts: int = 0
    unlike: int = 0
    """Entries that read otherwise when parsed alone."""
    touched: int = 0
    """Documents that came again although only the bytes around the entries changed."""


@dataclass
class Report:
    """All files of one kind."""

    kind: str
    files: list[Compared] = field(default_factory=list)


def captured(folder: Path, kind: str) -> Iterator[Path]:
    """Yield the captured feeds of one kind, without the expectations that lie beside them."""
    for path in sorted(p for p in (folder / kind).rglob("*") if p.is_file()):
        if "expected" not in path.parts and not (kind == "pacer-rss" and path.suffix == ".json"):
            yield path


def alone(body: bytes, url: str) -> list[Named]:
    """Name the entries as feedparser gives them for the whole body; links and titles in the form they are kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = feedparser.parse(
            io.BytesIO(body),
            response_headers={"content-location": url},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
        return [
            (
                (dict.get(entry, "id") or "").strip() or None,
                absolute(dict.get(entry, "link"), url),
                one_line(dict.get(entry, "title") or "", TITLE_LIMIT),
            )
            for entry in result.entries
        ]


def listed(body: bytes, url: str) -> list[Named]:
    """Name the items of a JSON Feed, which feedparser does not read."""
    items = json.loads(body.decode("utf-8-sig"))["items"]
    return [
        (
            str(i["id"]) if "id" in i else None,
            absolute(i.get("url") or i.get("external_url"), url),
            one_line(i.get("title") or "", 2000),
        )
        for i in items
    ]


async def poll(feed: Feed, cursor: Any, body: bytes, pool: ParsePool) -> Poll:
    """Drive one poll with real parsing children."""
    effects = feed.poll(cursor)
    answer: Page | ParsedFeed | None = None
    try:
        while True:
            effect = effects.send(answer)
            if isinstance(effect, Request):
                answer = Page(url=feed.url, status=200, headers={}, body=body, at=AT)
            else:
                answer = await pool.parse(effect)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def compare(path: Path, name: str, pool: ParsePool, every: int) -> Compared:
    """Compare one file, and every so-manieth entry alone."""
    body = path.read_bytes()
    feed = Feed(id="capture", url=f"https://captures.example/feeds/{path.name}")
    expected = alone(body, feed.url)
    split = split_feed(body)
    found = Compared(name=name, alone=len(expected), how="cut" if split else "whole")
    try:
        first = await poll(feed, {}, body, pool)
    except SourceFailure as failure:
        found.failure = str(failure)
        return found
    if first.documents and not expected:
        expected, found.how = listed(body, feed.url), "json"
    here: list[Named] = [(d.guid, d.url, d.title) for d in first.documents]
    found.here, found.complete = len(here), first.complete
    if here != expected:
        pairs = [(a, b) for a, b in zip(expected, here, strict=False) if a != b]
        found.difference = f"{len(expected)} against {len(here)} entries; first other one {pairs[:1]}"
    if first.complete:
        found.touched = len((await poll(feed, first.cursor, body + b"\n", pool)).documents)
    if split is not None:
        whole = read_feed(body, "", feed.url)
        for index, entry in list(enumerate(whole.entries))[::every]:
            found.parts += 1
            found.unlike += read_feed(split.only([index]), "", feed.url).entries != (entry,)
    return found


async def survey(folder: Path, kinds: tuple[str, ...] = KINDS, *, every: int = 1) -> list[Report]:
    """Compare all captured feeds."""
    pool = ParsePool()
    try:
        reports = [Report(kind) for kind in kinds]
        for report in reports:
            for path in captured(folder, report.kind):
                report.files.append(await compare(path, str(path.relative_to(folder)), pool, every))
        return reports
    finally:
        await pool.aclose()


def costs(folder: Path) -> tuple[float, float, int]:
    """Return CPU seconds: feedparser on every whole body; cutting and hashing instead; and the number of bodies."""
    bodies = [p.read_bytes() for kind in KINDS[:4] for p in captured(folder, kind)]
    bodies = [body for body in bodies if split_feed(body)]
    began = time.process_time()
    for body in bodies:
        alone(body, "https://captures.example/")
    parsed = time.process_time() - began
    began = time.process_time()
    for body in bodies:
        if split := split_feed(body):
            split.prints()
    return parsed, time.process_time() - began, len(bodies)


def main() -> None:
    """Print the report."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not there; name a folder of captured feeds")
    print(f"{'kind':16} files  feeds  entries  cut  whole  json  alone=whole  different  came again")
    for report in asyncio.run(survey(folder)):
        feeds = [c for c in report.files if not c.failure]
        hows = [c.how for c in feeds]
        print(
            f"{report.kind:16} {len(report.files):5} {len(feeds):6} {sum(c.here for c in feeds):8} "
            f"{hows.count('cut'):4} {hows.count('whole'):6} {hows.count('json'):5} "
            f"{sum(c.parts for c in feeds) - sum(c.unlike for c in feeds):6}/{sum(c.parts for c in feeds):<5}"
            f"{sum(bool(c.difference) for c in feeds):10} {sum(c.touched for c in feeds):11}"
        )
        for c in report.files:
            for what in (c.failure, c.difference, "" if c.complete else "its end is missing"):
                if what:
                    print(f"    {c.name} ({c.alone} entries by feedparser): {what}")
    parsed, cut, number = costs(folder)
    print(
        f"CPU on {number} bodies: feedparser {parsed:.2f} s; cut and hash {cut:.3f} s ({parsed / cut:.0f} times less)"
    )


if __name__ == "__main__":
    main()
