"""One round: what is stored, what is owed, where the cursor goes, and what a failure leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from clocks import HandClock
from desks import Bench, failure

from rules.model import Document, Rule
from storage.engine import open_store

FACTS = (("form", "8-K"), ("item", "1.05"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_store(str(tmp_path / "tipstaff.db"))
    bench = Bench(store=store, clock=HandClock())
    bench.source()
    bench.ear()
    yield bench
    store.close()


async def baselined(bench: Bench) -> None:
    bench.source().add("old", "An old motion")
    await bench.round()
    assert bench.owed() == []


async def test_the_first_round_is_stored_and_told_to_nobody(bench: Bench) -> None:
    bench.source().add("1", "Motion to compel")
    outcome = await bench.round()
    assert (outcome.baseline, outcome.new, outcome.alerts) == (True, 1, 0)
    assert bench.owed() == []
    assert bench.store.totals().documents == 1


async def test_the_first_round_tells_recent_documents_when_asked_to(bench: Bench) -> None:
    bench.first = timedelta(hours=24)
    bench.source().add("1", "Motion to compel")
    bench.source().add("2", "An older motion", published=bench.clock.now() - timedelta(days=3))
    await bench.round()
    assert bench.owed() == ["Motion to compel"]


async def test_a_new_matching_entry_is_owed_to_its_channel_once(bench: Bench) -> None:
    await baselined(bench)
    bench.source().add("1", "Motion to compel")
    bench.source().add("2", "Notice of appearance")
    outcome = await bench.round()
    assert (outcome.new, outcome.alerts, outcome.owed) == (2, 1, ("desk",))
    await bench.round()
    assert bench.owed() == ["Motion to compel"]


async def test_the_cursor_of_a_complete_body_is_used_by_the_next_round(bench: Bench) -> None:
    await baselined(bench)
    outcome = await bench.round()
    assert outcome.unchanged
    assert bench.source().cursors == [{}, {"etag": 1}]


async def test_a_cut_body_counts_but_moves_no_validator_and_is_a_failure(bench: Bench) -> None:
    await baselined(bench)
    bench.source().add("1", "Motion to compel")
    bench.source().complete = False
    outcome = await bench.round()
    assert outcome.failure is not None and outcome.failure.kind == "truncated"
    assert bench.owed() == ["Motion to compel"]
    state = bench.store.source("court")
    assert state is not None and (state.cursor, state.health.failures) == ({"etag": 1}, 1)


async def test_a_feed_that_is_always_cut_is_told_and_alerts_from_the_fourth_round_on(bench: Bench) -> None:
    bench.source().complete = False
    bench.source().add("old", "An old motion")
    for _ in range(3):
        await bench.round()
    assert bench.owed() == ["Source failing: The court (truncated)"]
    bench.source().add("1", "Motion to compel")
    await bench.round()
    assert "Motion to compel" in bench.owed()
    assert "An old motion" not in bench.owed()


async def test_a_failed_round_keeps_the_cursor_and_is_tried_again(bench: Bench) -> None:
    await baselined(bench)
    bench.source().failure = failure("challenge")
    outcome = await bench.round()
    assert outcome.failure is not None and outcome.failure.kind == "challenge"
    state = bench.store.source("court")
    assert state is not None
    assert (state.cursor, state.health.failures, state.health.last_error_kind) == ({"etag": 1}, 1, "challenge")
    assert bench.clock.now() < state.next_poll <= bench.clock.now() + timedelta(minutes=6)


async def test_what_came_during_a_failure_is_told_afterwards(bench: Bench) -> None:
    await baselined(bench)
    bench.source().failure = failure()
    bench.source().add("1", "Motion to compel")
    await bench.round()
    bench.source().failure = None
    await bench.round()
    assert bench.owed() == ["Motion to compel"]


async def test_a_source_failing_three_times_is_told_once_and_its_recovery_too(bench: Bench) -> None:
    await baselined(bench)
    bench.source().failure = failure("html-instead-of-feed")
    for _ in range(5):
        await bench.round()
        bench.clock.set_forward(timedelta(minutes=5))
    assert bench.owed() == ["Source failing: The court (html-instead-of-feed)"]
    bench.source().failure = None
    await bench.round()
    await bench.round()
    assert bench.owed()[1:] == ["Source recovered: The court"]
    threads = {o.delivery.message.thread for o in bench.store.owed("desk", bench.clock.now() + timedelta(days=1))}
    assert len(threads) == 1


async def test_two_blips_are_told_to_nobody(bench: Bench) -> None:
    await baselined(bench)
    bench.source().failure = failure()
    await bench.round()
    await bench.round()
    bench.source().failure = None
    await bench.round()
    assert bench.owed() == []


async def test_a_page_that_is_gone_is_told_at_once_and_still_asked(bench: Bench) -> None:
    await baselined(bench)
    bench.source().failure = failure("gone")
    await bench.round()
    assert bench.owed() == ["Source failing: The court (gone)"]
    state = bench.store.source("court")
    assert state is not None and state.next_poll - bench.clock.now() <= timedelta(days=1)


async def test_a_dead_line_is_told_once_for_all_sources_and_so_is_its_end(bench: Bench) -> None:
    for name in ("court", "sec", "fed"):
        bench.source(name).add("old", "Old")
        await bench.round(name)
    for name in ("court", "sec", "fed"):
        bench.source(name).failure = failure("dns", network=True)
    for _ in range(4):
        for name in ("court", "sec", "fed"):
            await bench.round(name)
        bench.clock.set_forward(timedelta(minutes=5))
    assert bench.owed() == ["Network down: no source can be reached"]
    for name in ("court", "sec", "fed"):
        bench.source(name).failure = None
        await bench.round(name)
    assert bench.owed()[1:] == ["Network up: sources can be reached again"]


async def test_one_source_whose_name_is_gone_is_told_although_it_looks_like_the_line(bench: Bench) -> None:
    for name in ("court", "sec"):
        bench.source(name).add("old", "Old")
        await bench.round(name)
    bench.source().failure = failure("dns", network=True)
    for _ in range(3):
        bench.clock.set_forward(timedelta(minutes=5))
        await bench.round("court")
        await bench.round("sec")
    assert bench.owed() == ["Source failing: The court (dns)"]


async def test_an_exception_in_a_source_is_its_failure_and_no_more(bench: Bench) -> None:
    await baselined(bench)
    bench.source().failure = ZeroDivisionError("ours")
    outcome = await bench.round()
    assert outcome.failure is not None and outcome.failure.kind == "internal"


async def test_an_entry_edited_into_a_match_is_told_and_one_edited_after_is_not(bench: Bench) -> None:
    await baselined(bench)
    wire = bench.source()
    wire.add("1", "Status report")
    await bench.round()
    for body in ("with a motion", "with a motion, corrected"):
        wire.entries[0] = replace(wire.entries[0], body=body)
        wire.etag += 1
        await bench.round()
    assert bench.owed() == ["Status report"]


async def test_an_entry_of_the_first_round_that_is_edited_does_not_become_news(bench: Bench) -> None:
    await baselined(bench)
    wire = bench.source()
    wire.entries[0] = replace(wire.entries[0], body="a comma more")
    wire.etag += 1
    await bench.round()
    assert bench.owed() == []


async def test_an_entry_that_is_edited_after_its_text_was_dropped_is_told_since_nobody_knows_what_it_said(
    bench: Bench,
) -> None:
    await baselined(bench)
    bench.clock.set_forward(timedelta(days=1))
    now = bench.clock.now()
    assert bench.store.thin(now, now).result() == 1
    wire = bench.source()
    wire.entries[0] = replace(wire.entries[0], body="a comma more")
    wire.etag += 1
    outcome = await bench.round()
    assert (outcome.new, outcome.amended) == (0, 1)
    assert bench.owed() == ["An old motion"]
    (kept,) = bench.store.documents()
    assert (kept.document.body, kept.thinned) == ("a comma more", None)


async def test_an_entry_that_is_served_again_after_its_text_was_dropped_is_no_news(bench: Bench) -> None:
    await baselined(bench)
    now = bench.clock.now() + timedelta(days=1)
    assert bench.store.thin(now, now).result() == 1
    bench.source().etag += 1
    outcome = await bench.round()
    assert (outcome.new, outcome.amended, outcome.alerts) == (0, 0, 0)


async def test_a_rule_that_asks_for_updates_hears_of_each_revision_in_one_thread(bench: Bench) -> None:
    bench.rules = (Rule(id="motion", when="motion*", channels=("desk",), updates=True),)
    await baselined(bench)
    wire = bench.source()
    wire.add("1", "Motion")
    await bench.round()
    bench.clock.set_forward(timedelta(hours=1))
    wire.entries[0] = replace(wire.entries[0], body="the text of it")
    wire.etag += 1
    await bench.round()
    owed = bench.store.owed("desk", bench.clock.now())
    assert [o.delivery.message.type for o in owed] == ["alert.created", "alert.updated"]
    assert len({o.delivery.message.thread for o in owed}) == 1
    assert owed[1].delivery.message.first_seen == owed[0].delivery.message.first_seen


async def test_a_rule_that_cannot_run_is_told_and_the_others_go_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No query of the language can raise, so the fault is planted in the evaluation of one rule."""
    from rules.percolate import book  # noqa: PLC0415

    bench.rules = (Rule(id="broken", when="zebra OR motion", channels=("desk",)), *bench.rules)
    await baselined(bench)
    evaluate = book.evaluate

    def planted(node: object, view: object) -> object:
        if "zebra" in repr(node):
            raise RecursionError("too deep")
        return evaluate(node, view)  # type: ignore[arg-type]

    monkeypatch.setattr(book, "evaluate", planted)
    bench.source().add("1", "Motion to compel")
    await bench.round()
    assert sorted(bench.owed()) == ["Motion to compel", "Rule cannot run: broken"]


