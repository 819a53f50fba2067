"""What a document's matches lead to: which alerts, for which channels, with which words, and which silences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.alerting import Circumstances, alert_key, decide, passages
from rules.model import Compared, Document, Evidence, Match, Rule

NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)
CIRCUMSTANCES = Circumstances(now=NOON, source_title="SEC litigation")
DOCUMENT = Document(
    source="sec",
    title="SEC asks court to compel Binance.US",
    body="The Commission filed a motion to compel inspection of wallet software.",
    url="https://sec.test/lr-1",
    published=NOON - timedelta(minutes=3),
)
NEW = Compared(key="d" * 32, document=DOCUMENT, novelty="new")
AMENDED = replace(NEW, novelty="amended")


def rule(name: str, *channels: str, **fields: object) -> Rule:
    return Rule(id=name, when="motion*", channels=channels or ("desk",), **fields)  # type: ignore[arg-type]


def match(name: str, *channels: str, **fields: object) -> Match:
    evidence = Evidence(field="body", start=23, end=29, clause="motion*")
    return Match(rule=rule(name, *channels, **fields), evidence=(evidence,))


def test_two_rules_on_one_document_make_one_message_a_channel_naming_both() -> None:
    decision = decide(NEW, [match("b", "desk", "hook"), match("a", "desk")], circumstances=CIRCUMSTANCES)
    by_channel = {d.channel: [r.rule for r in d.message.reasons] for d in decision.deliveries}
    assert by_channel == {"desk": ["a", "b"], "hook": ["b"]}
    assert {a.rule for a in decision.alerts} == {"a", "b"}


def test_the_message_carries_all_that_a_channel_needs() -> None:
    [delivery] = decide(NEW, [match("a", severity="high")], circumstances=CIRCUMSTANCES).deliveries
    message = delivery.message
    assert (message.type, message.severity, message.source_title) == ("alert.created", "high", "SEC litigation")
    assert message.reasons[0].clauses == ("motion*",)
    [passage] = message.passages
    assert [passage.text[a:b] for a, b in passage.marks] == ["motion"]
    assert delivery.alerts == (alert_key(NEW.key, "a"),)


def test_keys_do_not_depend_on_the_time_or_on_the_order_of_rules() -> None:
    later = replace(CIRCUMSTANCES, now=NOON + timedelta(days=9))
    one = decide(NEW, [match("a"), match("b")], circumstances=CIRCUMSTANCES)
    two = decide(NEW, [match("b"), match("a")], circumstances=later)
    assert {d.key for d in one.deliveries} == {d.key for d in two.deliveries}
    assert {a.key for a in one.alerts} == {a.key for a in two.alerts}


def test_the_first_round_is_silent_and_says_why() -> None:
    decision = decide(NEW, [match("a")], circumstances=replace(CIRCUMSTANCES, baseline=True))
    assert not decision.alerts and not decision.deliveries
    assert "baseline" in decision.held[0]


def test_the_first_round_may_tell_what_is_recent() -> None:
    hours = replace(CIRCUMSTANCES, baseline=True, news_since=NOON - timedelta(hours=24))
    assert decide(NEW, [match("a")], circumstances=hours).deliveries
    old = replace(NEW, document=replace(DOCUMENT, published=NOON - timedelta(hours=25)))
    assert not decide(old, [match("a")], circumstances=hours).deliveries
    undated = replace(NEW, document=replace(DOCUMENT, published=None))
    assert not decide(undated, [match("a")], circumstances=hours).deliveries


def test_an_amended_document_alerts_rules_that_fire_only_now() -> None:
    decision = decide(AMENDED, [match("a"), match("b")], already={"a"}, circumstances=CIRCUMSTANCES)
    assert [a.rule for a in decision.alerts] == ["b"]
    assert decision.held == ("a: already alerted on this document",)


def test_what_held_before_an_amendment_is_not_news_even_if_it_was_never_told() -> None:
    decision = decide(AMENDED, [match("a")], standing={"a"}, circumstances=CIRCUMSTANCES)
    assert not decision.alerts
    assert decision.held == ("a: held before this amendment too",)


def test_a_rule_that_asks_for_updates_gets_each_revision_once_in_the_same_thread() -> None:
    asked = match("a", updates=True)
    first = decide(NEW, [asked], circumstances=CIRCUMSTANCES).deliveries[0]
    revised = replace(AMENDED, document=replace(DOCUMENT, body="Now with the proposed order attached: motion"))
    update = decide(revised, [asked], already={"a"}, circumstances=CIRCUMSTANCES).deliveries[0]
    assert (update.message.type, update.message.thread) == ("alert.updated", first.message.thread)
    assert update.key != first.key
    again = decide(revised, [asked], already={"a"}, circumstances=CIRCUMSTANCES).deliveries[0]
    assert again.key == update.key


def test_a_new_rule_and_an_update_on_one_channel_are_one_message() -> None:
    matches = [match("a", updates=True), match("b", severity="critical")]
    decision = decide(AMENDED, matches, already={"a"}, circumstances=CIRCUMSTANCES)
    [delivery] = decision.deliveries
    assert (delivery.message.type, delivery.message.severity) == ("alert.created", "critical")
    assert [r.rule for r in delivery.message.reasons] == ["a", "b"]
    assert [a.rule for a in decision.alerts] == ["b"]


def test_a_rule_without_channels_still_leaves_an_alert() -> None:
    silent = Match(rule=Rule(id="a", when="x", channels=()), evidence=())
    decision = decide(NEW, [silent], circumstances=CIRCUMSTANCES)
    assert decision.alerts and not decision.deliveries


def test_a_document_without_title_is_named_by_its_opening() -> None:
    bare = replace(NEW, document=replace(DOCUMENT, title=""))
    [delivery] = decide(bare, [match("a")], circumstances=CIRCUMSTANCES).deliveries
    assert delivery.message.title.startswith("The Commission filed")


def test_without_evidence_in_the_body_its_opening_is_shown() -> None:
    shown = passages(DOCUMENT, [Evidence(field="title", start=0, end=3, clause="SEC")])
    assert [(p.field, p.marks) for p in shown] == [("title", ((0, 3),)), ("body", ())]


spans = st.lists(st.tuples(st.integers(0, 1990), st.integers(1, 9)), max_size=25)


@given(spans, st.text(alphabet="ab \n", min_size=2000, max_size=2000))
def test_marks_in_passages_always_frame_the_characters_that_fired(places: list[tuple[int, int]], body: str) -> None:
    evidence = [Evidence(field="body", start=a, end=a + n, clause="x") for a, n in places]
    fired = {i for a, n in places for i in range(a, a + n)}
    shown = passages(Document(source="s", body=body), evidence)
    for passage in shown:
        for start, end in passage.marks:
            assert passage.text[start:end] in body
            assert 0 <= start < end <= len(passage.text)
    marked = sum(end - start for p in shown for start, end in p.marks)
    assert marked <= len(fired)
    assert len(shown) <= 3
