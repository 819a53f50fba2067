"""The outbox: what is owed, in which order, and how it stops being owed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stores import NOW, alert, compared, delivery, minutes, round_

from rules.model import Delivery, Health
from storage.records import Attempt, ChannelState, FiledDelivery, Settlement
from storage.store import LookupFault, Store


def _owe(store: Store, *deliveries: Delivery, at: float = 0) -> tuple[str, ...]:
    return store.owe(deliveries, minutes(at)).result()


def _settle(store: Store, one: Delivery, state: str, **fields: object) -> None:
    mark = Settlement(**{"key": one.key, "state": state, "at": minutes(1), **fields})  # type: ignore[arg-type]
    store.settle([mark], None).result()


def _only(store: Store) -> FiledDelivery:
    (one,) = store.deliveries()
    return one


def _names(store: Store, at: float = 0, **how: object) -> list[str]:
    return [debt.delivery.message.title for debt in store.owed("mail", minutes(at), **how)]  # type: ignore[arg-type]


def test_what_is_owed_comes_oldest_first_and_in_the_order_of_its_round(store: Store) -> None:
    _owe(store, delivery("late", not_before=NOW), at=3)
    _owe(store, delivery("d"), delivery("a"), delivery("c"), at=1)
    _owe(store, delivery("earliest", not_before=minutes(2)), at=0)
    assert _names(store, 5) == ["earliest", "d", "a", "c", "late"]
    assert _names(store, 1) == ["d", "a", "c", "late"]
    assert _names(store, 5, limit=2) == ["earliest", "d"]


def test_what_is_in_flight_can_be_left_out_without_hiding_the_rest(store: Store) -> None:
    _owe(store, delivery("a"), delivery("b"), delivery("c"))
    flying = [delivery("a").key, delivery("b").key, "unknown"]
    assert _names(store, limit=1, exclude=flying) == ["c"]


def test_channels_do_not_see_each_others_debts(store: Store) -> None:
    _owe(store, delivery("a"), delivery("b", channel="hook", not_before=minutes(7)), delivery("c", channel="hook"))
    assert _names(store, 9) == ["a"]
    assert store.next_owed() == {"mail": NOW, "hook": NOW}
    _settle(store, delivery("c", channel="hook"), "sent")
    assert store.next_owed() == {"mail": NOW, "hook": minutes(7)}


def test_owing_the_same_again_owes_nothing_new(store: Store) -> None:
    one = delivery("a")
    assert _owe(store, one, one) == (one.key,)
    assert _owe(store, one, delivery("b"), at=5) == (delivery("b").key,)
    _settle(store, one, "sent")
    assert _owe(store, one) == ()
    assert _names(store, 9) == ["b"]


def test_a_sent_delivery_is_owed_no_more_and_says_when_it_was_sent(store: Store) -> None:
    _owe(store, delivery("a", alerts=["alert-2", "alert-1"]))
    _settle(store, delivery("a"), "sent", detail="250 ok")
    done = _only(store)
    assert (done.state, done.settled, done.attempts, done.detail) == ("sent", minutes(1), 1, "250 ok")
    assert done.alerts == ("alert-2", "alert-1")
    assert store.owed("mail", minutes(99)) == ()
    assert store.next_owed() == {}


def test_a_deferred_delivery_is_owed_again_later_with_what_the_channel_noted(store: Store) -> None:
    _owe(store, delivery("a"))
    progress = {"accepted": ["x@example.com"]}
    _settle(store, delivery("a"), "pending", not_before=minutes(10), error="greylisted", progress=progress)
    assert store.owed("mail", minutes(9)) == ()
    (debt,) = store.owed("mail", minutes(10))
    assert (debt.attempts, debt.progress, debt.created) == (1, progress, NOW)
    assert debt.delivery == replace(delivery("a"), not_before=minutes(10))
    assert (_only(store).error, _only(store).settled) == ("greylisted", None)


def test_every_attempt_has_its_line_also_after_a_replay(store: Store) -> None:
    _owe(store, delivery("a"))
    _settle(store, delivery("a"), "pending", error="timeout")
    _settle(store, delivery("a"), "parked", error="550 no", at=minutes(2))
    store.replay(now=minutes(3)).result()
    _settle(store, delivery("a"), "sent", detail="250 ok", at=minutes(4))
    assert store.attempts(delivery("a").key) == (
        Attempt(at=minutes(1), outcome="deferred", error="timeout"),
        Attempt(at=minutes(2), outcome="parked", error="550 no"),
        Attempt(at=minutes(4), outcome="sent", detail="250 ok"),
    )
    assert store.attempts("unknown") == ()


def test_what_was_sent_stays_sent(store: Store) -> None:
    _owe(store, delivery("a"))
    _settle(store, delivery("a"), "sent", detail="first")
    _settle(store, delivery("a"), "parked", error="a late answer")
    _settle(store, delivery("a"), "sent", detail="second")
    done = _only(store)
    assert (done.state, done.attempts, done.detail, done.error) == ("sent", 1, "first", None)


def test_what_was_cancelled_in_flight_stays_cancelled(store: Store) -> None:
    _owe(store, delivery("a"))
    assert store.cancel(keys=[delivery("a").key], now=minutes(2)).result() == 1
    _settle(store, delivery("a"), "sent")
    done = _only(store)
    assert (done.state, done.settled) == ("cancelled", minutes(2))
    assert [a.outcome for a in store.attempts(done.key)] == ["sent"]


def test_a_mark_on_an_unknown_delivery_is_passed_over_and_the_rest_is_kept(store: Store) -> None:
    _owe(store, delivery("a"))
    marks = [Settlement(key=key, state="sent", at=minutes(1)) for key in ("unknown", delivery("a").key)]
    store.settle(marks, ChannelState(channel="mail", health=Health(last_success=NOW))).result()
    assert _only(store).state == "sent"
    assert store.channel_state("mail").health.last_success == NOW


def test_marks_channel_state_and_notices_are_kept_together(store: Store) -> None:
    _owe(store, delivery("a"))
    notice = delivery("mail is failing", channel="hook", not_before=minutes(1))
    failing = ChannelState(channel="mail", health=Health(failures=3, told=1, notice="t"), disabled="410 Gone")
    store.settle([Settlement(key=delivery("a").key, state="parked", at=minutes(1))], failing, [notice]).result()
    assert store.channel_state("mail") == failing
    assert store.channels() == (failing,)
    (debt,) = store.owed("hook", minutes(1))
    assert (debt.delivery, debt.created) == (notice, minutes(1))


def test_a_replayed_delivery_keeps_its_key_and_starts_a_fresh_schedule(store: Store) -> None:
    _owe(store, delivery("a"), delivery("b"))
    _settle(store, delivery("a"), "parked", error="gave up", progress={"accepted": ["x"]})
    assert store.replay(prefix=delivery("a").key[:10], now=minutes(50)).result() == 1
    assert store.replay(now=minutes(51)).result() == 0
    again = next(d for d in store.owed("mail", minutes(50)) if d.delivery.message.title == "a")
    assert again.delivery == replace(delivery("a"), not_before=minutes(50))
    assert (again.attempts, again.created, again.progress) == (0, NOW, {"accepted": ["x"]})


def test_a_sent_delivery_is_replayed_only_when_asked_for_and_then_to_everybody(store: Store) -> None:
    _owe(store, delivery("a"))
    _settle(store, delivery("a"), "sent", progress={"accepted": ["x"]})
    assert store.replay(keys=[delivery("a").key], now=minutes(9)).result() == 0
    assert store.replay(keys=[delivery("a").key], states=("parked", "sent"), now=minutes(9)).result() == 1
    (debt,) = store.owed("mail", minutes(9))
    assert debt.progress == {}
    assert _only(store).settled is None


def test_replay_can_be_narrowed_by_channel_alert_and_time(store: Store) -> None:
    one = compared("one")
    fired = alert(one)
    old, hook = delivery("old", alerts=[fired.key]), delivery("hook", channel="hook")
    store.file(round_(one, alerts=[fired], deliveries=[old, hook])).result()
    _owe(store, delivery("new"), at=30)
    for debt in (old, hook, delivery("new")):
        _settle(store, debt, "parked")
    assert store.replay(channel="hook", now=minutes(60)).result() == 1
    assert store.replay(alerts=[fired.key], channel="hook", now=minutes(60)).result() == 0
    assert store.replay(since=minutes(30), now=minutes(60)).result() == 1
    assert store.replay(prefix=fired.key[:12], now=minutes(60)).result() == 1
    assert store.totals().parked == 0


def test_a_prefix_that_may_mean_several_deliveries_is_refused(store: Store) -> None:
    _owe(store, *(replace(delivery(n), key=f"same-{n}") for n in "abcde"))
    with pytest.raises(LookupFault, match=r"begins with 'same': same-a, same-b, same-c, \.\.\."):
        store.replay(prefix="same", now=NOW).result()
    with pytest.raises(LookupFault, match="begins with"):
        store.cancel(prefix="same-", now=NOW).result()
    assert store.cancel(prefix="unknown", now=NOW).result() == 0
    assert store.totals().pending == 5


def test_cancelled_deliveries_stay_listed(store: Store) -> None:
    _owe(store, delivery("a"), delivery("b"), delivery("c", channel="hook"))
    _settle(store, delivery("b"), "parked")
    with pytest.raises(LookupFault, match="nothing was named"):
        store.cancel(now=NOW).result()
    assert store.cancel(channel="mail", now=minutes(2)).result() == 2
    assert [d.message.title for d in store.deliveries(state="cancelled")] == ["b", "a"]
    assert store.totals().pending == 1
    assert store.replay(keys=[delivery("a").key], states=("cancelled",), now=minutes(3)).result() == 1


def test_an_enabled_channel_keeps_its_health(store: Store) -> None:
    gone = ChannelState(channel="hook", health=Health(failures=2), disabled="410 Gone")
    store.channel(gone).result()
    store.enable("hook").result()
    store.enable("unheard-of").result()
    assert store.channel_state("hook") == replace(gone, disabled=None)
    assert store.channel_state("unheard-of") == ChannelState(channel="unheard-of")


def test_deliveries_are_listed_newest_first_and_can_be_narrowed(store: Store) -> None:
    _owe(store, delivery("a", alerts=["x"]), delivery("b", channel="hook", alerts=["x", "y"]))
    _owe(store, delivery("c"), at=1)
    _settle(store, delivery("c"), "parked")

    def names(**how: object) -> list[str]:
        return [d.message.title for d in store.deliveries(**how)]  # type: ignore[arg-type]

    assert names() == ["c", "b", "a"]
    assert names(limit=1) == ["c"]
    assert names(alert="x") == ["b", "a"]
    assert names(state="parked") == ["c"]
    assert names(channel="hook", state="pending", alert="y") == ["b"]


def test_totals_count_every_state(store: Store) -> None:
    assert store.totals().oldest_pending is None
    one = compared("one")
    store.file(round_(one, compared("two"), alerts=[alert(one)])).result()
    _owe(store, *(delivery(n) for n in "abcd"))
    _settle(store, delivery("a"), "sent")
    _settle(store, delivery("b"), "parked")
    totals = store.totals()
    assert (totals.documents, totals.alerts, totals.pending, totals.parked, totals.sent) == (2, 1, 2, 1, 1)
    assert totals.oldest_pending == NOW
