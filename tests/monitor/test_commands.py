"""The command line as a person or a script uses it: what each word answers, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from towns import SECRET, Say, Town, rss, typed

from monitor.cli import CONFIG, HELD, NEGATIVE, OK, UNAVAILABLE, USAGE
from monitor.clock import SystemClock
from monitor.demo.replies import Reply
from storage.engine import open_store


def test_the_version_is_answered_without_loading_the_program() -> None:
    script = (
        "import sys; from monitor.__main__ import main; main(['--version']); "
        "sys.exit(bool({'sqlalchemy', 'httpx', 'aiohttp', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[0]) == (0, "tipstaff")


def test_once_asks_every_source_and_delivers_what_is_new(town: Town, say: Say, alerted: str) -> None:
    assert len(town.mail.mails) == len(town.hooks.hooks) == 1
    assert town.hooks.hooks[0].verified
    code, out, _ = say("run", "--once")
    assert code == OK and "unchanged" in out
    assert len(town.mail.mails) == 1


def test_once_says_which_source_failed_and_that_something_did(town: Town, say: Say) -> None:
    town.origin.instead("/feed", Reply(status=503))
    code, out, _ = say("run", "--once")
    assert code == UNAVAILABLE
    assert "503" in out


def test_once_says_when_something_is_still_owed(town: Town, say: Say) -> None:
    say("run", "--once")
    town.hooks.answer = lambda _hook: Reply(status=500)
    town.origin.publish("/feed", rss("Motion to compel", "Old motion"))
    code, _, err = say("run", "--once")
    assert code == UNAVAILABLE and "1 delivery still owed" in err
    code, out, _ = say("alerts", "list", "--pending")
    assert code == OK and "500" in out


def test_a_second_daemon_is_told_who_has_the_store(town: Town, say: Say, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "data" / "tipstaff.db"))
    store.take("desk-3:4711", SystemClock().now())
    code, _, err = say("run", "--once")
    store.close()
    assert code == HELD
    assert "desk-3:4711" in err


def test_check_counts_what_there_is(town: Town, say: Say) -> None:
    code, out, _ = say("check")
    assert code == OK and "1 source, 1 rule, 0 entities, 2 channels; 1 of 1 example pass" in out
    told = json.loads(say("check", "--json")[1])
    assert (told["ok"], told["sources"], told["failures"]) == (True, 1, [])


def test_check_fails_on_an_example_that_comes_out_otherwise(town: Town, say: Say, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(town.config(when="order"))
    code, _, err = say("check")
    assert code == NEGATIVE and 'rule "motion", example 1' in err
    code, _, err = say("rules", "test")
    assert code == NEGATIVE and "order" in err
    assert json.loads(say("rules", "test", "--json")[1])["ok"] is False


def test_every_fault_of_the_config_is_told_with_its_line_by_every_command(
    town: Town, say: Say, tmp_path: Path
) -> None:
    text = town.config(when="motion* AND").replace('title = "The court"', 'titel = "The court"')
    (tmp_path / "config.toml").write_text(text)
    query_line = text.split("\n").index("when = 'motion* AND'") + 1
    for words in (("check",), ("run", "--once"), ("status",), ("rules", "test"), ("config", "show")):
        code, _, err = say(*words)
        assert code == CONFIG
        assert f"config.toml:{query_line}:" in err and "titel" in err and "2 faults" in err
    told = json.loads(say("check", "--json")[1])
    assert (told["ok"], len(told["faults"])) == (False, 2)


def test_a_missing_config_names_the_places_that_were_looked_at(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = say("check")
    assert code == CONFIG and "config.toml" in err
    code, _, err = say("check", "-c", "nowhere.toml")
    assert code == CONFIG and "nowhere.toml" in err


def test_a_webhook_secret_that_is_none_is_a_fault_of_the_config(
    town: Town, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hunter2")
    code, _, err = say("check")
    assert code == CONFIG and "secret" in err and "hunter2" not in err
    monkeypatch.delenv("HOOK_SECRET")
    code, _, err = say("run", "--once")
    assert code == CONFIG and "HOOK_SECRET" in err


def test_commands_beside_the_daemon_need_a_store_and_say_how_it_comes_to_be(town: Town, say: Say) -> None:
    for words in (("status",), ("alerts", "list")):
        code, _, err = say(*words)
        assert code == UNAVAILABLE and "tipstaff run" in err
    assert say("health")[0] == UNAVAILABLE


def test_status_and_health_tell_a_running_daemon_from_none(
    town: Town, say: Say, alerted: str, tmp_path: Path
) -> None:
    assert say("health")[0] == UNAVAILABLE
    told = json.loads(say("status", "--json")[1])
    assert told["daemon"] is None
    assert (told["outbox"]["sent"], told["sources"][0]["state"]) == (2, "ok")
    store = open_store(str(tmp_path / "data" / "tipstaff.db"))
    store.take("desk-3:4711", SystemClock().now())
    code, out, _ = say("health")
    assert code == OK and "alive" in out
    assert "running as desk-3:4711" in say("status")[1]
    assert say("health", "--max-age", "0.000001")[0] == UNAVAILABLE
    assert say("health", "--max-age", "0")[0] == USAGE
    store.close()


def test_sources_are_listed_before_and_after_the_first_start(town: Town, say: Say) -> None:
    assert "not asked yet" in say("sources", "list")[1]
    say("run", "--once")
    [listed] = json.loads(say("sources", "list", "--json")[1])
    assert (listed["source"], listed["state"], listed["documents"]) == ("court", "ok", 1)


def test_a_source_is_tried_by_id_or_address_and_nothing_is_stored(town: Town, say: Say) -> None:
    code, out, _ = say("sources", "test", "court")
    assert code == OK and "Old motion" in out and "motion" in out.splitlines()[1].split("\t")[3]
    told = json.loads(say("sources", "test", town.origin.url("/feed"), "--json")[1])
    assert [d["rules"] for d in told["documents"]] == [["motion"]]
    assert say("status")[0] == UNAVAILABLE, "no store was made"
    code, _, err = say("sources", "test", "curt")
    assert code == NEGATIVE and "court" in err


def test_a_source_that_fails_its_trial_says_why_and_what_to_do(town: Town, say: Say) -> None:
    town.origin.publish(
        "/feed",
        b"<html><title>Just a moment...</title><script src=/cdn-cgi/challenge-platform/x></script></html>",
        content_type="text/html",
    )
    code, _, err = say("sources", "test", "court")
    assert code == UNAVAILABLE and "challenge" in err
    code, _, err = say("sources", "test", "http://127.0.0.1:9/feed")
    assert code == UNAVAILABLE and "allow" in err


def test_documents_are_tried_as_json_lines(town: Town, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ['{"id": "a", "title": "Motion"}', "not json", '{"id": "b", "title": 7}', '{"id": "c", "title": "Order"}']
    monkeypatch.setattr(sys, "stdin", typed("\n".join(lines)))
    code, out, err = say("rules", "try")
    assert [json.loads(line)["alerts"] for line in out.splitlines()] == [["motion"], []]
    assert code == NEGATIVE and "line 2" in err and "line 3" in err


def test_a_verdict_is_explained_for_stored_filed_and_piped_documents(
    town: Town, say: Say, alerted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = json.loads(say("alerts", "show", alerted, "--json")[1])
    code, out, _ = say("rules", "explain", shown["document"]["key"], "motion")
    assert code == OK and 'rule "motion" holds' in out
    (tmp_path / "d.json").write_text('{"title": "Notice"}')
    code, out, _ = say("rules", "explain", "d.json", "motion")
    assert code == OK and "first failing clause motion*" in out
    monkeypatch.setattr(sys, "stdin", typed('{"title": "Motion"}'))
    assert json.loads(say("rules", "explain", "-", "motion", "--json")[1])["holds"] is True
    assert say("rules", "explain", "d.json", "emotion")[0] == NEGATIVE
    assert say("rules", "explain", "ffff", "motion")[0] == NEGATIVE


def test_an_alert_is_shown_with_its_reasons_and_deliveries(town: Town, say: Say, alerted: str) -> None:
    code, out, _ = say("alerts", "show", alerted[:8])
    assert code == OK
    assert "Motion to compel" in out and "motion*" in out and "desk: sent" in out and "hook: sent" in out
    assert say("alerts", "show", "0000")[0] == NEGATIVE
    assert say("alerts", "list", "--since", "1h", "--rule", "motion", "--source", "court")[1].count("\n") == 2
    assert "no alerts" in say("alerts", "list", "--rule", "other")[1]


def test_a_sent_message_is_replayed_only_when_asked_and_under_its_id(town: Town, say: Say, alerted: str) -> None:
    assert say("alerts", "replay")[0] == USAGE
    assert say("alerts", "replay", alerted)[0] == NEGATIVE
    code, out, _ = say("alerts", "replay", alerted, "--sent")
    assert code == OK and "2 deliveries" in out
    assert say("run", "--once")[0] == OK
    assert len({hook.id for hook in town.hooks.hooks}) == 1 and len(town.hooks.hooks) == 2


def test_a_channel_that_answered_410_is_enabled_by_replaying_it(town: Town, say: Say) -> None:
    say("run", "--once")
    town.hooks.answer = lambda _hook: Reply(status=410)
    town.origin.publish("/feed", rss("Motion to compel", "Old motion"))
    assert say("run", "--once")[0] == UNAVAILABLE
    assert "disabled by its receiver" in say("status")[1]
    assert "1" in say("alerts", "list", "--parked")[1]
    town.hooks.answer = lambda _hook: None
    code, out, _ = say("alerts", "replay", "--channel", "hook")
    assert code == OK and "1 delivery" in out
    assert say("run", "--once")[0] == OK
    assert town.hooks.hooks[-1].id == town.hooks.hooks[0].id


def test_what_is_owed_can_be_given_up(town: Town, say: Say) -> None:
    say("run", "--once")
    town.hooks.answer = lambda _hook: Reply(status=500)
    town.origin.publish("/feed", rss("Motion to compel", "Old motion"))
    say("run", "--once")
    assert say("alerts", "cancel")[0] == USAGE
    assert say("alerts", "cancel", "--channel", "hook")[0] == OK
    assert say("alerts", "cancel", "--channel", "hook")[0] == NEGATIVE
    assert "nothing pending" in say("alerts", "list", "--pending")[1]


def test_channels_are_tried_with_a_message_that_says_so(town: Town, say: Say) -> None:
    code, out, _ = say("deliver", "test")
    assert code == OK and out.count("taken") == 2
    assert town.hooks.hooks[0].body["type"] == "test"
    assert b"Test message from tipstaff" in town.mail.mails[0].raw or b"test" in town.mail.mails[0].raw
    town.hooks.answer = lambda _hook: Reply(status=401)
    code, out, _ = say("deliver", "test", "hook")
    assert code == NEGATIVE and "401" in out
    code, _, err = say("deliver", "test", "dsek")
    assert code == NEGATIVE and "desk" in err


def test_the_config_is_shown_without_its_secrets(town: Town, say: Say) -> None:
    code, out, _ = say("config", "show")
    assert code == OK and SECRET not in out and json.loads(out)["source"][0]["id"] == "court"
    assert say("config", "path")[1].strip().endswith("config.toml")
    assert json.loads(say("config", "path", "--json")[1])["looked_for"]
    assert json.loads(say("config", "schema")[1])["$schema"].startswith("https://json-schema.org/")


def test_wrong_words_are_wrong_usage(say: Say) -> None:
    assert say("rnu")[0] == USAGE
    assert say()[0] == USAGE
    assert say("--help")[0] == OK


def test_a_store_that_cannot_be_written_is_named(town: Town, say: Say, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    code, _, err = say("run", "--once")
    assert code == UNAVAILABLE and "data" in err
