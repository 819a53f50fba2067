"""The tuning tools as an analyst uses them: against a store with a past, a file of documents, or a pipe."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pasts import CONFIG, Past
from towns import Say, typed

from monitor.cli import CONFIG as CONFIG_FAULT
from monitor.cli import NEGATIVE, OK, USAGE

TITLES = ("Motion to compel", "Order on a motion", "Notice of motion for stay", "Order to stay", "Notice")


def lines(*given: dict[str, Any] | str) -> str:
    return "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in given)


DOCUMENTS = lines(
    {"id": "a", "title": "Motion to compel", "first_seen": "2024-03-01T09:00:00Z", "source": "court"},
    {"id": "b", "title": "An order", "body": "on the motion of the day", "published": "2024-03-03"},
    {"id": "c", "title": "Zebra", "first_seen": "2024-03-03T23:00:00-02:00"},
    {"id": "d", "title": "Order to stay"},
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a config and a file of documents, and no store."""
    monkeypatch.chdir(tmp_path)
    for name in ("TIPSTAFF_CONFIG", "TIPSTAFF_STORE", "TIPSTAFF_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "config.toml").chmod(0o600)
    (tmp_path / "documents.jsonl").write_text(DOCUMENTS)
    return tmp_path


def asked(say: Say, *words: str) -> Any:
    return json.loads(say(*words, "--json")[1])


# backtest


async def test_a_rule_is_asked_of_the_history_in_the_store(past: Past) -> None:
    await past.file(*TITLES)
    told = past.asked("rules", "backtest", "motion", "--since", "1d")
    assert (told["documents"], told["compared"], told["bad_lines"]) == (6, False, 0)
    [rule] = told["rules"]
    assert (rule["rule"], rule["hits"], rule["hits_a_day"]) == ("motion", 3, 3.0)
    assert sum(day["hits"] for day in rule["by_day"]) == 3
    hit = rule["samples"]["hits"][0]
    assert hit["title"][hit["evidence"][0]["start"] : hit["evidence"][0]["end"]].lower() == "motion"
    code, out, _ = past.say("rules", "backtest", "motion")
    assert code == OK and 'rule "motion": 3 hits, 3.0 a day' in out and "hits: 3 of 3" in out and "^^^^^^" in out
    assert past.asked("rules", "backtest", "motion", "--source", "sec")["documents"] == 0
    assert "--since reaches further back" in past.say("rules", "backtest", "motion", "--source", "sec")[1]


async def test_an_edited_query_is_compared_with_the_live_one(past: Past) -> None:
    await past.file(*TITLES)
    told = past.asked("rules", "backtest", "motion", "--when", "motion* AND (compel OR order) OR stay")
    [rule] = told["rules"]
    assert (rule["when"], rule["edited_when"]) == ("motion*", "motion* AND (compel OR order) OR stay")
    assert (rule["hits"], rule["edited_hits"], rule["gained"], rule["lost"], rule["kept"]) == (3, 4, 1, 0, 3)
    assert [one["title"] for one in rule["samples"]["gained"]] == ["Order to stay"]
    _, out, _ = past.say("rules", "backtest", "motion", "--when", "motion* AND order")
    assert "now 3 hits, 3.0 a day; edited 1 hit, 1.0 a day: 0 gained, 2 lost, 1 kept" in out
    assert "lost: 2 of 2" in out and "now fails order: not in the title or body" in out


def test_a_file_of_documents_takes_the_place_of_the_store(desk: Path, say: Say) -> None:
    told = asked(say, "rules", "backtest", "motion", "--from", "documents.jsonl")
    [rule] = told["rules"]
    assert (told["documents"], told["undated"], told["days"], rule["hits"]) == (4, 1, 4, 2)
    assert [(day["day"], day["documents"], day["hits"]) for day in rule["by_day"]] == [
        ("2024-03-01", 1, 1),
        ("2024-03-02", 0, 0),
        ("2024-03-03", 1, 1),
        ("2024-03-04", 1, 0),
        (None, 1, 0),
    ]
    head, *rows = [
        line.split("\t") for line in say("rules", "backtest", "motion", "--from", "documents.jsonl")[1].split("\n")
        if "\t" in line
    ]  # fmt: skip
    assert head == ["DAY", "DOCUMENTS", "HITS", ""] and len(rows) == 5
    assert (
        asked(say, "rules", "backtest", "motion", "--from", "documents.jsonl", "--source", "court")["documents"] == 1
    )


def test_documents_may_come_through_a_pipe(desk: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", typed(DOCUMENTS))
    assert asked(say, "rules", "backtest", "motion", "--from", "-")["documents"] == 4


def test_without_a_rule_all_are_counted_the_loudest_first(desk: Path, say: Say) -> None:
    code, out, _ = say("rules", "backtest", "--from", "documents.jsonl")
    rows = [line.split("\t")[:2] for line in out.splitlines() if "\t" in line]
    assert code == OK and rows == [["RULE", "HITS"], ["motion", "2"], ["bare", "1"]]


def test_rules_of_another_file_are_compared_by_id(desk: Path, say: Say) -> None:
    (desk / "edit.toml").write_text(
        """
[[rule]]
id = "motion"
when = "title:motion"
[[rule]]
id = "stay"
when = "stay AND entity:new"
[[rule]]
id = "bare"
when = "zebra"
title = "only renamed"
[[entity]]
id = "new"
name = "Order"
"""
    )
    told = asked(say, "rules", "backtest", "--edited", "edit.toml", "--from", "documents.jsonl")
    assert [(rule["rule"], rule["gained"], rule["lost"]) for rule in told["rules"]] == [
        ("motion", 0, 1),
        ("stay", 1, 0),
    ]
    [lost] = told["rules"][0]["samples"]["lost"]
    assert lost["failing"] == {"clause": "title:motion", "reason": "not in the title, only in the body"}
    only = asked(say, "rules", "backtest", "bare", "--edited", "edit.toml", "--from", "documents.jsonl")
    assert [(rule["rule"], rule["kept"], rule["gained"]) for rule in only["rules"]] == [("bare", 1, 0)]
    assert 'rule "stay": is new: 1 hit' in say(
        "rules", "backtest", "--edited", "edit.toml", "--from", "documents.jsonl"
    )[1]  # fmt: skip


def test_a_fragment_of_another_file_changes_the_rules_that_use_it(desk: Path, say: Say) -> None:
    shared = '[[fragment]]\nid = "paper"\nwhen = "motion"\n'
    (desk / "config.toml").write_text(CONFIG.replace('when = "motion*"', 'when = "fragment:paper"') + shared)
    (desk / "edit.toml").write_text(shared.replace('"motion"', '"order"'))
    told = asked(say, "rules", "backtest", "--edited", "edit.toml", "--from", "documents.jsonl")
    assert [(r["rule"], r["gained"], r["lost"], r["kept"]) for r in told["rules"]] == [("motion", 1, 1, 1)]


def test_a_whole_config_is_compared_with_what_it_lacks(desk: Path, say: Say) -> None:
    other = CONFIG.replace('id = "bare"', 'id = "renamed"')
    (desk / "other.toml").write_text(other)
    (desk / "other.toml").chmod(0o600)
    told = asked(say, "rules", "backtest", "--edited", "other.toml", "--from", "documents.jsonl")
    assert [(rule["rule"], rule["gained"], rule["lost"]) for rule in told["rules"]] == [
        ("bare", 0, 1),
        ("renamed", 1, 0),
    ]
    (desk / "other.toml").write_text(CONFIG)
    code, out, _ = say("rules", "backtest", "--edited", "other.toml", "--from", "documents.jsonl")
    assert (code, out) == (OK, "no rule of the edit differs from the one in force\n")


def test_faults_of_an_edit_are_told_as_check_tells_them(desk: Path, say: Say) -> None:
    code, out, err = say("rules", "backtest", "motion", "--when", "titel:motion AND", "--from", "documents.jsonl")
    assert (code, out) == (USAGE, "")
    assert '--when:1:1: [[rule]] "motion": when: ' in err and "    titel:motion AND\n" in err and "^^^" in err
    told = asked(say, "rules", "backtest", "motion", "--when", "titel:motion", "--from", "documents.jsonl")
    assert told["ok"] is False and told["faults"][0]["column"] == 1
    (desk / "edit.toml").write_text('\n[[rule]]\nid = "motion"\nwhen = "titel:motion"\nchannels = ["dsek"]\n')
    code, _, err = say("rules", "backtest", "--edited", "edit.toml", "--from", "documents.jsonl")
    assert code == CONFIG_FAULT
    assert "edit.toml:4:9:" in err and "edit.toml:5:" in err and 'did you mean "desk"' in err
    code, _, err = say("rules", "backtest", "--edited", "none.toml", "--from", "documents.jsonl")
    assert code == CONFIG_FAULT and "none.toml" in err


def test_a_line_that_is_no_document_is_told_and_the_others_are_read(desk: Path, say: Say) -> None:
    (desk / "documents.jsonl").write_text(lines("{", {"title": 7}, {"title": "Motion"}, "", {"kind": "blog"}))
    for words in (("backtest", "motion"), ("near", "motion")):
        code, out, err = say("rules", *words, "--from", "documents.jsonl")
        assert code == NEGATIVE and "1 document" in out
        told = [re.match(r"documents\.jsonl:(\d) ?", line) for line in err.splitlines()]
        assert [place and place[1] for place in told] == ["1", "2", "5"]
    assert asked(say, "rules", "backtest", "motion", "--from", "documents.jsonl")["bad_lines"] == 3


@pytest.mark.parametrize("words", [("backtest", "motoin"), ("near", "motoin"), ("explain", "ffff", "motoin")])
def test_an_unknown_rule_is_answered_with_the_nearest_one(desk: Path, say: Say, words: tuple[str, ...]) -> None:
    code, out, err = say("rules", *words)
    assert (code, out) == (NEGATIVE, "")
    assert "there is no rule 'motoin' that is enabled; did you mean \"motion\"?" in err
    assert "there are: motion, bare" in err
    assert asked(say, "rules", *words)["ok"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("backtest", "--when", "motion"), "no RULE is named"),
        (("backtest", "motion", "--when", "x", "--edited", "y"), "not allowed with"),
        (("backtest", "motion", "--from", "none.jsonl"), "none.jsonl cannot be read: No such file"),
        (("backtest", "motion", "--from", "."), ". cannot be read"),
        (("near", "motion", "--from", "none.jsonl"), "none.jsonl cannot be read"),
        (("backtest", "motion", "--samples", "0"), "whole number"),
        (("near",), "required"),
    ],
)
def test_wrong_usage_is_told(desk: Path, say: Say, words: tuple[str, ...], said: str) -> None:
    code, out, err = say("rules", *words)
    assert (code, out) == (USAGE, "") and said in err


