"""`tipstaff sources`: what is watched, and trying a source without storing anything."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

from monitor.app import fetcher, watched
from monitor.cli import CONFIG, NEGATIVE, OK, Call
from monitor.clock import SystemClock
from monitor.commands.status import source_word
from monitor.commands.terminal import ago, counted, plain
from monitor.config.secret import SecretFault
from monitor.desk import Watched
from monitor.opening import Loaded, load, opened
from monitor.parsing.pool import ParsePool
from monitor.rounds import ask
from monitor.sources import Poll
from monitor.sources.feed import Feed
from storage.faults import StoreMissing


def list_sources(call: Call) -> int:
    """List every configured source with what the store knows of it."""
    now = SystemClock().now()
    loaded = load(call.config_path, call.environ)
    known = {}
    # Before the first start there is no store yet, and nothing is known.
    with suppress(StoreMissing), opened(call.config_path, call.environ) as (_, store):
        known = {state.source: state for state in store.sources()}
    rows: list[dict[str, Any]] = []
    for source in loaded.config.sources:
        state = known.get(source.id)
        word = "switched off" if not source.enabled else "not asked yet"
        if state is not None and source.enabled:
            word = source_word(state, source.interval, now)
        rows.append(
            {
                "source": source.id,
                "kind": source.kind,
                "state": word,
                "interval_seconds": source.interval.total_seconds(),
                "last_success": state.health.last_success if state else None,
                "documents": state.documents if state else 0,
                "title": source.title,
                "url": source.url,
            }
        )
    if call.terminal.as_json:
        call.terminal.answer(rows)
        return OK
    cells = [(r["source"], r["state"], ago(r["last_success"], now), r["documents"], r["url"]) for r in rows]
    call.terminal.table(
        ("SOURCE", "STATE", "LAST GOOD", "DOCUMENTS", "ADDRESS"), cells, empty="no sources configured"
    )
    return OK


def test(call: Call) -> int:
    """Ask one source now; nothing is stored, nobody is told."""
    loaded = load(call.config_path, call.environ, secrets=True)
    try:
        chosen = _chosen(call.words.source, loaded)
    except SecretFault as fault:
        call.terminal.refuse(f"{fault}, since the source is not enabled", "set enabled = true to try it")
        return CONFIG
    if chosen is None:
        names = ", ".join(s.id for s in loaded.config.sources) or "none"
        call.terminal.refuse(
            f"there is no source {call.words.source!r}, and it is not an address", f"there are: {names}"
        )
        return NEGATIVE
    with call.terminal.working(f"asking {chosen.source.url}"):
        poll = asyncio.run(_ask(chosen, loaded))
    firing = {
        n: [match.rule.id for match in loaded.config.rulebook.match(document)[0]]
        for n, document in enumerate(poll.documents)
    }
    if call.terminal.as_json:
        call.terminal.answer(
            {
                "source": chosen.source.id,
                "present": poll.present,
                "complete": poll.complete,
                "asks_to_wait_seconds": poll.wait,
                "documents": [
                    {
                        "title": d.title,
                        "url": d.url,
                        "guid": d.guid,
                        "published": plain(d.published) if d.published else None,
                        "body": d.body,
                        "rules": firing[n],
                    }
                    for n, d in enumerate(poll.documents)
                ],
            }
        )
        return OK
    rows = [(d.published, d.title[:90], len(d.body), ", ".join(firing[n])) for n, d in enumerate(poll.documents)]
    call.terminal.table(("PUBLISHED (UTC)", "TITLE", "TEXT", "RULES"), rows, empty="the feed is valid and empty")
    call.terminal.say(f"{counted(poll.present, 'entry', 'entries')}; nothing was stored")
    return OK


def _chosen(name: str, loaded: Loaded) -> Watched | None:
    for source in loaded.config.sources:
        if source.id == name:
            return watched(source)
    if "://" in name:
        return Watched(source=Feed(id="test", url=name, kind="news"), title=name, interval=timedelta(minutes=5))
    return None


async def _ask(chosen: Watched, loaded: Loaded) -> Poll:
    outgoing = fetcher(loaded.config, SystemClock())
    parser = ParsePool()
    try:
        return await ask(chosen, {}, outgoing, parser)
    finally:
        await parser.aclose()
        await outgoing.aclose()
