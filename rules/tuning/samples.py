"""A fair choice of a few documents out of any number, the same one every time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime

from rules.model import Document, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A document under its key, with the time it was first seen where that is known."""

    key: str
    document: Document
    at: datetime | None = None


class Sample:
    """Keeps the `size` documents whose keys have the lowest digests: neither order nor repeats make a difference."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[str, Seen] = {}
        self._highest: list[tuple[int, str]] = []
        """A heap with the kept document of the highest digest in front."""

    def offer(self, seen: Seen) -> None:
        """Consider one document; of those with equal keys the first is the one that counts."""
        if self._size <= 0 or seen.key in self._kept:
            return
        ranked = (-int(digest(seen.key), 16), seen.key)
        if len(self._kept) < self._size:
            heapq.heappush(self._highest, ranked)
        elif ranked > self._highest[0]:
            _, gone = heapq.heapreplace(self._highest, ranked)
            del self._kept[gone]
        else:
            return
        self._kept[seen.key] = seen

    def chosen(self) -> tuple[Seen, ...]:
        """Return what was kept, newest first, those without a time last."""
        dated = sorted((one for one in self._kept.values() if one.at is not None), key=_newest, reverse=True)
        return (*dated, *sorted((one for one in self._kept.values() if one.at is None), key=lambda one: one.key))


def _newest(seen: Seen) -> tuple[datetime, str]:
    assert seen.at is not None  # noqa: S101 - asked only of those that have a time
    return seen.at, seen.key
