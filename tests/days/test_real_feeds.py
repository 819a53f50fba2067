"""Real captured feeds through the whole program: what it stores, tells, and leaves alone.

The figures are those of the captures; `python benchmarks/real_feeds.py` prints them feed by feed.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter

import pytest
from captured_feeds import ABSENT, CAPTURES, captures, court_feeds, emptied, touched, windows
from feed_comparison import EXPLAINED, MOTION, Row, Snapshot, Story, compared, expected, play, play_windows, told
from feed_oracle import read_alone, read_as_plain_rss
from real_day import TOLD_AFTER

pytestmark = [
    pytest.mark.realworld,
    pytest.mark.skipif(not CAPTURES.is_dir(), reason=ABSENT),
]

SOME_FEED_FAILED = 69
"""The exit code when a source could not be read, as those that are no feeds."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(play(tmp_path_factory.mktemp("feeds")))


@pytest.fixture(scope="module")
def rows(story: Story) -> list[Row]:
    return compared(story)


def test_every_captured_feed_is_read(story: Story) -> None:
    whole = story.rounds["whole"]
    assert (len(story.captures), len(story.feeds), len(story.others)) == (158, 113, 45)
    assert whole.run.code == SOME_FEED_FAILED
    assert [c.name for c in story.feeds if whole.store.sources[c.id].health.failures] == []


def test_every_file_that_is_no_feed_is_refused_with_its_name(story: Story) -> None:
    for name, seen in story.rounds.items():
        kinds = {c.name: seen.store.sources[c.id].health.last_error_kind for c in story.others}
        assert kinds == {c.name: c.refusal[0] for c in story.others if c.refusal}, name
        assert [c.name for c in story.others if seen.store.of(c.id)] == []


def test_the_documents_stored_are_the_entries_that_feedparser_alone_tells_apart(rows: list[Row]) -> None:
    assert [row.name for row in rows if row.stored != row.distinct] == []
    assert sum(row.entries for row in rows) == 4087
    assert sum(row.distinct for row in rows) == 4076
    assert sum(row.stored for row in rows) == 4076


def test_only_exact_repeats_on_one_page_are_stored_once(rows: list[Row]) -> None:
    repeats = {row.name.rpartition("_")[2]: row.entries - row.distinct for row in rows if row.entries != row.distinct}
    assert repeats == {
        "start0400.atom": 2,
        "start0600.atom": 1,
        "start1200.atom": 1,
        "start1500.atom": 2,
        "start1800.atom": 3,
        "start1900.atom": 2,
    }


def test_names_titles_texts_dates_and_links_are_those_of_feedparser_but_for_known_causes(rows: list[Row]) -> None:
    found = {(row.name, field): number for row in rows for field, number in row.fields.items()}
    assert found.keys() == EXPLAINED.keys()
    assert Counter(found.values()) == Counter([10, 1, 2, 1])


def test_nothing_is_told_of_the_first_round(story: Story) -> None:
    quiet = story.rounds["emptied"]
    assert (quiet.run.mails, quiet.run.hooks, quiet.store.totals.documents) == ((), (), 0)


def test_every_motion_of_a_court_is_mailed_once_and_posted_once(story: Story) -> None:
    whole = story.rounds["whole"]
    courts = court_feeds()
    motions = sum((expected(c, read_as_plain_rss(c.body)) for c in courts), Counter[tuple[object, ...]]())
    ids = {c.id for c in courts}
    for keys in (whole.run.mails, whole.run.hooks):
        assert Counter({k: n for k, n in told(whole.store, keys).items() if k[0] in ids}) == motions
    assert (sum(motions.values()), set(motions.values())) == (67, {1})