async def test_channels_switched_off_are_owed_nothing_but_the_alert_is_kept(bench: Bench) -> None:
    bench.rules = (Rule(id="motion", when="motion*", channels=("desk", "off")),)
    await baselined(bench)
    bench.source().add("1", "Motion")
    await bench.round()
    assert bench.owed("off") == []
    assert [a.alert.rule for a in bench.store.alerts()] == ["motion"]


async def test_an_address_that_serves_another_feed_starts_anew_in_silence(bench: Bench) -> None:
    await baselined(bench)
    wire = bench.source()
    wire.url = "https://court.test/moved"
    wire.entries = []
    for n in range(5):
        wire.add(f"other-{n}", f"Motion {n} of another court")
    outcome = await bench.round()
    assert outcome.baseline
    assert bench.owed() == []


async def test_an_address_that_moved_with_its_entries_goes_on_as_before(bench: Bench) -> None:
    await baselined(bench)
    wire = bench.source()
    wire.url = "https://court.test/moved"
    wire.add("1", "Motion to compel")
    await bench.round()
    assert bench.owed() == ["Motion to compel"]


async def test_the_same_history_gives_the_same_keys_in_another_store(bench: Bench, tmp_path: Path) -> None:
    async def history(to: Bench) -> list[str]:
        to.source().entries = []
        to.source().etag = 0
        await baselined(to)
        to.source().add("1", "Motion to compel")
        await to.round()
        return [o.delivery.key for o in to.store.owed("desk", to.clock.now() + timedelta(days=1))]

    store = open_store(str(tmp_path / "other.db"))
    other = Bench(store=store, clock=HandClock(bench.clock.now() + timedelta(days=77)))
    other.source()
    other.ear()
    assert await history(bench) == await history(other)
    store.close()


async def test_a_document_keeps_all_that_the_source_said_of_it(bench: Bench) -> None:
    await baselined(bench)
    bench.source().add("1", "Motion", body="text", tags=("crypto",), authors=("LR-1",), lang="en", facts=FACTS)
    await bench.round()
    document: Document = bench.store.documents(source="court", limit=1)[0].document
    assert (document.body, document.tags, document.authors, document.lang) == ("text", ("crypto",), ("LR-1",), "en")
    assert document.facts == FACTS
