"""A desk with sources and channels that a test holds in its hand; the rules and the store are real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from clocks import HandClock

from monitor.desk import Channel, Desk, Watched
from monitor.notifiers import DeliveryFailure, Receipt
from monitor.rounds import Outcome, Rounds
from monitor.sources import Effects, Page, Parse, ParsedFeed, Poll, Request, SourceFailure
from rules.model import Delivery, Document, Rule
from rules.percolate import compile_rules
from storage.store import Store

MOTION = Rule(id="motion", when="motion*", channels=("desk",))


class Wire:
    """A source whose entries a test writes; it proves what a source may do: yield, receive, answer or fail."""

    def __init__(self, id: str = "court", url: str = "https://court.test/feed") -> None:
        self.id = id
        self.url = url
        self.entries: list[Document] = []
        self.failure: Exception | None = None
        self.etag = 0
        self.cursors: list[Mapping[str, Any]] = []
        self.complete = True

    def add(self, name: str, title: str, **fields: Any) -> None:
        given: dict[str, Any] = {
            "source": self.id,
            "guid": name,
            "url": f"https://court.test/{name}",
            "title": title,
            "published": datetime(2024, 3, 5, 20, tzinfo=UTC) + timedelta(minutes=len(self.entries)),
        }
        self.entries.insert(0, Document(**(given | fields)))
        self.etag += 1

    def poll(self, cursor: Mapping[str, Any]) -> Effects:
        self.cursors.append(cursor)
        yield Request(url=self.url)
        if self.failure is not None:
            raise self.failure
        if cursor.get("etag") == self.etag:
            return Poll(cursor=cursor, unchanged=True, present=len(self.entries))
        return Poll(
            documents=tuple(self.entries),
            cursor={"etag": self.etag},
            present=len(self.entries),
            complete=self.complete,
        )


class NoNetwork:
    """A fetcher that answers everything with an empty page."""

    async def fetch(self, request: Request, **_: Any) -> Page:
        await asyncio.sleep(0)
        return Page(url=request.url, status=200, headers={}, body=b"", at=datetime(2024, 3, 5, tzinfo=UTC))


class NoParser:
    """A parser that is never asked."""

    async def parse(self, parse: Parse) -> ParsedFeed:
        raise AssertionError("nothing is to be parsed here")


@dataclass
class Ear:
    """A notifier that notes what it is told and fails when its test wants it to."""

    id: str
    heard: list[Delivery] = field(default_factory=list)
    tries: list[tuple[str, datetime]] = field(default_factory=list)
    answer: Callable[[Delivery], Receipt | Exception] = lambda _delivery: Receipt(detail="ok")

    async def send(self, delivery: Delivery, *, at: datetime, progress: Mapping[str, Any]) -> Receipt:
        self.tries.append((delivery.key, at))
        await asyncio.sleep(0)
        said = self.answer(delivery)
        if isinstance(said, Exception):
            raise said
        self.heard.append(delivery)
        return said

    async def aclose(self) -> None:
        return None

    @property
    def titles(self) -> list[str]:
        return [delivery.message.title for delivery in self.heard]


@dataclass
class Bench:
    """A store, a clock, rounds and a desk, for tests of what happens between them."""

    store: Store
    clock: HandClock
    wires: dict[str, Wire] = field(default_factory=dict)
    ears: dict[str, Ear] = field(default_factory=dict)
    rules: tuple[Rule, ...] = (MOTION,)
    first: timedelta | None = None
    interval: timedelta = timedelta(minutes=5)
    keep: timedelta | None = None

    def source(self, id: str = "court") -> Wire:
        return self.wires.setdefault(id, Wire(id, f"https://{id}.test/feed"))

    def ear(self, id: str = "desk") -> Ear:
        return self.ears.setdefault(id, Ear(id))

    def desk(self) -> Desk:
        return Desk(
            rulebook=compile_rules(self.rules),
            watched={
                id: Watched(source=wire, title=f"The {id}", interval=self.interval, first=self.first)
                for id, wire in self.wires.items()
            },
            channels={id: Channel(notifier=ear, rate=1000.0) for id, ear in self.ears.items()},
            notice_channels=tuple(sorted(self.ears)),
            keep=self.keep,
        )

    async def round(self, id: str = "court") -> Outcome:
        """Ask one source once."""
        self.plan()
        desk = self.desk()
        rounds = Rounds(self.store, NoNetwork(), NoParser(), self.clock)
        state = self.store.source(id)
        assert state is not None
        return await rounds.run(desk.watched[id], state, desk)

    def plan(self) -> None:
        self.store.plan([(w.id, f"{w.id}.test", w.url) for w in self.wires.values()], self.clock.now()).result()

    def owed(self, channel: str = "desk") -> list[str]:
        later = self.clock.now() + timedelta(days=30)
        return [o.delivery.message.title for o in self.store.owed(channel, later)]


def refusing(reason: str = "503 no", *, times: int | None = None, **how: Any) -> Callable[[Delivery], Any]:
    """Return an answer that fails, the first `times` times or always."""
    left = [times]

    def answer(_delivery: Delivery) -> Receipt | Exception:
        if left[0] is not None:
            if left[0] == 0:
                return Receipt(detail="ok")
            left[0] -= 1
        return DeliveryFailure(reason, **how)

    return answer


def failure(kind: str = "dns", *, network: bool = False) -> SourceFailure:
    return SourceFailure(kind, f"court.test: {kind}", advice="look into it", network=network)


def texts(deliveries: Iterable[Delivery]) -> list[str]:
    return [delivery.message.body for delivery in deliveries]
