"""The timetable: what is due, what rests, what a new address means."""

from __future__ import annotations

from stores import NOW, compared, minutes, round_

from rules.model import Health
from storage.store import Store

A, B, C = (
    ("a", "zeta.test", "https://zeta.test/a"),
    ("b", "alpha.test", "https://alpha.test/b"),
    ("c", "alpha.test", "u"),
)


def _ids(store: Store, at: float = 0) -> list[str]:
    return [state.source for state in store.due(minutes(at))]


def test_new_sources_are_due_at_once_grouped_by_host(store: Store) -> None:
    store.plan([A, B, C], NOW).result()
    assert _ids(store) == ["b", "c", "a"]
    assert _ids(store, -1) == []
    assert store.next_due() == NOW


def test_those_that_wait_longest_come_first_when_not_all_fit(store: Store) -> None:
    store.plan([A, B, C], NOW).result()
    for id_, minute in (("a", 1), ("b", 3), ("c", 2)):
        store.file(round_(source=id_, next_poll=minutes(minute))).result()
    assert [s.source for s in store.due(minutes(9), limit=2)] == ["c", "a"]
    assert _ids(store, 9) == ["c", "b", "a"]
    assert _ids(store, 1.5) == ["a"]
    assert store.next_due() == minutes(1)


def test_a_source_that_is_not_wanted_any_more_rests_with_its_memory(store: Store) -> None:
    store.plan([A, B], NOW).result()
    store.file(round_(compared("MOTION", 3, source="a"), source="a", cursor={"etag": "x"})).result()
    store.plan([B], minutes(1)).result()
    assert [s.source for s in store.sources()] == ["b"]
    assert _ids(store, 99) == ["b"]
    assert store.poll_now("a", minutes(99)).result() == 0
    store.plan([A, B], minutes(2)).result()
    again = store.source("a")
    assert again is not None
    assert (again.cursor, again.baselined, again.next_poll) == ({"etag": "x"}, True, minutes(5))
    assert store.seen("a", [3]).keys() == {3}


def test_planning_the_same_again_changes_nothing(store: Store) -> None:
    store.plan([A, B], NOW).result()
    store.file(round_(source="a", cursor={"etag": "x"})).result()
    before = store.sources()
    store.plan([A, B], minutes(9)).result()
    assert store.sources() == before


def test_validators_do_not_follow_a_source_to_another_address(store: Store) -> None:
    store.plan([A], NOW).result()
    store.file(round_(source="a", cursor={"etag": "x"})).result()
    store.plan([("a", "new.test", "https://new.test/a")], minutes(1)).result()
    state = store.source("a")
    assert state is not None
    assert (state.host, state.url, state.cursor, state.next_poll) == (
        "new.test",
        "https://new.test/a",
        {},
        minutes(1),
    )
    assert state.baselined


def test_a_new_host_name_alone_leaves_the_cursor(store: Store) -> None:
    store.plan([A], NOW).result()
    store.file(round_(source="a", cursor={"etag": "x"})).result()
    store.plan([("a", "politeness-group", A[2])], minutes(1)).result()
    state = store.source("a")
    assert state is not None
    assert (state.host, state.cursor, state.next_poll) == ("politeness-group", {"etag": "x"}, minutes(5))


def test_sources_can_be_made_due(store: Store) -> None:
    store.plan([A, B, C], NOW).result()
    for id_ in "abc":
        store.file(round_(source=id_, next_poll=minutes(60))).result()
    assert store.poll_now("b", minutes(1)).result() == 1
    assert _ids(store, 1) == ["b"]
    assert store.poll_now(None, minutes(2)).result() == 3
    assert _ids(store, 2) == ["b", "c", "a"]
    assert store.next_due() == minutes(1)
    assert store.poll_now("unheard-of", NOW).result() == 0


def test_health_decided_elsewhere_is_kept_with_the_notice_it_led_to(store: Store) -> None:
    store.plan([A], NOW).result()
    told = Health(failures=3, told=1, notice="thread")
    assert store.owe((), NOW, source_health={"a": told}, channel_health={"mail": told}).result() == ()
    assert store.source("a").health == told  # type: ignore[union-attr]
    assert store.channel_state("mail").health == told


def test_an_empty_store_has_nothing_due(store: Store) -> None:
    store.plan([], NOW).result()
    assert (store.next_due(), store.due(minutes(99)), store.sources(), store.source("a")) == (None, (), (), None)
