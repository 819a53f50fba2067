"""The documents of the past: read in bulk for backtests, and their texts dropped when they are old."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import NOW, SOURCE, SOURCES, alert, compared, document, minutes, round_

from rules.model import Compared, digest
from storage.engine import open_store
from storage.records import FiledDocument
from storage.store import Store

FEEDS = ("a", "b")


def keys(store: Store, **chosen: Any) -> list[str]:
    found = [filed.key for filed in store.history(**chosen)]
    assert store.count_history(**{k: v for k, v in chosen.items() if k != "batch"}) == len(found)
    return found


# Reading


def test_history_gives_documents_as_they_are_looked_up_one_by_one(store: Store) -> None:
    bare = compared("bare", key="b", body="", url=None, guid=None, published=None, updated=None, lang=None)
    bare = replace(bare, document=replace(bare.document, authors=(), tags=(), facts=()))
    store.file(round_(compared("MOTION", key="z"), bare)).result()
    later = compared("MOTION, corrected", key="z", novelty="amended", facts=(("form", "8-K"), ("form", "8-K/A")))
    store.file(round_(later, at=minutes(1))).result()
    found = list(store.history())
    assert found == [store.document("z"), store.document("b")]
    assert found[0].document == later.document
    assert (found[0].first_seen, found[0].amended) == (NOW, minutes(1))


def test_history_is_oldest_first_and_keeps_the_order_of_a_round(store: Store) -> None:
    store.file(round_(*(compared(key, key=key) for key in "db"), at=minutes(1))).result()
    store.file(round_(*(compared(key, key=key) for key in "ca"))).result()
    assert keys(store) == ["c", "a", "d", "b"]


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 8, 9])
def test_no_document_is_left_out_or_repeated_where_batches_meet(store: Store, batch: int) -> None:
    store.plan([(feed, "h", feed) for feed in FEEDS], NOW).result()
    for feed in FEEDS:
        # Several at one place of one moment: only their keys tell them apart.
        one = (compared(f"{feed}{n}", key=f"{feed}{n}", source=feed) for n in range(4))
        store.file(round_(*one, source=feed)).result()
    assert keys(store, batch=batch) == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]
    assert keys(store, batch=batch, source="b") == ["b0", "b1", "b2", "b3"]


def test_history_begins_at_a_time_and_ends_before_one(store: Store) -> None:
    for nth in range(4):
        store.file(round_(compared(str(nth), key=str(nth)), at=minutes(nth))).result()
    assert keys(store, since=minutes(1), until=minutes(3), batch=1) == ["1", "2"]
    assert keys(store, since=minutes(9)) == [] == keys(store, source="unheard-of")


def test_what_is_filed_and_thinned_while_history_is_read_disturbs_nothing(store: Store) -> None:
    store.file(round_(*(compared(key, key=key) for key in "abcd"))).result()
    reading = store.history(batch=2)
    read = [next(reading).key]
    assert store.thin(minutes(1), minutes(1), limit=3).result() == 3
    store.file(round_(compared("e", key="e"), at=minutes(2))).result()
    assert [*read, *(filed.key for filed in reading)] == ["a", "b", "d", "e"]


def test_between_two_batches_no_connection_is_held(store: Store) -> None:
    store.file(round_(*(compared(key, key=key) for key in "abc"))).result()
    readings = [store.history(batch=1) for _ in range(60)]
    assert [next(reading).key for reading in readings] == ["a"] * 60
    assert store._database.readers.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_memory_stays_flat_however_long_history_is(sqlite_address: str) -> None:
    store = open_store(sqlite_address)
    store.plan(SOURCES, NOW).result()
    for nth in range(20):
        many = (compared(f"{nth}-{n}", key=f"{nth}-{n}", body="x" * 2000) for n in range(100))
        store.file(round_(*many, at=minutes(nth))).result()
    next(store.history())
    tracemalloc.start()
    try:
        assert sum(len(filed.document.body) for filed in store.history(batch=50)) == 2000 * 2000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        store.close()
    assert peak < 1_000_000, "two batches of 50 texts of 2 kB, not 2,000 of them"


# Dropping


def test_an_old_document_without_an_alert_loses_its_body_and_nothing_else(store: Store) -> None:
    one, two = compared("MOTION", 1, key="k"), compared("ORDER", 2, key="l")
    store.file(round_(one, two, alerts=[alert(two)])).result()
    before = (store.seen(SOURCE, [1, 2]), store.first_seen(["k", "l"]), store.totals())
    assert store.thin(minutes(1), minutes(9)).result() == 1
    kept = store.document("k")
    assert kept == FiledDocument(key="k", document=replace(one.document, body=""), first_seen=NOW, thinned=minutes(9))
    assert store.document("l") == FiledDocument(key="l", document=two.document, first_seen=NOW)
    assert (store.seen(SOURCE, [1, 2]), store.first_seen(["k", "l"]), store.totals()) == before
    assert keys(store) == ["l"]


def test_thinning_goes_from_the_oldest_in_small_steps_and_comes_to_an_end(store: Store) -> None:
    for nth, key in enumerate("dbca"):
        store.file(round_(compared(key, key=key), at=minutes(nth))).result()
    assert store.thin(minutes(3), minutes(9), limit=2).result() == 2
    assert keys(store) == ["c", "a"]
    assert store.thin(minutes(3), minutes(9), limit=2).result() == 1
    assert store.thin(minutes(3), minutes(9), limit=2).result() == 0
    assert keys(store) == ["a"], "what was first seen at that very time is not before it"


def test_a_thinned_document_that_is_served_again_is_known_and_stays_as_it_is(store: Store) -> None:
    one = compared("MOTION", 1, key="k")
    store.file(round_(one)).result()
    store.thin(minutes(1), minutes(1)).result()
    thinned = store.document("k")
    assert store.seen(SOURCE, [1])[1][0].revision == one.document.revision
    store.file(round_(one, replace(one, novelty="seen"), at=minutes(2))).result()
    assert store.document("k") == thinned


def test_a_thinned_document_that_is_amended_is_whole_again_and_kept_anew(store: Store) -> None:
    store.file(round_(compared("MOTION", 1, key="k"))).result()
    store.thin(minutes(1), minutes(1)).result()
    later = Compared(key="k", document=document("MOTION (corrected)"), novelty="amended")
    store.file(round_(later, at=minutes(5))).result()
    assert store.document("k") == FiledDocument(key="k", document=later.document, first_seen=NOW, amended=minutes(5))
    assert store.thin(minutes(5), minutes(6)).result() == 0, "its text is not old, although the document is"
    assert keys(store) == ["k"]
    assert store.thin(minutes(6), minutes(7)).result() == 1


# The same as a model without a database


@dataclass
class Model:
    """What the store promises of texts; documents in the order in which history gives them."""

    documents: dict[str, FiledDocument] = field(default_factory=dict)
    places: dict[str, tuple[datetime, int, str]] = field(default_factory=dict)
    alerted: set[str] = field(default_factory=set)

    def file(self, round_: Any) -> None:
        for nth, one in enumerate(round_.compared):
            kept = self.documents.get(one.key)
            if kept is None:
                self.places[one.key] = (round_.at, nth, one.key)
                self.documents[one.key] = FiledDocument(key=one.key, document=one.document, first_seen=round_.at)
            elif kept.document.title != one.document.title:
                self.documents[one.key] = replace(kept, document=one.document, amended=round_.at, thinned=None)
        self.alerted.update(fired.document for fired in round_.alerts)

    def thin(self, before: datetime, now: datetime, limit: int) -> int:
        old = [
            filed
            for filed in self.history(None, before, None)
            if filed.key not in self.alerted and (filed.amended or filed.first_seen) < before
        ][:limit]
        for filed in old:
            self.documents[filed.key] = replace(filed, document=replace(filed.document, body=""), thinned=now)
        return len(old)

    def history(self, since: datetime | None, until: datetime | None, source: str | None) -> list[FiledDocument]:
        return [
            filed
            for filed in sorted(self.documents.values(), key=lambda filed: self.places[filed.key])
            if not filed.thinned
            and (since is None or filed.first_seen >= since)
            and (until is None or filed.first_seen < until)
            and source in {None, filed.document.source}
        ]


MOMENTS = st.integers(0, 6)
FILINGS = st.tuples(
    st.just("file"),
    MOMENTS,
    st.sampled_from(FEEDS),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from("xyz"), st.booleans()), max_size=4),
)
THINNINGS = st.tuples(st.just("thin"), MOMENTS, st.integers(1, 3))


def _filing(at: int, feed: str, entries: list[tuple[int, str, bool]]) -> Any:
    # The body follows from the title, so that a revision is the title's.
    ones = {
        number: compared(title, key=digest(feed, str(number)), source=feed, body=f"about {title}")
        for number, title, _ in entries
    }
    fired = [alert(ones[number]) for number, _, alerts in entries if alerts]
    return round_(*ones.values(), source=feed, at=minutes(at), alerts=fired)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    steps=st.lists(FILINGS | THINNINGS, min_size=4, max_size=14),
    since=st.none() | MOMENTS,
    until=st.none() | MOMENTS,
    source=st.none() | st.sampled_from(FEEDS),
    batch=st.integers(1, 5),
)
def test_history_and_thinning_are_those_of_a_model_on_both_databases(
    two_stores: Any,
    steps: list[tuple[Any, ...]],
    since: int | None,
    until: int | None,
    source: str | None,
    batch: int,
) -> None:
    model, stores = Model(), two_stores()
    for store in stores:
        store.plan([(feed, "h", feed) for feed in FEEDS], NOW).result()
    for what, *how in steps:
        if what == "file":
            filing = _filing(*how)
            model.file(filing)
            for store in stores:
                store.file(filing).result()
        else:
            at, limit = how
            counts = [store.thin(minutes(at), minutes(at + 1), limit=limit).result() for store in stores]
            assert counts == [model.thin(minutes(at), minutes(at + 1), limit)] * 2
    span = {
        "since": None if since is None else minutes(since),
        "until": None if until is None else minutes(until),
        "source": source,
    }
    expected = model.history(**span)
    for store in stores:
        assert list(store.history(**span, batch=batch)) == expected
        assert store.count_history(**span) == len(expected)
        assert {d.key: d for d in store.documents(limit=99)} == model.documents
