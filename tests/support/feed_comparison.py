"""The captured feeds played to the real program in five rounds, and what it stored held against the oracle."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from captured_feeds import Capture, captures, court_feeds, emptied, touched, windows
from feed_oracle import OracleEntry, OracleFeed, read_alone, squeezed
from real_day import Remembered, Run, real_day

from storage.records import FiledDocument

MOTION: Final = re.compile(r"(?i)\bmotion")
ROUNDS: Final = ("emptied", "whole", "again", "touched", "unvalidated")
"""The feeds without their entries; as captured; the same again; rebuilt around the same entries; and that without
ETag."""

EXPLAINED: Final = {
    ("regulator-feeds/esma_news.rss", "published"): "no pubDate: the date of the <time> in the description is taken",
    ("news-feeds/feedjira/AmazonWebServicesBlog.xml", "body"): "a broken tag of the publisher is kept as text",
    ("news-feeds/feedjira/SamRuby.xml", "body"): "<defs> of an inline SVG picture is kept as text",
    ("news-feeds/rss-parser/missing-fields.atom", "link"): "the link is a tag: URI, which no browser opens",
}
"""(file, field) -> why stored documents differ there from what feedparser alone yields."""


@dataclass(frozen=True)
class Snapshot:
    """One round and what was there after it."""

    run: Run
    store: Remembered
    answered: Counter[tuple[str, int]]
    """(path, status) -> how often the origin answered so in this round."""


@dataclass(frozen=True)
class Story:
    """All rounds, with what the feeds hold according to the oracle."""

    captures: tuple[Capture, ...]
    alone: dict[str, OracleFeed]
    """File -> its feed, for those that are feeds."""
    rounds: dict[str, Snapshot]

    @property
    def feeds(self) -> tuple[Capture, ...]:
        return tuple(c for c in self.captures if c.refusal is None)

    @property
    def others(self) -> tuple[Capture, ...]:
        """The files that are no feeds."""
        return tuple(c for c in self.captures if c.refusal is not None)


@dataclass(frozen=True)
class Row:
    """One feed in the comparison."""

    name: str
    version: str
    entries: int
    distinct: int
    stored: int
    fields: Counter[str]
    """Field -> in how many stored documents it is not what the oracle has."""

    @property
    def cause(self) -> str:
        """Why there are differences; "" where there are none, "UNEXPLAINED" where nobody knows."""
        causes = []
        if self.stored != self.distinct:
            causes.append("UNEXPLAINED count")
        if self.distinct != self.entries:
            causes.append(f"{self.entries - self.distinct} served twice on the page, alike in everything")
        for field, number in sorted(self.fields.items()):
            causes.append(f"{field} of {number}: {EXPLAINED.get((self.name, field), 'UNEXPLAINED')}")
        return "; ".join(causes)


async def play(folder: Path) -> Story:
    """Play all rounds with every captured file."""
    everything = captures()
    rounds: dict[str, Snapshot] = {}
    async with real_day(folder, everything) as day:
        for name in ROUNDS:
            if name == "emptied":
                day.serve(emptied)
            elif name == "whole":
                day.serve(lambda capture: capture.body)
            elif name in {"touched", "unvalidated"}:
                day.serve(touched, validators=name == "touched")
            before = Counter(day.origin.statuses)
            run = await day.run_once()
            rounds[name] = Snapshot(run, day.remembered(), day.origin.statuses - before)
        alone = {c.name: read_alone(c, c.body, day.origin.url(c.path)) for c in everything if c.refusal is None}
    return Story(everything, alone, rounds)


def compared(story: Story) -> list[Row]:
    """Hold what is stored after the second round against the oracle, feed by feed."""
    store = story.rounds["whole"].store
    rows = []
    for capture in story.feeds:
        alone, stored = story.alone[capture.name], store.of(capture.id)
        fields = differences(alone.distinct, stored)
        rows.append(Row(capture.name, alone.version, len(alone.entries), len(alone.distinct), len(stored), fields))
    return rows


def differences(distinct: tuple[OracleEntry, ...], stored: list[FiledDocument]) -> Counter[str]:
    """Count field by field the stored documents that are not exactly what the oracle has."""
    expected = Counter(_of_oracle(entry) for entry in distinct)
    found = Counter(_of_store(document) for document in stored)
    left, wrong = list((expected - found).elements()), list((found - expected).elements())
    fields: Counter[str] = Counter()
    for document in wrong:
        nearest = min(left, key=lambda entry: sum(a != b for a, b in zip(entry, document, strict=True)), default=None)
        if nearest is None:
            fields["entry"] += 1
            continue
        left.remove(nearest)
        fields.update(field for field, a, b in zip(_FIELDS, nearest, document, strict=True) if a != b)
    return fields


_FIELDS: Final = ("name", "title", "body", "published", "link")


def _of_oracle(entry: OracleEntry) -> tuple[object, ...]:
    body = max((squeezed(text) for text in entry.texts), key=len, default="")
    return (entry.name, squeezed(entry.title), body, entry.published, entry.link)


def _of_store(filed: FiledDocument) -> tuple[object, ...]:
    document = filed.document
    date = tuple(document.published.timetuple()[:6]) if document.published else None
    return (document.guid or document.url, squeezed(document.title), squeezed(document.body), date, document.url)


def told(store: Remembered, keys: tuple[str, ...]) -> Counter[tuple[object, ...]]:
    """Return (source, name, title, body) of each document that these deliveries told, with how often it was."""
    counted: Counter[tuple[object, ...]] = Counter()
    for key, number in store.told(keys).items():
        document = store.documents[key].document
        name = document.guid or document.url
        counted[(document.source, name, squeezed(document.title), squeezed(document.body))] += number
    return counted


def expected(capture: Capture, entries: Iterable[OracleEntry]) -> Counter[tuple[object, ...]]:
    """Return what `told` has to be for the motions among these entries, each once."""
    motions = {entry.identity: entry for entry in entries if entry.says(MOTION)}.values()
    return Counter((capture.id, *_of_oracle(entry)[:3]) for entry in motions)


async def play_windows(folder: Path, *, size: float, step: float) -> tuple[tuple[Snapshot, ...], Remembered]:
    """Let the court feeds roll: windows of a share of their entries that move up; return every round and the end."""
    feeds = court_feeds()
    rolls = {capture: list(windows(capture, size=size, step=step)) for capture in feeds}
    rounds: list[Snapshot] = []
    async with real_day(folder, feeds) as day:
        for turn in range(max(map(len, rolls.values()))):
            for capture, roll in rolls.items():
                day.put(capture, roll[min(turn, len(roll) - 1)])
            before = Counter(day.origin.statuses)
            run = await day.run_once()
            rounds.append(Snapshot(run, day.remembered(), day.origin.statuses - before))
    return tuple(rounds), rounds[-1].store
