"""Daemons with a bug sown into them, to show that the kill loop would find it; nothing here is part of the product.

`python tests/faults/mutants.py NAME run --config FILE` is `tipstaff run --config FILE` with the bug of that name.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from monitor.__main__ import main
from monitor.desk import Channel, Desk, Watched
from monitor.notifiers import Receipt
from monitor.notifiers.email import Email
from monitor.notifiers.webhook import Webhook
from monitor.outbox import _Lane
from monitor.rounds import Outcome, Rounds
from rules.model import Delivery
from storage.records import Owed, Round, Settlement, SourceState
from storage.store import Store

T = TypeVar("T")
Keys = tuple[str, ...]


def mark_before_send() -> None:
    """Mark a delivery as sent and send it then: what fails or dies in between is never sent."""
    deliver = _Lane._deliver

    async def marked_first(self: _Lane, debt: Owed, channel: Channel) -> None:
        state = self._store.channel_state(self._name)
        mark = Settlement(key=debt.delivery.key, state="sent", at=self._clock.now())
        await asyncio.wrap_future(self._store.settle([mark], state))
        await deliver(self, debt, channel)

    _Lane._deliver = marked_first  # type: ignore[method-assign]


def push_after_commit() -> None:
    """Commit documents and alerts, and put the deliveries into the outbox by a second write."""
    file = Store.file

    def in_two(self: Store, round_: Round) -> Future[Keys]:
        first = file(self, replace(round_, deliveries=()))
        return _then(first, lambda: self.owe(round_.deliveries, round_.at))

    Store.file = in_two  # type: ignore[method-assign]


def etag_first() -> None:
    """Commit the source's cursor with the validators, and the documents they stand for by a second write."""
    file = Store.file

    def in_two(self: Store, round_: Round) -> Future[Keys]:
        first = file(self, replace(round_, compared=(), alerts=(), deliveries=()))
        return _then(first, lambda: file(self, round_))

    Store.file = in_two  # type: ignore[method-assign]


def per_entry_commit() -> None:
    """Commit every document by itself, and then what follows from all of them."""
    file = Store.file

    def one_by_one(self: Store, round_: Round) -> Future[Keys]:
        kept = [replace(round_, cursor=None, compared=(c,), alerts=(), deliveries=()) for c in round_.compared]
        return _in_turn(self, [*kept, round_])

    def _in_turn(store: Store, rounds: list[Round]) -> Future[Keys]:
        first = file(store, rounds[0])
        return first if len(rounds) == 1 else _then(first, lambda: _in_turn(store, rounds[1:]))

    Store.file = one_by_one  # type: ignore[method-assign]


def random_ids() -> None:
    """Give every attempt an id of its own."""
    for kind in (Email, Webhook):
        _rename(kind)


def _rename(kind: type[Email] | type[Webhook]) -> None:
    send: Callable[..., Awaitable[Receipt]] = kind.send

    async def renamed(self: Any, delivery: Delivery, *, at: datetime, progress: Mapping[str, Any]) -> Receipt:
        return await send(self, replace(delivery, key=secrets.token_hex(16)), at=at, progress=progress)

    kind.send = renamed  # type: ignore[method-assign]


def baseline_again() -> None:
    """Take the first round after every start for the first round there ever was."""
    run = Rounds.run
    started: set[str] = set()

    async def anew(self: Rounds, watched: Watched, state: SourceState, desk: Desk) -> Outcome:
        if state.source not in started:
            state = replace(state, baselined=False)
        outcome = await run(self, watched, state, desk)
        started.add(state.source)
        return outcome

    Rounds.run = anew  # type: ignore[method-assign]


MUTANTS: Mapping[str, Callable[[], None]] = {
    "mark-before-send": mark_before_send,
    "push-after-commit": push_after_commit,
    "etag-first": etag_first,
    "per-entry-commit": per_entry_commit,
    "random-ids": random_ids,
    "baseline-again": baseline_again,
}


def _then(first: Future[Any], second: Callable[[], Future[T]]) -> Future[T]:
    """Return what the second write comes to, which is asked for when the first is committed."""
    both: Future[T] = Future()

    def pass_on(done: Future[T]) -> None:
        error = done.exception()
        if error is None:
            both.set_result(done.result())
        else:
            both.set_exception(error)

    def go_on(done: Future[Any]) -> None:
        error = done.exception()
        if error is None:
            second().add_done_callback(pass_on)
        else:
            both.set_exception(error)

    first.add_done_callback(go_on)
    return both


if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
