"""What the reading words answer about a store with a history: the same facts for people, for pipes and as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clocks import HandClock, until
from desks import Bench, failure, refusing
from towns import Say

from monitor.cli import NEGATIVE, OK, UNAVAILABLE, USAGE
from monitor.notifiers import Receipt
from monitor.outbox import Outbox
from rules.model import Rule
from storage.engine import open_store

CONFIG = """
[[source]]
id = "court"
title = "The court"
url = "https://court.test/feed"
documents = "docket-entry"

[[source]]
id = "sec"
url = "https://sec.test/feed"

[[source]]
id = "off"
url = "https://off.test/feed"
headers = { X-Api-Key = { env = "NOT_SET" } }
enabled = false

[[rule]]
id = "motion"
when = "motion*"

[[rule]]
id = "bare"
when = "zebra"

[[rule.example]]
text = "a zebra"
alert = true

[[channel]]
id = "desk"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@x.test"
to = ["desk@x.test"]

[[channel]]
id = "hook"
kind = "webhook"
url = "https://hook.test/in"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

[[channel]]
id = "spare"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@x.test"
to = ["spare@x.test"]
enabled = false
"""
KEYS = {
    ("status",): {"daemon", "store", "sources", "channels", "outbox", "orphans"},
    ("health",): {"alive", "age_seconds", "holder"},
    ("check",): {"ok", "file", "sources", "rules", "entities", "channels", "examples", "warnings", "failures"},
    ("sources", "list"): {
        *("source", "kind", "state", "interval_seconds", "last_success", "documents", "title", "url"),
    },
    ("rules", "test"): {"ok", "rules", "failures"},
    ("alerts", "list"): {"alert", "at", "severity", "rule", "source", "title", "url", "document"},
    ("alerts", "list", "--pending"): {
        *("delivery", "channel", "state", "attempts", "created", "not_before", "settled", "error", "detail", "title"),
        "alerts",
    },
    ("alerts", "replay", "ffff"): {"deliveries", "unmatched", "enabled"},
    ("alerts", "cancel", "ffff"): {"deliveries", "unmatched", "enabled"},
    ("config", "path"): {"file", "looked_for"},
    ("config", "show"): {"tipstaff", "network", "health", "source", "entity", "matter", "rule", "channel"},
}


@dataclass
class Past:
    """A store with a history, and the command line beside it."""

    bench: Bench
    say: Say

    async def file(self, *titles: str) -> None:
        """Let the court publish these, have them found, and send what is owed."""
        for title in titles:
            self.bench.source().add(title, title)
        await self.bench.round()
        await self.send()

    async def send(self) -> None:
        clock = self.bench.clock
        sending = asyncio.create_task(Outbox(self.bench.store, clock, self.bench.desk).flush())
        while not sending.done():
            await until(lambda: sending.done() or clock.sleepers)
            await clock.pass_(0.001)
        await sending

    async def send_later(self) -> None:
        """Send what the command line made owed, which goes by the real clock."""
        self.bench.clock.set_forward(timedelta(minutes=1))
        await self.send()

    def asked(self, *words: str) -> Any:
        """Return the JSON that a call answers."""
        return json.loads(self.say(*words, "--json")[1])

    def table(self, *words: str) -> list[list[str]]:
        """Return the cells of a table as a pipe gets them."""
        return [line.split("\t") for line in self.say(*words)[1].splitlines()]


@pytest.fixture
async def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> AsyncIterator[Past]:
    monkeypatch.chdir(tmp_path)
    for name in ("TIPSTAFF_CONFIG", "TIPSTAFF_STORE", "TIPSTAFF_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "config.toml").chmod(0o600)
    store = open_store(str(tmp_path / "data" / "tipstaff.db"))
    bench = Bench(store=store, clock=HandClock(datetime.now(UTC) - timedelta(seconds=5)))
    bench.rules = (Rule(id="motion", when="motion*", channels=("desk", "hook")),)
    bench.source().add("old", "Old")
    for id in ("desk", "hook"):
        bench.ear(id)
    await bench.round()
    yield Past(bench, say)
    store.close()


async def test_answers_in_json_have_their_keys(past: Past) -> None:
    past.bench.ear("hook").answer = refusing()
    await past.file("Motion to compel")
    for words, keys in KEYS.items():
        answer = past.asked(*words) if words != ("config", "show") else json.loads(past.say(*words)[1])
        for one in answer if isinstance(answer, list) else [answer]:
            assert set(one) == keys, words
        assert answer, words


async def test_times_are_utc_with_a_z(past: Past) -> None:
    await past.file("Motion to compel")
    [alert] = past.asked("alerts", "list")
    at = datetime.fromisoformat(alert["at"])
    assert alert["at"].endswith("Z") and at.utcoffset() == timedelta(0)


async def test_an_alert_shows_its_document_and_passages(past: Past) -> None:
    await past.file("Motion to compel")
    [alert] = past.asked("alerts", "list")
    shown = past.asked("alerts", "show", alert["alert"])
    [reason] = shown["evidence"]
    assert shown["document"]["title"][reason["start"] : reason["end"]] == "Motion"
    assert {(d["channel"], d["state"], d["detail"]) for d in shown["deliveries"]} == {
        ("desk", "sent", "ok"),
        ("hook", "sent", "ok"),
    }
    assert past.asked("rules", "explain", alert["document"], "motion")["holds"] is True


async def test_tables_go_into_pipes_as_tab_separated_lines(past: Past) -> None:
    await past.file("Motion\tto\ncompel")
    head, row = past.table("alerts", "list")
    assert head == ["ALERT", "AT (UTC)", "SEVERITY", "RULE", "SOURCE", "TITLE"]
    assert row[3:] == ["motion", "court", "Motion to compel"]
    assert [row[0] for row in past.table("sources", "list")] == ["SOURCE", "court", "sec", "off"]


async def test_an_empty_list_says_so_to_people_and_is_a_list_to_programs(past: Past) -> None:
    assert past.say("alerts", "list") == (OK, "no alerts\n", "")
    assert past.asked("alerts", "list") == []
    assert past.asked("alerts", "list", "--parked") == []


async def test_alerts_are_chosen_by_rule_source_time_and_number(past: Past) -> None:
    await past.file("Motion one")
    await past.file("Motion two", "Motion three")
    assert len(past.asked("alerts", "list", "--rule", "motion", "--source", "court", "--since", "1h")) == 3
    assert past.asked("alerts", "list", "--source", "sec") == []
    assert past.asked("alerts", "list", "--since", "1s") == []
    assert len(past.asked("alerts", "list", "--limit", "2")) == 2


async def test_status_names_what_is_wrong(past: Past) -> None:
    bench = past.bench
    bench.source("sec").failure = failure("challenge")
    await bench.round("sec")
    bench.ear("hook").answer = refusing("503 too busy")
    await past.file("Motion to compel")
    told = past.asked("status")
    assert {s["source"]: s["state"] for s in told["sources"]} == {"court": "ok", "sec": "failing (challenge)"}
    assert {c["channel"]: c["state"] for c in told["channels"]} == {
        "desk": "ok",
        "hook": "failing",
        "spare": "switched off",
    }
    assert (told["outbox"]["pending"], told["outbox"]["sent"]) == (1, 1)
    code, out, _ = past.say("status")
    assert code == OK and "challenge" in out and "503 too busy" in out and "1 owed, 0 parked, 1 sent" in out


async def test_a_source_that_was_not_heard_of_for_long_is_not_called_ok(past: Past) -> None:
    past.bench.clock.set_forward(timedelta(hours=-2))
    await past.bench.round()
    assert past.asked("status")["sources"][0]["state"] == "stale"
    assert past.asked("sources", "list")[0]["state"] == "stale"
    assert [s["state"] for s in past.asked("sources", "list")[1:]] == ["not asked yet", "switched off"]


async def test_what_is_owed_to_a_channel_that_left_the_config_is_shown_in_full(past: Past, tmp_path: Path) -> None:
    past.bench.ear("hook").answer = refusing()
    await past.file(*(f"Motion {n}" for n in range(60)))
    (tmp_path / "config.toml").write_text(CONFIG.replace('id = "hook"', 'id = "other"'))
    assert past.asked("status")["orphans"] == [{"channel": "hook", "deliveries": 60}]
    assert "owed to hook, which is not configured: 60" in past.say("status")[1]
    assert past.asked("alerts", "cancel", "--channel", "hook")["deliveries"] == 60
    assert past.asked("status")["orphans"] == []


async def test_a_daemon_without_a_sign_of_life_is_not_called_alive(past: Past) -> None:
    past.bench.store.take("desk-3:4711", datetime.now(UTC) - timedelta(minutes=5))
    assert past.say("health")[0] == UNAVAILABLE
    told = past.asked("health")
    assert told["alive"] is False and told["holder"] == "desk-3:4711" and told["age_seconds"] >= 300
    assert "NOT running as desk-3:4711" in past.say("status")[1]
    assert past.say("health", "--max-age", "600")[0] == OK


# Sending again, giving up


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


# Wrong usage


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alerts", "list", "--since", "yesterday"), "is not a duration"),
        (("alerts", "list", "--since", "5"), "has no unit"),
        (("alerts", "list", "--limit", "0"), "whole number"),
        (("alerts", "list", "--limit", "-4"), "whole number"),
        (("alerts", "list", "--limit", "many"), "whole number"),
        (("alerts", "list", "--pending", "--parked"), "not allowed with"),
        (("alerts", "list", "--parked", "--rule", "motion"), "choose alerts"),
        (("alerts", "show", ""), "not empty"),
        (("alerts", "replay", " "), "not empty"),
        (("alerts", "cancel", ""), "not empty"),
        (("alerts", "replay"), "nothing was named"),
        (("alerts", "replay", "--sent"), "nothing was named"),
        (("alerts", "cancel"), "nothing was named"),
        (("health", "--max-age", "soon"), "not a number of seconds"),
        (("health", "--max-age", "-1"), "not a number of seconds"),
        (("health", "--max-age", "nan"), "not a number of seconds"),
        (("sources",), "required"),
        (("run", "--onc"), "unrecognized"),
    ],
)
async def test_wrong_usage_is_refused_with_a_word_about_it(past: Past, words: tuple[str, ...], said: str) -> None:
    code, out, err = past.say(*words)
    assert (code, out) == (USAGE, "")
    assert said in err


async def test_the_config_may_be_named_before_and_after_the_word(past: Past, tmp_path: Path) -> None:
    (tmp_path / "config.toml").rename(tmp_path / "desk.toml")
    for words in (("-c", "desk.toml", "sources", "list"), ("sources", "list", "--config", "desk.toml")):
        assert past.say(*words)[0] == OK


# What is not there


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alerts", "show", "ffff"), "`tipstaff alerts list` shows the keys"),
        (("rules", "explain", "ffff", "motion"), "no stored document"),
        (("rules", "explain", "x" * 300, "motion"), "no stored document"),
        (("rules", "explain", "ffff", "emotion"), "there are: motion, bare"),
    ],
)
async def test_what_is_not_there_is_named_with_what_to_do(past: Past, words: tuple[str, ...], said: str) -> None:
    code, out, err = past.say(*words)
    assert (code, out) == (NEGATIVE, "")
    assert said in err
    told = past.asked(*words)
    assert told["ok"] is False and said in f"{told['reason']} {told['advice']}"


async def test_rules_without_examples_are_named(past: Past) -> None:
    code, out, err = past.say("rules", "test")
    assert (code, out) == (OK, "1 of 1 examples pass\n")
    assert "without examples: motion" in err


async def test_a_document_amended_since_is_explained_as_it_is_now(past: Past) -> None:
    await past.file("Motion to compel")
    [alert] = past.asked("alerts", "list")
    wire = past.bench.source()
    wire.entries[0] = replace(wire.entries[0], title="Order to compel")
    wire.etag += 1
    await past.bench.round()
    assert past.asked("rules", "explain", alert["document"], "motion")["holds"] is False
    assert past.say("alerts", "show", alert["alert"])[0] == OK
