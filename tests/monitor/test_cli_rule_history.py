"""What the command line says about the past of rules: their versions, their changes, and what fired when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pasts import Past

from monitor.cli import NEGATIVE, OK
from rules.model import Rule

MOTION = Rule(id="motion", when="motion*", channels=("desk", "hook"))
EDITED = replace(MOTION, when="motion* OR\norder", severity="high")


def edited(past: Past) -> None:
    """Let the rule be edited, and another one be added, two days later."""
    past.bench.clock.set_forward(timedelta(days=2))
    past.put_in_force(EDITED, Rule(id="order", when="order*"))


async def test_an_alert_shows_what_its_rule_said_when_it_fired_whatever_it_says_today(past: Past) -> None:
    await past.file("Motion to compel")
    edited(past)
    [alert] = past.asked("alerts", "list")
    shown = past.asked("alerts", "show", alert["alert"])
    assert (shown["version"], shown["definition"]) == (MOTION.version, MOTION.definition)
    code, out, _ = past.say("alerts", "show", alert["alert"])
    assert code == OK
    assert f"version {MOTION.version} of the rule:\n    when = motion*\n    title = \n" in out


async def test_an_alert_whose_rule_was_not_recorded_says_so(past: Past) -> None:
    past.bench.rules = (EDITED,)
    await past.file("Order to show cause")
    [alert] = past.asked("alerts", "list")
    shown = past.asked("alerts", "show", alert["alert"])
    assert (shown["version"], shown["definition"]) == (EDITED.version, None)
    assert "whose text was not recorded" in past.say("alerts", "show", alert["alert"])[1]


async def test_a_channel_that_is_switched_off_makes_no_other_version_of_the_rule_fire(past: Past) -> None:
    del past.bench.ears["hook"]
    await past.file("Motion to compel")
    [alert] = past.asked("alerts", "list")
    shown = past.asked("alerts", "show", alert["alert"])
    assert (shown["version"], shown["definition"]) == (MOTION.version, MOTION.definition)
    assert [delivery["channel"] for delivery in shown["deliveries"]] == ["desk"]


async def test_changes_of_all_rules_are_listed_newest_first(past: Past) -> None:
    edited(past)
    past.put_in_force(EDITED)
    changes = past.asked("rules", "history")
    assert [(change["rule"], change["what"]) for change in changes] == [
        ("order", "rule.removed"),
        ("order", "rule.added"),
        ("motion", "rule.edited"),
        ("motion", "rule.added"),
    ]
    head, *rows = past.table("rules", "history")
    assert head == ["AT (UTC)", "RULE", "WHAT", "CHANGE"]
    assert [row[1:3] for row in rows[:2]] == [["order", "removed"], ["order", "added"]]
    assert rows[2][3] == "-when = motion* +when = motion* OR +order -severity = normal +severity = high"


async def test_changes_are_chosen_by_time_and_number(past: Past) -> None:
    past.bench.clock.set_forward(timedelta(days=-3))
    edited(past)
    assert len(past.asked("rules", "history", "--since", "2d")) == 3
    assert len(past.asked("rules", "history", "--since", "1h")) == 1
    assert len(past.asked("rules", "history", "--limit", "2")) == 2
    assert [v["number"] for v in past.asked("rules", "history", "motion", "--limit", "1")] == [2]
    assert past.asked("rules", "history", "motion", "--since", "1s") == []
    assert past.say("rules", "history", "--since", "1s") == (OK, "no rule was changed\n", "")


async def test_the_versions_of_one_rule_are_shown_with_what_is_different(past: Past) -> None:
    edited(past)
    second, first = past.asked("rules", "history", "motion")
    assert (first["number"], first["version"], first["until"]) == (1, MOTION.version, second["since"])
    assert (second["number"], second["version"], second["until"]) == (2, EDITED.version, None)
    assert second["definition"] == EDITED.definition
    assert "-severity = normal\n+severity = high" in second["diff"]
    code, out, _ = past.say("rules", "history", "motion")
    head, *rows = out.splitlines()
    assert code == OK
    assert head.startswith(f"#2 version {EDITED.version}, since ") and head.endswith("UTC, in force")
    assert rows[:4] == ["    -when = motion*", "    +when = motion* OR", "    +order", "     title = "]
    assert "    +when = motion*" in rows[rows.index(next(row for row in rows if row.startswith("#1"))) :]


async def test_a_rule_that_never_was_is_refused(past: Past) -> None:
    code, out, err = past.say("rules", "history", "emotion")
    assert (code, out) == (NEGATIVE, "")
    assert "no rule 'emotion' was ever in force" in err
    assert past.asked("rules", "history", "emotion")["ok"] is False


@pytest.mark.parametrize("words", [("--limit", "0"), ("--since", "5")])
async def test_wrong_usage_of_the_history_is_refused(past: Past, words: tuple[str, ...]) -> None:
    assert past.say("rules", "history", *words)[0] == 2


async def test_a_document_whose_text_was_dropped_is_explained_with_a_warning(past: Past) -> None:
    await past.file("Notice of appearance")
    now = past.bench.clock.now()
    [filed, *_] = past.bench.store.documents()
    past.bench.store.thin(now + timedelta(days=1), now).result()
    code, _, err = past.say("rules", "explain", filed.key, "motion")
    assert code == OK
    assert "text was dropped" in err and "only the title" in err
