"""Sending parked and sent deliveries again, and giving them up, by the command line."""

from __future__ import annotations

from desks import refusing
from pasts import Past

from monitor.cli import NEGATIVE, OK
from monitor.notifiers import Receipt


async def parked(past: Past, *titles: str) -> None:
    past.bench.ear("hook").answer = refusing("550 no", park=True)
    await past.file(*titles)
    past.bench.ear("hook").answer = lambda _delivery: Receipt(detail="ok")


async def test_parked_deliveries_are_replayed_one_by_one_by_the_beginning_of_their_key(past: Past) -> None:
    await parked(past, "Motion one", "Motion two")
    one, two = (d for d in past.asked("alerts", "list", "--parked") if d["channel"] == "hook")
    assert past.asked("alerts", "replay", one["delivery"][:20]) == {
        "deliveries": 1,
        "unmatched": [],
        "enabled": False,
    }
    await past.send_later()
    assert past.bench.ear("hook").titles == [one["title"]]
    assert [d["delivery"] for d in past.asked("alerts", "list", "--parked")] == [two["delivery"]]


async def test_an_alerts_key_stands_for_all_its_deliveries(past: Past) -> None:
    await parked(past, "Motion one")
    [alert] = past.asked("alerts", "list")
    code, out, _ = past.say("alerts", "replay", alert["alert"], "--sent")
    assert (code, out) == (OK, "2 deliveries will be sent again under the same ids\n")
    ids = {d["channel"]: d["delivery"] for d in past.asked("alerts", "show", alert["alert"])["deliveries"]}
    await past.send_later()
    for channel, id in ids.items():
        assert [key for key, _ in past.bench.ear(channel).tries].count(id) == 2, channel


async def test_a_key_that_means_nothing_is_named_although_another_was_found(past: Past) -> None:
    await parked(past, "Motion one")
    [found] = past.asked("alerts", "list", "--parked")
    code, out, err = past.say("alerts", "replay", found["delivery"], "nonsense")
    assert code == NEGATIVE
    assert "1 delivery will be sent again" in out and "nothing matches nonsense" in err


async def test_a_beginning_that_several_keys_share_is_refused_and_nothing_is_done(past: Past) -> None:
    await parked(past, *(f"Motion {n}" for n in range(40)))
    alerts = [a["alert"] for a in past.asked("alerts", "list")]
    deliveries = [d["delivery"] for d in past.asked("alerts", "list", "--parked")]
    for word, keys in (("show", alerts), ("replay", deliveries), ("cancel", deliveries)):
        shared = next(k[0] for n, k in enumerate(keys) if k[0] in {other[0] for other in keys[n + 1 :]})
        words = ("alerts", word)
        code, _, err = past.say(*words, shared)
        assert code == NEGATIVE and "more than one" in err and "give more of it" in err, words
        told = past.asked(*words, shared)
        assert told["ok"] is False and "more than one" in told["reason"]
    assert len(past.asked("alerts", "list", "--parked")) == 40


async def test_replay_takes_only_what_was_created_lately_when_told_so(past: Past) -> None:
    await parked(past, "Motion one")
    assert past.say("alerts", "replay", "--since", "1s")[0] == NEGATIVE
    assert past.say("alerts", "replay", "--since", "1h")[0] == OK


async def test_a_disabled_channel_is_enabled_even_when_nothing_waits_for_it(past: Past) -> None:
    past.bench.ear("hook").answer = refusing("410 gone", gone=True)
    await past.file("Motion one")
    assert past.say("alerts", "cancel", "--channel", "hook")[0] == OK
    assert past.asked("status")["channels"][1]["state"] == "disabled by its receiver"
    code, out, _ = past.say("alerts", "replay", "--channel", "hook")
    assert (code, out) == (OK, "channel hook is enabled again\n")
    assert past.asked("status")["channels"][1]["state"] != "disabled by its receiver"
    assert past.say("alerts", "replay", "--channel", "hook")[0] == NEGATIVE


async def test_what_was_cancelled_stays_in_the_record(past: Past) -> None:
    await parked(past, "Motion one")
    [found] = past.asked("alerts", "list", "--parked")
    code, out, _ = past.say("alerts", "cancel", found["delivery"][:16])
    assert (code, out) == (OK, "1 delivery cancelled; they stay in the record\n")
    [alert] = past.asked("alerts", "list")
    assert "hook: cancelled" in past.say("alerts", "show", alert["alert"])[1]
    assert past.say("alerts", "replay", found["delivery"])[0] == NEGATIVE
