"""What a round leaves behind, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from stores import NOW, SOURCE, alert, compared, delivery, document, message, minutes, round_

from rules.model import Alert, Compared, Delivery, Health, SeenDocument, Traits
from storage.store import LookupFault, Store, StoreFault


def _eventful() -> tuple[Compared, Alert, Delivery]:
    one = compared("MOTION to Compel", 11, -12)
    fired = alert(one)
    return one, fired, delivery("one", alerts=[fired.key])


def test_a_round_comes_back_as_it_was_filed(store: Store) -> None:
    one, fired, owed = _eventful()
    health = Health(failures=2, failing_since=minutes(-9), last_error="timeout", last_error_kind="timeout", told=1)
    cursor = {"etag": 'W/"é"', "position": [1, 2, {"deep": None}], "big": 2**70}
    filed = store.file(
        round_(one, alerts=[fired], deliveries=[owed], cursor=cursor, health=health, traits=Traits(shared_guids=True))
    ).result()
    assert filed == (owed.key,)
    kept = store.document(one.key)
    assert kept is not None
    assert (kept.document, kept.first_seen, kept.amended) == (one.document, NOW, None)
    found = store.alert(fired.key)
    assert found is not None
    assert found.alert == fired
    assert (found.title, found.source, found.url) == (one.document.title, SOURCE, one.document.url)
    (debt,) = store.owed("mail", NOW)
    assert (debt.delivery, debt.attempts, debt.created, debt.progress) == (owed, 0, NOW, {})
    state = store.source(SOURCE)
    assert state is not None
    assert (state.cursor, state.health, state.traits) == (cursor, health, Traits(shared_guids=True))
    assert (state.next_poll, state.polls, state.documents, state.last_new) == (minutes(5), 1, 1, NOW)
    assert state.baselined


def test_a_round_filed_again_changes_nothing_and_owes_nothing_new(store: Store) -> None:
    one, fired, owed = _eventful()
    again = round_(one, alerts=[fired], deliveries=[owed])
    store.file(again).result()
    before = (store.documents(), store.alerts(), store.deliveries(), store.seen(SOURCE, [11, -12]))
    assert store.file(replace(again, at=minutes(1))).result() == ()
    assert (store.documents(), store.alerts(), store.deliveries(), store.seen(SOURCE, [11, -12])) == before
    assert store.totals().documents == 1


def test_a_round_that_fails_in_its_last_part_leaves_nothing_behind(store: Store) -> None:
    one, fired, owed = _eventful()
    store.file(round_(cursor={"etag": "before"})).result()
    dangling = replace(fired, key="dangling", document="no such document")
    before = store.source(SOURCE)
    with pytest.raises(StoreFault):
        store.file(round_(one, alerts=[fired, dangling], deliveries=[owed], cursor={"etag": "after"})).result()
    assert store.source(SOURCE) == before
    assert (store.documents(), store.alerts(), store.deliveries()) == ((), (), ())
    assert store.seen(SOURCE, [11, -12]) == {}
    assert store.file(round_(one, alerts=[fired], deliveries=[owed])).result() == (owed.key,)


def test_a_round_of_a_source_that_was_never_planned_is_refused(store: Store) -> None:
    with pytest.raises(LookupFault, match="'unheard-of' is not in the timetable"):
        store.file(round_(source="unheard-of")).result()


def test_a_failed_round_moves_neither_cursor_nor_baseline(store: Store) -> None:
    store.file(round_(cursor={"etag": "good"})).result()
    store.file(round_(cursor=None, baselined=False, health=Health(failures=1))).result()
    state = store.source(SOURCE)
    assert state is not None
    assert state.cursor == {"etag": "good"}
    assert state.baselined
    assert state.health == Health(failures=1)


def test_an_amended_document_keeps_when_it_was_first_seen(store: Store) -> None:
    store.file(round_(compared("MOTION", key="k"))).result()
    later = Compared(key="k", document=document("MOTION (corrected)"), novelty="amended", aliases=(7,))
    store.file(round_(later, at=minutes(30))).result()
    kept = store.document("k")
    assert kept is not None
    assert (kept.first_seen, kept.amended, kept.document.title) == (NOW, minutes(30), "MOTION (corrected)")
    assert store.source(SOURCE).documents == 1  # type: ignore[union-attr]
    assert [s.revision for s in store.seen(SOURCE, [7])[7]] == [later.document.revision]


def test_an_amendment_of_a_document_that_is_gone_is_kept_as_a_document(store: Store) -> None:
    store.file(round_(Compared(key="k", document=document(), novelty="amended", aliases=()))).result()
    kept = store.document("k")
    assert kept is not None
    assert (kept.first_seen, kept.amended) == (NOW, None)


def test_a_document_that_was_seen_only_gains_aliases(store: Store) -> None:
    store.file(round_(compared("MOTION", 1, key="k"))).result()
    store.file(round_(compared("other text", 2, key="k", novelty="seen"), at=minutes(5))).result()
    kept = store.document("k")
    assert kept is not None
    assert (kept.document.title, kept.amended) == ("MOTION", None)
    assert store.seen(SOURCE, [1]).keys() | store.seen(SOURCE, [2]).keys() == {1, 2}


def test_an_alias_leads_to_all_its_documents_of_that_source_first_seen_first(store: Store) -> None:
    store.plan((("a", "h", "u"), ("b", "h", "u2")), NOW).result()
    for nth, (source, key) in enumerate([("a", "z"), ("a", "m"), ("b", "q")]):
        one = compared(key, 5, key=key, source=source)
        store.file(round_(one, source=source, at=minutes(nth))).result()
    found = store.seen("a", [5, 6])
    assert [s.key for s in found[5]] == ["z", "m"]
    assert found.keys() == {5}
    assert found[5][0] == SeenDocument(
        key="z", revision=document("z", source="a").revision, title="z", published=document().published
    )
    assert [s.key for s in store.seen("b", [5])[5]] == ["q"]


def test_documents_of_one_round_keep_their_order_under_an_alias(store: Store) -> None:
    keys = ["d", "b", "a", "c"]
    store.file(round_(*(compared(key, 9, key=key) for key in keys))).result()
    assert [s.key for s in store.seen(SOURCE, [9])[9]] == keys
    assert [d.key for d in store.documents()] == keys[::-1]


def test_thousands_of_aliases_are_looked_up_at_once(store: Store) -> None:
    numbers = range(-3000, 3000)
    store.file(round_(compared("MOTION", *numbers, key="k"))).result()
    found = store.seen(SOURCE, range(-4000, 4000))
    assert sorted(found) == list(numbers)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, -1, 2**63, 2**64 + 5])
def test_every_number_can_be_an_alias(store: Store, number: int) -> None:
    store.file(round_(compared("MOTION", number, key="k"))).result()
    folded = (number + 2**63) % 2**64 - 2**63
    assert [s.key for s in store.seen(SOURCE, [number])[folded]] == ["k"]


def test_text_that_a_database_refuses_is_replaced_alike_on_both(store: Store) -> None:
    hostile = "a\x00b\ud800c\udfffd"
    one = compared(hostile, key="k", body=hostile, guid=hostile, authors=(hostile,), url=hostile)
    told = replace(delivery("one"), message=message(hostile, body=hostile))
    health = Health(last_error=hostile)
    cursor = {hostile: [hostile, float("nan"), float("inf")], "fine": 1.5}
    store.file(round_(one, deliveries=[told], cursor=cursor, health=health)).result()
    clean = "a\ufffdb\ufffdc\ufffdd"
    kept = store.document("k")
    assert kept is not None
    assert (kept.document.title, kept.document.body, kept.document.guid) == (clean, clean, clean)
    assert kept.document.authors == (clean,)
    assert store.owed("mail", NOW)[0].delivery.message.title == clean
    state = store.source(SOURCE)
    assert state is not None
    assert state.health.last_error == clean
    assert state.cursor == {clean: [clean, None, None], "fine": 1.5}
    json.dumps(state.cursor, allow_nan=False)


@pytest.mark.parametrize(
    "at",
    [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 1, UTC)],
)
def test_any_time_comes_back_to_the_microsecond(store: Store, at: datetime) -> None:
    store.file(round_(compared("MOTION", key="k", published=at, updated=at))).result()
    kept = store.document("k")
    assert kept is not None
    assert (kept.document.published, kept.document.updated) == (at, at)


def test_a_time_without_a_zone_is_refused_and_named(store: Store) -> None:
    with pytest.raises(StoreFault, match="needs a zone"):
        store.file(round_(compared("MOTION", published=NOW.replace(tzinfo=None)))).result()


def test_what_has_alerted_and_since_when_is_known(store: Store) -> None:
    one, two = compared("one"), compared("two")
    store.file(round_(one, two, alerts=[alert(one, "a"), alert(one, "b")])).result()
    assert store.alerted([one.key, two.key, "unknown"]) == {one.key: frozenset({"a", "b"})}
    assert store.first_seen([one.key, two.key, "unknown"]) == {one.key: NOW, two.key: NOW}
    assert store.alerted([]) == {} == store.first_seen([])


def test_lists_are_newest_first_and_can_be_narrowed(store: Store) -> None:
    store.plan((("a", "h", "u"), ("b", "h", "u2")), NOW).result()
    for nth, source in enumerate(["a", "b", "a"]):
        one = compared(f"{source}{nth}", key=f"k{nth}", source=source)
        fired = alert(one, rule=f"rule-{nth % 2}", at=minutes(nth))
        store.file(round_(one, source=source, at=minutes(nth), alerts=[fired])).result()
    assert [d.key for d in store.documents()] == ["k2", "k1", "k0"]
    assert [d.key for d in store.documents(limit=1)] == ["k2"]
    assert [d.key for d in store.documents(source="a", since=minutes(1))] == ["k2"]
    assert [a.alert.document for a in store.alerts()] == ["k2", "k1", "k0"]
    assert [a.alert.document for a in store.alerts(rule="rule-0")] == ["k2", "k0"]
    assert [a.alert.document for a in store.alerts(source="b")] == ["k1"]
    assert [a.alert.document for a in store.alerts(since=minutes(1), limit=1)] == ["k2"]


def test_the_beginning_of_a_key_is_enough_when_only_one_begins_so(store: Store) -> None:
    keys = ["abc1", "abc2", "abd", "ab%"]
    store.file(round_(*(compared(key, key=key) for key in keys))).result()

    def found(prefix: str) -> str | None:
        kept = store.document(prefix)
        return kept.key if kept else None

    assert (found("abd"), found("abc1"), found("x"), found("")) == ("abd", "abc1", None, None)
    with pytest.raises(LookupFault, match=r"begins with 'abc': abc1, abc2"):
        found("abc")
    assert found("ab%") == "ab%"


@pytest.mark.parametrize(
    "hostile", ["%", "_", "a' OR '1'='1", 'a" OR 1=1 --', "a\\", "\x00", "\ud800", "a\U0010ffff"]
)
def test_no_character_of_a_prefix_has_a_meaning_of_its_own(store: Store, hostile: str) -> None:
    one = compared("MOTION", key="abc")
    store.file(round_(one, alerts=[alert(one)])).result()
    assert store.document(hostile) is None
    assert store.alert(hostile) is None


def test_a_key_that_begins_another_one_names_itself(store: Store) -> None:
    store.file(round_(compared("one", key="ab"), compared("two", key="abc"))).result()
    kept = store.document("ab")
    assert kept is not None
    assert kept.key == "ab"