# near


async def test_near_misses_in_the_store_are_grouped_by_clause(past: Past, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        CONFIG.replace('when = "motion*"', 'when = "motion* AND stay NOT title:order"')
    )
    await past.file(*TITLES, "Order to stay the motion")
    told = past.asked("rules", "near", "motion")
    assert (told["documents"], told["near_misses"]) == (7, 2)
    assert {one["clause"]: one["documents"] for one in told["clauses"]} == {"stay": 1, "NOT title:order": 1}
    assert {one["title"]: one["reason"] for one in told["newest"]} == {
        "Motion to compel": "not in the title or body",
        "Order to stay the motion": 'title:order: "Order" in the title',
    }
    code, out, _ = past.say("rules", "near", "motion", "--limit", "1")
    assert code == OK and '2 of 7 documents missed rule "motion" by one clause' in out and "the newest 1:" in out


# explain


async def test_all_rules_are_explained_for_a_document_of_the_store(past: Past, tmp_path: Path) -> None:
    await past.file("Motion to compel")
    [alert] = past.asked("alerts", "list")
    told = past.asked("rules", "explain", alert["document"])
    assert set(told) == {"document", "holds", "missed_by_one", "faults"}
    assert [one["rule"] for one in told["holds"]] == ["motion"]
    assert told["holds"][0]["evidence"] == [
        {"field": "title", "start": 0, "end": 6, "text": "Motion", "clause": "motion*"}
    ]
    (tmp_path / "config.toml").write_text(CONFIG.replace('when = "zebra"', 'when = "compel AND (zebra OR order)"'))
    told = past.asked("rules", "explain", alert["document"])
    assert told["missed_by_one"] == [
        {"rule": "bare", "clause": "zebra OR order", "reason": "none of its 2 parts holds"}
    ]
    code, out, _ = past.say("rules", "explain", alert["document"])
    assert code == OK and "rules that hold: 1 of 2" in out and 'rule "bare": zebra OR order: none' in out


