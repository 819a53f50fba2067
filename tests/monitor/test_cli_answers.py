"""What the reading words answer about a store with a history: the same facts for people, for pipes and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desks import failure, refusing
from pasts import CONFIG, Past

from monitor.cli import NEGATIVE, OK, UNAVAILABLE, USAGE

KEYS = {
    ("status",): {"daemon", "store", "sources", "channels", "outbox", "orphans"},
    ("health",): {"alive", "age_seconds", "holder"},
    ("check",): {"ok", "file", "sources", "rules", "entities", "channels", "examples", "warnings", "failures"},
    ("sources", "list"): {
        *("source", "kind", "state", "interval_seconds", "last_success", "documents", "title", "url"),
    },
    ("rules", "test"): {"ok", "rules", "failures"},
    ("rules", "history"): {"at", "what", "rule", "diff"},
    ("rules", "history", "motion"): {"rule", "number", "version", "since", "until", "definition", "diff"},
    ("alerts", "list"): {"alert", "at", "severity", "rule", "source", "title", "url", "document"},
    ("alerts", "list", "--pending"): {
        *("delivery", "channel", "state", "attempts", "created", "not_before", "settled", "error", "detail", "title"),
        "alerts",
    },
    ("alerts", "replay", "ffff"): {"deliveries", "unmatched", "enabled"},
    ("alerts", "cancel", "ffff"): {"deliveries", "unmatched", "enabled"},
    ("config", "path"): {"file", "looked_for"},
    ("config", "show"): {
        *("tipstaff", "network", "health", "history", "source", "entity", "matter", "fragment", "rule", "channel"),
    },
}


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
