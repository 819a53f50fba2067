"""The same history gives the same answers on SQLite, on PostgreSQL and in a model made of dicts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import NOW, message

from rules.model import Alert, Compared, Delivery, Document, Evidence, Health, SeenDocument, Traits, digest
from storage.records import Round, Settlement
from storage.store import Store

SOURCES = ("a", "b")
CHANNELS = ("mail", "hook")


@dataclass
class Model:
    """What the store promises, without a database; `at` grows by a minute with every step."""

    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def file(self, round_: Round) -> tuple[str, ...]:
        state = self.sources[round_.source]
        for one in round_.compared:
            kept = self.documents.get(one.key)
            if one.novelty == "seen":
                pass
            elif kept is None:
                self.documents[one.key] = {"document": one.document, "first_seen": round_.at, "amended": None}
                state["documents"] += 1
            elif kept["document"].revision != one.document.revision:
                kept.update(document=one.document, amended=round_.at)
            for alias in one.aliases:
                keys = self.aliases.setdefault((round_.source, alias), [])
                if one.key not in keys:
                    keys.append(one.key)
        for alert in round_.alerts:
            self.alerts.setdefault(alert.key, alert)
        state.update(next_poll=round_.next_poll, polls=state["polls"] + 1)
        if round_.cursor is not None:
            state["cursor"] = round_.cursor
        return self.owe(round_.deliveries, round_.at)

    def owe(self, deliveries: tuple[Delivery, ...], at: datetime) -> tuple[str, ...]:
        new = [d for d in deliveries if d.key not in self.deliveries]
        for one in new:
            self.deliveries[one.key] = {
                "delivery": one,
                "state": "pending",
                "attempts": 0,
                "not_before": one.not_before,
                "created": at,
                "settled": None,
            }
        return tuple(d.key for d in new)

    def settle(self, mark: Settlement) -> None:
        kept = self.deliveries.get(mark.key)
        if kept is None or kept["state"] not in {"pending", "parked"}:
            return
        kept.update(state=mark.state, attempts=kept["attempts"] + 1, not_before=mark.not_before or kept["not_before"])
        if mark.state in {"sent", "cancelled"}:
            kept["settled"] = mark.at

    def replay(self, states: tuple[str, ...], channel: str | None, now: datetime) -> int:
        chosen = [
            d for d in self.deliveries.values() if d["state"] in states and channel in {None, d["delivery"].channel}
        ]
        for one in chosen:
            one.update(state="pending", not_before=now, attempts=0, settled=None)
        return len(chosen)

    def cancel(self, channel: str, now: datetime) -> int:
        chosen = [
            d
            for d in self.deliveries.values()
            if d["state"] in {"pending", "parked"} and d["delivery"].channel == channel
        ]
        for one in chosen:
            one.update(state="cancelled", settled=now)
        return len(chosen)

    def view(self, now: datetime) -> dict[str, Any]:
        """Everything that can be asked."""
        owed = {}
        for channel in CHANNELS:
            due = [
                d
                for d in self.deliveries.values()
                if d["state"] == "pending" and d["not_before"] <= now and d["delivery"].channel == channel
            ]
            owed[channel] = [
                (replace(d["delivery"], not_before=d["not_before"]), d["attempts"], d["created"]) for d in due
            ]
        return {
            "sources": [
                (id_, s["cursor"], s["next_poll"], s["polls"], s["documents"])
                for id_, s in sorted(self.sources.items())
            ],
            "documents": [(k, d["document"], d["first_seen"], d["amended"]) for k, d in self.documents.items()],
            "seen": {
                (source, alias): tuple(
                    SeenDocument(
                        key=key,
                        revision=self.documents[key]["document"].revision,
                        title=self.documents[key]["document"].title,
                        published=self.documents[key]["document"].published,
                    )
                    for key in sorted(keys, key=list(self.documents).index)
                )
                for (source, alias), keys in self.aliases.items()
            },
            "alerts": list(self.alerts.values()),
            "owed": owed,
            "deliveries": [
                (k, d["state"], d["attempts"], d["not_before"], d["settled"], d["delivery"].alerts)
                for k, d in self.deliveries.items()
            ],
        }


def _view(store: Store, now: datetime) -> dict[str, Any]:
    totals = store.totals()
    documents, alerts, deliveries = store.documents(limit=999), store.alerts(limit=999), store.deliveries(limit=999)
    states = [d.state for d in deliveries]
    assert (totals.documents, totals.alerts) == (len(documents), len(alerts))
    assert (totals.pending, totals.parked, totals.sent) == tuple(
        states.count(s) for s in ("pending", "parked", "sent")
    )  # type: ignore[arg-type]
    return {
        "sources": [(s.source, dict(s.cursor), s.next_poll, s.polls, s.documents) for s in store.sources()],
        "documents": [(d.key, d.document, d.first_seen, d.amended) for d in documents[::-1]],
        "seen": {
            (source, alias): found for source in SOURCES for alias, found in store.seen(source, range(-4, 5)).items()
        },
        "alerts": [a.alert for a in alerts[::-1]],
        "owed": {
            channel: [(o.delivery, o.attempts, o.created) for o in store.owed(channel, now, limit=999)]
            for channel in CHANNELS
        },
        "deliveries": [(d.key, d.state, d.attempts, d.not_before, d.settled, d.alerts) for d in deliveries[::-1]],
    }


TITLES = st.sampled_from(["MOTION", "Żółć", "a'b\"c%_", "株式"])
KEYS = st.sampled_from([digest("document", str(n)) for n in range(3)])
NAMES = st.integers(0, 3)


@st.composite
def _rounds(draw: st.DrawFn) -> dict[str, Any]:
    source = draw(st.sampled_from(SOURCES))
    keys = draw(st.lists(KEYS, unique=True, max_size=3))
    return {
        "source": source,
        "cursor": draw(st.none() | st.dictionaries(st.sampled_from(["etag", "at"]), st.integers() | TITLES)),
        "compared": [
            (digest(source, key), draw(TITLES), draw(st.lists(st.integers(-4, 4), max_size=3, unique=True)))
            for key in keys
        ],
        "rules": draw(st.lists(st.sampled_from(["r1", "r2"]), unique=True)),
        "deliveries": draw(st.lists(NAMES, max_size=3, unique=True)),
    }


STEPS = st.one_of(
    st.tuples(st.just("file"), _rounds()),
    st.tuples(st.just("owe"), st.lists(NAMES, max_size=3, unique=True)),
    st.tuples(st.just("settle"), NAMES, st.sampled_from(["sent", "pending", "parked"])),
    st.tuples(
        st.just("replay"),
        st.sampled_from([("parked",), ("parked", "sent")]),
        st.none() | st.sampled_from(CHANNELS),
    ),
    st.tuples(st.just("cancel"), st.sampled_from(CHANNELS)),
)


def _owed(number: int, at: datetime) -> Delivery:
    return Delivery(
        key=digest("delivery", str(number)),
        channel=CHANNELS[number % 2],
        message=message(f"message {number}"),
        not_before=at + timedelta(minutes=number % 3),
        alerts=(f"alert-{number}", f"alert-{number % 3}"),
    )


def _round(step: dict[str, Any], at: datetime) -> Round:
    compared = tuple(
        Compared(
            key=key,
            document=Document(source=step["source"], title=title, published=NOW),
            novelty="new" if nth % 3 else "amended",
            aliases=tuple(aliases),
        )
        for nth, (key, title, aliases) in enumerate(step["compared"])
    )
    alerts = tuple(
        Alert(
            key=digest("alert", one.key, rule),
            document=one.key,
            rule=rule,
            revision=one.document.revision,
            severity="normal",
            evidence=(Evidence(field="title", start=0, end=1, clause="x"),),
            at=at,
        )
        for one in compared
        for rule in step["rules"]
    )
    return Round(
        source=step["source"],
        at=at,
        next_poll=at + timedelta(minutes=5),
        health=Health(last_success=at),
        traits=Traits(),
        cursor=step["cursor"],
        compared=compared,
        alerts=alerts,
        deliveries=tuple(_owed(number, at) for number in step["deliveries"]),
    )


def _run(step: tuple[Any, ...], at: datetime, model: Model, stores: list[Store]) -> None:
    """Take one step everywhere and compare the answers."""
    match step:
        case ("file", how):
            round_ = _round(how, at)
            answers = [model.file(round_), *(s.file(round_).result() for s in stores)]
        case ("owe", numbers):
            deliveries = tuple(_owed(n, at) for n in numbers)
            answers = [model.owe(deliveries, at), *(s.owe(deliveries, at).result() for s in stores)]
        case ("settle", number, state):
            mark = Settlement(key=_owed(number, at).key, state=state, at=at, not_before=at + timedelta(minutes=2))
            answers = [model.settle(mark), *(s.settle([mark], None).result() for s in stores)]  # type: ignore[func-returns-value]
        case ("replay", states, channel):
            answers = [
                model.replay(states, channel, at),
                *(s.replay(states=states, channel=channel, now=at).result() for s in stores),
            ]
        case ("cancel", channel):
            answers = [model.cancel(channel, at), *(s.cancel(channel=channel, now=at).result() for s in stores)]
    assert all(answer == answers[0] for answer in answers), (step, answers)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=12, max_size=30))
def test_the_same_history_gives_the_same_answers_everywhere(two_stores: Any, steps: list[tuple[Any, ...]]) -> None:
    model, stores = Model(), two_stores()
    for id_ in SOURCES:
        model.sources[id_] = {"cursor": {}, "next_poll": NOW, "polls": 0, "documents": 0}
    for store in stores:
        store.plan([(id_, "host", "url") for id_ in SOURCES], NOW).result()
    at = NOW
    for nth, step in enumerate([("owe", [0, 1, 2, 3]), *steps]):
        at = NOW + timedelta(minutes=nth)
        _run(step, at, model, stores)
        assert model.view(at)["owed"] == _view(stores[0], at)["owed"] == _view(stores[1], at)["owed"]
    expected = model.view(at)
    assert [_view(store, at) for store in stores] == [expected, expected]