def test_one_rule_is_explained_with_marks_and_what_would_have_to_change(desk: Path, say: Say) -> None:
    (desk / "config.toml").write_text(CONFIG.replace('when = "motion*"', 'when = "motion* AND order NOT title:stay"'))
    (desk / "d.json").write_text(json.dumps({"title": "Motion to stay", "body": "of the court"}))
    code, out, _ = say("rules", "explain", "d.json", "motion")
    assert code == OK and "first failing clause order: not in the title or body" in out
    assert "    Motion to stay\n    ^^^^^^\n" in out
    assert "it would hold if all came out otherwise:\n  order: not in the title or body\n  NOT title:stay" in out
    told = asked(say, "rules", "explain", "d.json", "motion")
    assert set(told) == {"rule", "query", "holds", "first_failing", "tree", "misses", "would_have_to_change"}
    assert told["misses"] == len(told["would_have_to_change"]) == 2


# documents


def test_documents_carry_facts_a_form_and_when_they_were_first_seen(
    desk: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "config.toml").write_text(CONFIG.replace('when = "motion*"', 'when = "form:8-K item:2.* published:<2d"'))
    facts = {"item": ["1.01", "2.02"], "court": "dcd"}
    given = {"form": "8-K", "facts": facts, "published": "2024-03-01", "kind": "headline"}
    seen = ({"first_seen": "2024-03-02T10:00:00+02:00"}, {"first_seen": "2024-03-09"}, {}, {"facts": {}})
    monkeypatch.setattr(sys, "stdin", typed(lines(*({"title": "x"} | given | one for one in seen))))
    code, out, _ = say("rules", "try")
    assert code == OK
    assert [json.loads(line)["alerts"] for line in out.splitlines()] == [["motion"], [], ["motion"], []]
    assert set(json.loads(out.splitlines()[0])) == {"id", "alerts", "entities"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("not json", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ({"title": 7}, "title must be text, not int"),
        ({"kind": "blog"}, "kind 'blog' is none of news, release"),
        ({"tags": "x"}, "tags must be a list of texts"),
        ({"tags": [1]}, "tags must be a list of texts"),
        ({"form": 8}, "form must be text, not int"),
        ({"facts": ["8-K"]}, "facts must be an object of field and value"),
        ({"facts": {"colour": "red"}}, "facts: 'colour' is none of form, item, docket, court, agency, topic"),
        ({"facts": {"item": 2}}, "facts: item must be a list of texts"),
        ({"facts": {"item": [2.02]}}, "facts: item must be a list of texts"),
        ({"published": "yesterday"}, "published 'yesterday' is not a time"),
        ({"updated": "2024-13-01"}, "updated '2024-13-01' is not a time"),
        ({"first_seen": 1709640251}, "first_seen must be text, not int"),
        ({"first_seen": "0001-01-01T00:00:00+23:00"}, "is not a time"),
    ],
)
def test_what_is_no_document_is_told_with_its_line(
    desk: Path, say: Say, monkeypatch: pytest.MonkeyPatch, given: Any, said: str
) -> None:
    monkeypatch.setattr(sys, "stdin", typed(lines({"title": "x"}, given)))
    code, out, err = say("rules", "try")
    assert code == NEGATIVE and len(out.splitlines()) == 1
    assert err.startswith("stdin: line 2") and said in err


