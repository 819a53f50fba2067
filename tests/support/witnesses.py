"""What stands around a daemon and outlives it: a feed, a webhook receiver and a mail server that remember all.

What was published, fetched and taken is known from here alone; nothing is asked of the daemon, its store or its log.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise
from random import Random
from typing import Literal

from received import read

from monitor.demo.origin import Asked, Origin
from monitor.demo.receivers import Hook, HookReceiver, Mail, MailReceiver, Rudeness, Stage
from monitor.demo.replies import Reply

CHANNELS = ("hook", "mail")
PATH = "/wire"
WINDOW = 50
"""Entries that the feed shows; older ones have left it."""
SECRET = "whsec_" + base64.b64encode(b"the witness keeps thirty-two....").decode()
NAMED = re.compile(r"\bf\d{6}\b")

Moment = Literal["feed-asked", "hook-arrived", "hook-taken", "mail-data", "mail-arrived", "mail-taken"]
"""A 200 is about to be given; a webhook request is read, its 2xx is on its way; a mail's text is coming, is there but
not kept yet, its 250 is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """One entry of the feed. `cycle` is when it was published, for whoever counts."""

    name: str
    matching: bool
    cycle: int
    at: datetime

    @property
    def title(self) -> str:
        """What the rule reads: it looks for the word motion."""
        what = "Motion to compel" if self.matching else "Bakery opens branch"
        return f"{what} no. {self.name} in the matter of Example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """A message that a receiver took. `answered`: a yes was sent back, not lost on purpose."""

    channel: str
    filing: str
    id: str
    life: int
    answered: bool
    at: float


class Weather:
    """How badly the receivers behave: a share of refusals, and a share of answers that are lost after taking."""

    def __init__(self, seed: int, *, share: float) -> None:
        self._chance = Random(seed)
        self.share = share
        self.refused = 0
        self.lost = 0

    def refuses(self) -> bool:
        """Draw whether this one is refused."""
        drawn = self._chance.random() < self.share
        self.refused += drawn
        return drawn

    def loses(self) -> bool:
        """Draw whether this answer is lost."""
        drawn = self._chance.random() < self.share
        self.lost += drawn
        return drawn


class Witnesses:
    """Origin and receivers on loopback ports. `life` is the number of the daemon that runs now."""

    def __init__(self, *, seed: int = 0, bad_weather: float = 0.0) -> None:
        self.weather = Weather(seed, share=bad_weather)
        self.filings: dict[str, Filing] = {}
        self.takings: list[Taking] = []
        self.notices: list[str] = []
        self.unverified = 0
        self.life = 0
        self.asked = Counter[int]()
        """Requests for the feed in each life."""
        self.claimed: set[str] = set()
        """Filings of editions whose validator the daemon has shown: it says that it has stored them."""
        self.at_moment: Callable[[Moment], bool] = lambda _moment: False
        """Called in the middle of everything; true: the daemon is dead now."""
        self.instead: Callable[[Hook], Reply | None] = lambda _hook: None
        """What to answer to a webhook request instead of what the weather says."""
        self.dawdle = (0.0, 0.0)
        """Seconds, at least and at most, between taking a message and saying so."""
        self._dawdling = Random(seed + 1)
        self._shown: deque[Filing] = deque(maxlen=WINDOW)
        self._editions: dict[str, frozenset[str]] = {}
        self._current = ""
        self._stirred = asyncio.Event()
        self._stack = AsyncExitStack()
        self.origin = Origin(on_request=self._on_request)
        self.hooks = HookReceiver(secrets=[SECRET], on_hook=self._on_hook, answer=self._answer_hook, now=time.time)
        self.mails = MailReceiver(on_mail=self._on_mail, answer=self._answer_mail)
        self._taken = self._answering = False

    async def __aenter__(self) -> Witnesses:
        for server in (self.origin, self.hooks, self.mails):
            await self._stack.enter_async_context(server)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def publish(self, *, matching: int, noise: int = 0, cycle: int = 0) -> tuple[Filing, ...]:
        """Put new filings at the top of the feed; those that match come last, so that they stand highest."""
        at = datetime.now(UTC)
        made: list[Filing] = []
        for nth in range(noise + matching):
            name = f"f{len(self.filings):06}"
            self.filings[name] = Filing(name=name, matching=nth >= noise, cycle=cycle, at=at)
            made.append(self.filings[name])
        self._shown.extendleft(made)
        body = rss(self._shown, self.origin.url(""))
        # The origin makes its ETag in the same way; were it another, no edition would ever count as fetched.
        self._current = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        self._editions[self._current] = frozenset(filing.name for filing in self._shown)
        self.origin.publish(PATH, body)
        return tuple(made)

    @property
    def up_to_date(self) -> bool:
        """Whether the daemon says that it has stored what stands in the feed now."""
        return self._editions[self._current] <= self.claimed

    async def until(self, holds: Callable[[], bool], *, within: float) -> bool:
        """Wait until something holds, looking whenever something happened; return whether it does."""
        try:
            async with asyncio.timeout(within):
                while not holds():
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            return holds()
        return True

    def stir(self) -> None:
        """Make those who wait look again."""
        self._stirred.set()

    # What the receivers saw

    def ids(self) -> Mapping[tuple[str, str], Sequence[Taking]]:
        """Return the takings of each (filing, channel)."""
        found: defaultdict[tuple[str, str], list[Taking]] = defaultdict(list)
        for taking in self.takings:
            found[taking.filing, taking.channel].append(taking)
        return found

    def missing(self, *, among: Iterable[str] | None = None) -> list[tuple[str, str]]:
        """Return the (filing, channel) pairs that match and have not arrived; of baseline filings (cycle 0) none."""
        arrived = {(taking.filing, taking.channel) for taking in self.takings}
        names = self.filings if among is None else among
        wanted = [f for f in map(self.filings.__getitem__, names) if f.matching and f.cycle > 0]
        return [(f.name, c) for f in wanted for c in CHANNELS if (f.name, c) not in arrived]

    def unstable(self) -> list[tuple[str, str]]:
        """Return the pairs that arrived under more than one id."""
        return [pair for pair, takings in self.ids().items() if len({t.id for t in takings}) > 1]

    def repeats(self) -> int:
        """Return how many takings were not the first of their pair."""
        return len(self.takings) - len(self.ids())

    def repeated_lives(self) -> Counter[int]:
        """Return how many repeats each life's end has caused: it had the message taken and did not live to mark it.

        Repeats that follow a lost answer are the receiver's doing, and not among them.
        """
        return Counter(one.life for takings in self.ids().values() for one, _ in pairwise(takings) if one.answered)

    def unexplained(self) -> list[tuple[str, str]]:
        """Return the pairs that were repeated by a daemon that had been given the yes to the one before."""
        return [
            pair
            for pair, takings in self.ids().items()
            for one, next_ in pairwise(takings)
            if one.answered and one.life == next_.life
        ]

    def strays(self) -> list[tuple[str, str]]:
        """Return the pairs that nobody should have been told: no match, or there before the first round."""
        known = self.filings
        return [p for p in self.ids() if p[0] not in known or not known[p[0]].matching or known[p[0]].cycle == 0]

    # What the servers call

    def _on_request(self, asked: Asked) -> None:
        if asked.path != PATH:
            return
        self.asked[self.life] += 1
        shown = asked.headers.get("if-none-match", "")
        self.claimed |= self._editions.get(shown, frozenset())
        self.stir()
        if shown != self._current:
            self.at_moment("feed-asked")

    # A receiver calls `answer` and then `on_...` of the same message without a pause: `_answering` is of that one.

    def _answer_hook(self, hook: Hook) -> Reply | None:
        self._taken = self._answering = False
        self.unverified += not hook.verified
        if told := self.instead(hook):
            return told
        self.at_moment("hook-arrived")
        if self.weather.refuses():
            return Reply(status=503, body=b"too busy")
        loses = self.weather.loses()
        self._answering = not loses
        self._taken = True
        body = hook.body
        self._take("hook", body["type"], body["data"]["title"], hook.id)
        return Reply(drop=True) if loses else None

    async def _on_hook(self, _hook: Hook) -> None:
        await self._say_yes("hook-taken")

    def _answer_mail(self, stage: Stage, _argument: str) -> str | Rudeness | None:
        self._taken = self._answering = False
        if stage == "RCPT":
            if self.weather.refuses():
                return "450 4.2.0 too busy"
            self.at_moment("mail-data")
        if stage == "DATA":
            if self.at_moment("mail-arrived"):
                return "451 4.3.0 the line is dead"
            self._taken = True
            self._answering = not self.weather.loses()
            return None if self._answering else "drop"
        return None

    async def _on_mail(self, mail: Mail) -> None:
        received = read(mail.raw)
        self._take("mail", received.header("X-Tipstaff-Type"), received.subject, received.header("Message-ID"))
        await self._say_yes("mail-taken")

    async def _say_yes(self, moment: Moment) -> None:
        taken, answering = self._taken, self._answering
        if taken and self.dawdle[1]:
            await asyncio.sleep(self._dawdling.uniform(*self.dawdle))
        if answering:
            self.at_moment(moment)

    def _take(self, channel: str, sort: str, title: str, id: str) -> None:
        named = NAMED.search(title)
        if sort == "notice":
            self.notices.append(f"{channel}: {title}")
        else:
            filing = named[0] if named else title
            at = time.monotonic()
            self.takings.append(
                Taking(channel=channel, filing=filing, id=id, life=self.life, answered=self._answering, at=at)
            )
        self.stir()


def rss(filings: Iterable[Filing], base: str) -> bytes:
    """Return the feed as RSS 2.0."""
    entries = "\n".join(
        f"<item><title>{f.title}</title><link>{base}/filings/{f.name}</link><guid>{base}/filings/{f.name}</guid>"
        f"<description>Entered on the docket as {f.name}.</description>"
        f"<pubDate>{format_datetime(f.at)}</pubDate></item>"
        for f in filings
    )
    head = f"<title>The wire</title><link>{base}{PATH}</link><description>All filings</description>"
    channel = f"<channel>{head}\n{entries}\n</channel>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0">{channel}</rss>\n'.encode()
