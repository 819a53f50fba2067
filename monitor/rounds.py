"""One source, one round: ask, read, compare, percolate, decide, commit; when rounds happen is the daemon's part.

Everything up to the commit may be lost and repeated without harm. The commit takes documents, alerts,
deliveries and the source's new cursor together, so a validator is never ahead of what it stands for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from monitor.clock import Clock
from monitor.desk import Desk, Watched
from monitor.fetching.client import Tls
from monitor.log import Log
from monitor.sources import Page, Parse, ParsedFeed, Poll, Request, SourceFailure
from rules import alerting, change, notices, timing
from rules.model import Compared, Decision, Delivery, Health, Match, Traits
from storage.records import Round, SourceState
from storage.store import Store

log = Log("tipstaff.rounds")


class Fetches(Protocol):
    """Whoever gets pages: `monitor.fetching.Fetcher`."""

    async def fetch(self, request: Request, *, headers: Mapping[str, str], tls: Tls | None) -> Page: ...


class Parses(Protocol):
    """Whoever reads feeds out of bytes: `monitor.parsing.ParsePool`."""

    async def parse(self, parse: Parse) -> ParsedFeed: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a round came to, for logs, the terminal and tests."""

    source: str
    new: int = 0
    amended: int = 0
    present: int = 0
    alerts: int = 0
    unchanged: bool = False
    baseline: bool = False
    failure: SourceFailure | None = None
    owed: tuple[str, ...] = ()
    """Channels that have something new to send."""
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What a round means for its source."""

    health: Health
    next_poll: datetime
    told: tuple[Delivery, ...] = ()
    failure: SourceFailure | None = None


class Rounds:
    """Runs rounds against one store with one fetcher and one parser."""

    def __init__(self, store: Store, fetcher: Fetches, parser: Parses, clock: Clock) -> None:
        self._store = store
        self._fetcher = fetcher
        self._parser = parser
        self._clock = clock

    async def run(self, watched: Watched, state: SourceState, desk: Desk) -> Outcome:
        """Ask one source and commit what it said.

        Raises:
            StoreFault: nothing was committed (disk full, database gone); the round may be repeated.
        """
        try:
            poll = await ask(watched, state.cursor, self._fetcher, self._parser)
            round_, outcome = await asyncio.to_thread(self._read, poll, watched, state, desk)
        except SourceFailure as failure:
            round_, outcome = self._failed(failure, watched, state, desk)
        except Exception as error:
            log.error("round raised", trace=True, source=watched.source.id)
            fault = SourceFailure("internal", f"{type(error).__name__}: {error}", advice="please report this")
            round_, outcome = self._failed(fault, watched, state, desk)
        filed = await asyncio.wrap_future(self._store.file(round_))
        owed = tuple(sorted({d.channel for d in round_.deliveries if d.key in filed}))
        return replace(outcome, owed=owed)

    def _read(self, poll: Poll, watched: Watched, state: SourceState, desk: Desk) -> tuple[Round, Outcome]:
        now = self._clock.now()
        judged = _Judgement(self._store, watched, state, desk, now).judge(poll)
        verdict = self._passed(watched, state, desk, now) if poll.complete else self._cut(watched, state, desk, now)
        round_ = Round(
            source=watched.source.id,
            at=now,
            next_poll=verdict.next_poll,
            health=verdict.health,
            traits=judged.traits,
            cursor=poll.cursor if poll.complete else None,
            # A feed that is always cut must not stay silent for ever: what it shows counts after a while.
            baselined=state.baselined or poll.complete or verdict.health.failures >= desk.failures,
            compared=judged.compared,
            alerts=tuple(a for d in judged.decisions for a in d.alerts),
            deliveries=(*(o for d in judged.decisions for o in d.deliveries), *judged.faults, *verdict.told),
            url=watched.source.url,
        )
        novelty = [c.novelty for c in judged.compared]
        outcome = Outcome(
            source=watched.source.id,
            new=novelty.count("new"),
            amended=novelty.count("amended"),
            present=poll.present,
            alerts=len(round_.alerts),
            unchanged=poll.unchanged,
            baseline=judged.baseline,
            failure=verdict.failure,
            held=tuple(h for d in judged.decisions for h in d.held),
        )
        return round_, outcome

    def _passed(self, watched: Watched, state: SourceState, desk: Desk, now: datetime) -> _Verdict:
        return _Verdict(
            health=timing.succeeded(state.health, now=now),
            next_poll=timing.next_poll(watched.interval, now=now, chance=self._clock.chance()),
            told=self._recovery(watched, state, desk, now),
        )

    def _cut(self, watched: Watched, state: SourceState, desk: Desk, now: datetime) -> _Verdict:
        """A body that ends too early counts for what it has, and is a failure: the rest is unknown."""
        failure = SourceFailure(
            "truncated", "the feed ends before its end", advice="see whether the address shows the whole feed"
        )
        return self._trouble(failure, watched, state, desk, now)

    def _recovery(self, watched: Watched, state: SourceState, desk: Desk, now: datetime) -> tuple[Delivery, ...]:
        thread = state.health.notice
        if not thread:
            return ()
        if thread.startswith(notices.NETWORK):
            message = notices.line_up(thread, now=now)
        else:
            source = watched.source
            message = notices.source_recovered(source.id, watched.title, source.url, state.health, now=now)
        return notices.deliveries(message, desk.notice_channels, now=now)

    def _failed(
        self, failure: SourceFailure, watched: Watched, state: SourceState, desk: Desk
    ) -> tuple[Round, Outcome]:
        now = self._clock.now()
        verdict = self._trouble(failure, watched, state, desk, now)
        round_ = Round(
            source=watched.source.id,
            at=now,
            next_poll=verdict.next_poll,
            health=verdict.health,
            traits=state.traits,
            baselined=state.baselined,
            deliveries=verdict.told,
            url=watched.source.url,
        )
        return round_, Outcome(source=watched.source.id, failure=failure)

    def _trouble(
        self, failure: SourceFailure, watched: Watched, state: SourceState, desk: Desk, now: datetime
    ) -> _Verdict:
        """Count a failure, say when to try again, and tell it when it is due."""
        health = timing.failed(state.health, now=now, kind=failure.kind, reason=failure.reason)
        next_poll = timing.next_poll_after_failure(
            watched.interval,
            failures=health.failures,
            now=now,
            chance=self._clock.chance(),
            retry_after=failure.retry_after,
        )
        told: tuple[Delivery, ...] = ()
        telling = timing.source_telling(watched.interval, failures=desk.failures, repeat=desk.repeat)
        if telling.due(health, now) or (failure.kind == "gone" and not health.told):
            health, told = self._tell(failure, watched, health, desk, next_poll, now)
        log.warning(
            "source failed",
            source=watched.source.id,
            kind=failure.kind,
            reason=failure.reason,
            failures=health.failures,
            next_poll=next_poll.isoformat(timespec="seconds"),
        )
        return _Verdict(health=health, next_poll=next_poll, told=told, failure=failure)

    def _tell(
        self,
        failure: SourceFailure,
        watched: Watched,
        health: Health,
        desk: Desk,
        next_poll: datetime,
        now: datetime,
    ) -> tuple[Health, tuple[Delivery, ...]]:
        """Decide the failing notice: of this source, or once for all where our own line seems down."""
        if failure.network:
            others = [s for s in self._store.sources() if s.source != watched.source.id]
            if timing.line_is_down(health, [s.health for s in others]):
                last = max((s.health.last_success for s in others if s.health.last_success), default=None)
                message = notices.line_down(health, last_success=last, now=now)
                owed = notices.deliveries(message, desk.notice_channels, nth=health.told, now=now)
                return timing.told(health, now=now, notice=message.thread), owed
        source = watched.source
        message = notices.source_failing(
            source.id, watched.title, source.url, health, advice=failure.advice, next_try=next_poll, now=now
        )
        owed = notices.deliveries(message, desk.notice_channels, nth=health.told, now=now)
        return timing.told(health, now=now, notice=message.thread), owed


async def ask(watched: Watched, cursor: Mapping[str, Any], fetcher: Fetches, parser: Parses) -> Poll:
    """Drive a source's generator: fetch and parse what it asks for, until it answers.

    Raises:
        SourceFailure: from the source itself, the fetcher or the parser.
    """
    effects = watched.source.poll(cursor)
    try:
        effect = next(effects)
        while True:
            try:
                answer = await _carry_out(effect, watched, fetcher, parser)
            except SourceFailure as failure:
                # The source may know better than to fail with it.
                effect = effects.throw(failure)
            else:
                effect = effects.send(answer)
    except StopIteration as end:
        poll: Poll = end.value
        return poll
    finally:
        effects.close()


async def _carry_out(
    effect: Request | Parse, watched: Watched, fetcher: Fetches, parser: Parses
) -> Page | ParsedFeed:
    if isinstance(effect, Request):
        return await fetcher.fetch(effect, headers=watched.headers, tls=watched.tls)
    return await parser.parse(effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    compared: tuple[Compared, ...]
    decisions: tuple[Decision, ...]
    faults: tuple[Delivery, ...]
    traits: Traits
    baseline: bool


class _Judgement:
    """What one poll's documents lead to; reads the store, writes nothing."""

    def __init__(self, store: Store, watched: Watched, state: SourceState, desk: Desk, now: datetime) -> None:
        self._store = store
        self._watched = watched
        self._state = state
        self._desk = desk
        self._now = now

    def judge(self, poll: Poll) -> _Judged:
        if poll.unchanged or not poll.documents:
            return _Judged(compared=(), decisions=(), faults=(), traits=self._state.traits, baseline=False)
        comparison, another_feed = self._compare(poll)
        baseline = not self._state.baselined or another_feed
        circumstances = alerting.Circumstances(
            now=self._now,
            source_title=self._watched.title,
            baseline=baseline,
            news_since=self._now - self._watched.first if self._watched.first else None,
        )
        decisions, faults = self._decide(comparison.news, circumstances)
        return _Judged(
            compared=tuple(c for c in comparison.compared if c.novelty != "seen" or c.aliases),
            decisions=decisions,
            faults=faults,
            traits=comparison.traits,
            baseline=baseline,
        )

    def _compare(self, poll: Poll) -> tuple[change.Comparison, bool]:
        """Compare, and say whether the address now serves another feed than before."""
        source = self._watched.source.id
        seen = dict(self._store.seen(source, change.strong_prints(poll.documents)))
        strange = self._state.baselined and change.nothing_recognised(poll.documents, seen, poll.carried)
        if strange:
            seen |= self._store.seen(source, change.weak_prints(poll.documents))
        comparison = change.compare(
            poll.documents,
            seen,
            source=source,
            traits=self._state.traits,
            identity=self._watched.identity,
            carried=poll.carried,
        )
        moved = strange and not self._state.cursor and all(c.novelty == "new" for c in comparison.compared)
        return comparison, moved

    def _decide(
        self, news: Collection[Compared], circumstances: alerting.Circumstances
    ) -> tuple[tuple[Decision, ...], tuple[Delivery, ...]]:
        amended = [c.key for c in news if c.novelty == "amended"]
        already = self._store.alerted(amended) if amended else {}
        first_seen = self._store.first_seen(amended) if amended else {}
        decisions: list[Decision] = []
        faults: dict[str, Delivery] = {}
        for compared in news:
            seen = first_seen.get(compared.key, self._now)
            matches, troubles = self._desk.rulebook.match(compared.document, seen)
            for trouble in troubles:
                message = notices.rule_faulty(trouble.rule, trouble.reason, now=self._now)
                owed = notices.deliveries(message, self._desk.notice_channels, now=self._now)
                faults |= {delivery.key: delivery for delivery in owed}
            if matches:
                known = already.get(compared.key, frozenset())
                decision = alerting.decide(
                    compared,
                    matches,
                    already=known,
                    standing=self._standing(compared, matches, known),
                    first_seen=first_seen.get(compared.key),
                    circumstances=circumstances,
                )
                decisions.append(self._reachable(decision))
        return tuple(decisions), tuple(faults.values())

    def _standing(self, compared: Compared, matches: Collection[Match], known: Collection[str]) -> frozenset[str]:
        """Which rules held for the revision before; asked only when an amended document fires something new."""
        if compared.novelty != "amended" or all(m.rule.id in known for m in matches):
            return frozenset()
        before = self._store.document(compared.key)
        if before is None or before.thinned:
            # What the text was is not known any more: rather tell twice than lose one.
            return frozenset()
        return frozenset(m.rule.id for m in self._desk.rulebook.match(before.document)[0])

    def _reachable(self, decision: Decision) -> Decision:
        """Drop what is owed to channels that are switched off in the config; the alert itself is kept."""
        open_ones = tuple(d for d in decision.deliveries if d.channel in self._desk.channels)
        return replace(decision, deliveries=open_ones)