def test_an_example_has_a_date_a_language_tags_and_facts_where_a_rule_asks_for_them(desk: Path, say: Say) -> None:
    when = "published:>=2024-03-01 published:<2024-03-06 lang:en tag:crypto item:2.02 form:8-K"
    for published in ("2024-03-05", "2024-03-05T21:04:11Z", '"2024-03-05"'):
        example = f"""
[[rule.example]]
title = "x"
published = {published}
lang = "en"
tags = ["crypto"]
facts = {{ form = "8-K", item = ["1.01", "2.02"] }}
alert = true
"""
        (desk / "config.toml").write_text(CONFIG.replace('when = "motion*"', f'when = "{when}"{example}'))
        code, out, _ = say("rules", "test")
        assert (code, out) == (OK, "2 of 2 examples pass\n")
    shown = json.loads(say("config", "show")[1])["rule"][0]["example"][0]
    assert shown["facts"] == {"form": ["8-K"], "item": ["1.01", "2.02"]}
    assert shown["published"] == "2024-03-05T00:00:00+00:00"
    for wrong in ("7", '"soon"', "true"):
        (desk / "config.toml").write_text(
            CONFIG.replace('text = "a zebra"', f'text = "a zebra"\npublished = {wrong}')
        )
        code, _, err = say("rules", "test")
        assert code == CONFIG_FAULT and "example #1 published" in err and "write it like 2024-03-05" in err