def test_the_motions_told_are_as_many_as_the_reference_parser_of_court_feeds_finds(story: Story) -> None:
    whole = story.rounds["whole"]
    posted = told(whole.store, whole.run.hooks)
    for capture in court_feeds():
        rows = (CAPTURES / capture.name).with_suffix(".json")
        if rows.exists():
            # It makes one row of all events of a docket entry and joins them by AND.
            entries = [e for docket in json.loads(rows.read_text("utf-8")) for e in docket["docket_entries"]]
            events = [event for e in entries for event in e["short_description"].split(" AND ")]
            assert sum(n for k, n in posted.items() if k[0] == capture.id) == sum(
                bool(MOTION.search(event)) for event in events
            )


def test_every_other_entry_that_speaks_of_motions_is_told_once_as_well(story: Story) -> None:
    whole = story.rounds["whole"]
    motions = sum((expected(c, story.alone[c.name].entries) for c in story.feeds), Counter[tuple[object, ...]]())
    assert told(whole.store, whole.run.mails) == told(whole.store, whole.run.hooks) == motions
    assert sum(motions.values()) == 72


def _unchanged(story: Story, name: str) -> Snapshot:
    whole, later = story.rounds["whole"], story.rounds[name]
    assert later.store.documents == whole.store.documents
    assert later.store.totals.alerts == whole.store.totals.alerts
    return later


def test_another_round_changes_nothing(story: Story) -> None:
    again = _unchanged(story, "again")
    assert (again.run.mails, again.run.hooks) == ((), ())
    assert again.store.deliveries == story.rounds["whole"].store.deliveries
    assert [c.name for c in story.feeds if again.answered[(c.path, 304)] != 1] == []


def test_feeds_rebuilt_around_the_same_entries_change_nothing(story: Story) -> None:
    rebuilt = _unchanged(story, "touched")
    assert (rebuilt.run.mails, rebuilt.run.hooks) == ((), ())
    assert rebuilt.store.deliveries == story.rounds["whole"].store.deliveries
    assert [c.name for c in story.feeds if rebuilt.answered[(c.path, 200)] != 1] == []


def test_without_validators_nothing_changes_but_that_files_which_are_no_feeds_are_now_told(story: Story) -> None:
    last = _unchanged(story, "unvalidated")
    assert len(story.rounds) == TOLD_AFTER
    for keys in (last.run.mails, last.run.hooks):
        notices = [last.store.deliveries[key].message for key in keys]
        assert {m.type for m in notices} == {"notice"}
        assert len(notices) == len({m.thread for m in notices}) == len(story.others)


def test_a_rolling_court_feed_tells_each_motion_once_and_stores_each_entry_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    size, step = 0.3, 0.15
    rounds, end = asyncio.run(play_windows(tmp_path_factory.mktemp("windows"), size=size, step=step))
    courts = court_feeds()
    for capture in courts:
        assert len(end.of(capture.id)) == len(read_alone(capture, capture.body, "").distinct), capture.name
    nothing: Counter[tuple[object, ...]] = Counter()
    all_of_them = sum((expected(c, read_as_plain_rss(c.body)) for c in courts), nothing)
    known = sum((expected(c, read_as_plain_rss(next(windows(c, size=size, step=step)))) for c in courts), nothing)
    assert sum(all_of_them.values()) > sum(known.values()) > 0
    for keys in ([k for r in rounds for k in r.run.mails], [k for r in rounds for k in r.run.hooks]):
        assert told(end, tuple(keys)) == all_of_them - known


def test_the_bodies_served_are_what_their_names_say(story: Story) -> None:
    for capture in story.feeds:
        whole = story.alone[capture.name]
        quiet, rebuilt = (read_alone(capture, body, "") for body in (emptied(capture), touched(capture)))
        assert (quiet.version, quiet.entries) == (whole.version, ()), capture.name
        assert touched(capture) != capture.body, capture.name
        assert len(rebuilt.entries) == len(whole.entries), capture.name
        assert [e.title for e in rebuilt.entries] == [e.title for e in whole.entries], capture.name


def test_every_explanation_and_every_refusal_is_of_a_file_that_is_there() -> None:
    names = {capture.name for capture in captures()}
    assert {name for name, _ in EXPLAINED} <= names
    assert all(re.search(r"[a-z]", why) for c in captures() if c.refusal for why in c.refusal)
