"""What a document's matches lead to: alerts, and the messages owed to each channel, or the reason for silence.

How a message looks in a mail or a webhook is not decided here, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from rules.model import (
    SEVERITIES,
    Alert,
    Compared,
    Decision,
    Delivery,
    Document,
    Evidence,
    Match,
    Message,
    MessageType,
    Passage,
    Reason,
    Severity,
    digest,
)

AROUND: Final = 180
"""Characters shown on either side of what fired."""
PASSAGES: Final = 3
OPENING: Final = 400
"""Characters of the body shown when nothing in it fired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What deciding needs to know besides the document and its matches."""

    now: datetime
    source_title: str
    baseline: bool = False
    """The first round of a source: what it has is stored, not told ..."""
    news_since: datetime | None = None
    """... except documents published since then."""


def alert_key(document: str, rule: str) -> str:
    """Return the key of the alert that this rule on this document is, for ever."""
    return digest("alert", document, rule)


def decide(
    compared: Compared,
    matches: Sequence[Match],
    *,
    already: Collection[str] = (),
    standing: Collection[str] = (),
    first_seen: datetime | None = None,
    circumstances: Circumstances,
) -> Decision:
    """Decide what one new or amended document leads to.

    Args:
        compared: the document and whether it is new or amended.
        matches: the rules that hold for it.
        already: ids of the rules that alerted on an earlier revision of it.
        standing: ids of the rules that held for the revision before this one, told or not.
        first_seen: when it was first seen, if before now.
        circumstances: the round's time, baseline and source title.
    """
    fresh = [m for m in matches if m.rule.id not in already]
    repeated = [m for m in matches if m.rule.id in already]
    held: list[str] = []
    if fresh and circumstances.baseline and not _recent(compared.document, circumstances.news_since):
        held += [f"{m.rule.id}: baseline (the first round of a source is stored, not told)" for m in fresh]
        fresh = []
    if compared.novelty == "amended":
        held += [f"{m.rule.id}: held before this amendment too" for m in fresh if m.rule.id in standing]
        fresh = [m for m in fresh if m.rule.id not in standing]
    updates = [m for m in repeated if m.rule.updates and compared.novelty == "amended"]
    held += [f"{m.rule.id}: already alerted on this document" for m in repeated if m not in updates]
    told = _Telling(compared, first_seen or circumstances.now, circumstances)
    return Decision(
        alerts=tuple(told.alert(m) for m in fresh),
        deliveries=tuple(told.deliveries(fresh, updates)),
        held=tuple(held),
    )


def _recent(document: Document, since: datetime | None) -> bool:
    return since is not None and document.published is not None and document.published >= since


@dataclass(frozen=True, slots=True)
class _Telling:
    compared: Compared
    first_seen: datetime
    circumstances: Circumstances

    def alert(self, match: Match) -> Alert:
        return Alert(
            key=alert_key(self.compared.key, match.rule.id),
            document=self.compared.key,
            rule=match.rule.id,
            revision=self.compared.document.revision,
            severity=match.rule.severity,
            evidence=match.evidence,
            at=self.circumstances.now,
            version=match.rule.version,
        )

    def deliveries(self, fresh: Sequence[Match], updates: Sequence[Match]) -> Iterable[Delivery]:
        """One delivery for each channel; rules that go to the same channel share it."""
        pairs = sorted(
            ((channel, match) for match in (*fresh, *updates) for channel in dict.fromkeys(match.rule.channels)),
            key=lambda pair: pair[0],
        )
        for channel, group in groupby(pairs, key=lambda pair: pair[0]):
            told = sorted((match for _, match in group), key=lambda match: match.rule.id)
            yield self._delivery(channel, told, "alert.created" if any(m in fresh for m in told) else "alert.updated")

    def _delivery(self, channel: str, told: Sequence[Match], sort: MessageType) -> Delivery:
        rules = [match.rule.id for match in told]
        revision = self.compared.document.revision if sort == "alert.updated" else ""
        return Delivery(
            key=digest("delivery", channel, sort, self.compared.key, revision, *rules),
            channel=channel,
            message=self.message(sort, told),
            not_before=self.circumstances.now,
            alerts=tuple(alert_key(self.compared.key, rule) for rule in rules),
        )

    def message(self, sort: MessageType, matches: Sequence[Match]) -> Message:
        document = self.compared.document
        return Message(
            type=sort,
            thread=self.compared.key,
            at=self.circumstances.now,
            title=document.title or _opening(document.body, 120) or "(untitled)",
            severity=worst(m.rule.severity for m in matches),
            url=document.url,
            document=self.compared.key,
            kind=document.kind,
            source=document.source,
            source_title=self.circumstances.source_title,
            published=document.published,
            first_seen=self.first_seen,
            reasons=tuple(_reason(m) for m in matches),
            passages=passages(document, [e for m in matches for e in m.evidence]),
        )


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the highest of these severities; `normal` for none."""
    return max(severities, key=SEVERITIES.index, default="normal")


def _reason(match: Match) -> Reason:
    rule = match.rule
    clauses = tuple(dict.fromkeys(e.clause for e in match.evidence))
    return Reason(
        rule=rule.id,
        title=rule.label,
        severity=rule.severity,
        when=rule.when,
        clauses=clauses,
        version=rule.version,
    )


def passages(document: Document, evidence: Iterable[Evidence]) -> tuple[Passage, ...]:
    """Cut out what fired, with its surroundings and the words marked; the body's opening where nothing in it did."""
    spans: dict[str, set[tuple[int, int]]] = {"title": set(), "body": set()}
    for reason in evidence:
        if reason.field in spans and reason.end > reason.start:
            spans[reason.field].add((reason.start, reason.end))
    cut: list[Passage] = []
    if spans["title"]:
        cut.append(Passage(field="title", text=document.title, marks=_joined(spans["title"])))
    around = _windows(document.body, _joined(spans["body"]))
    if around:
        cut += around
    elif document.body:
        cut.append(Passage(field="body", text=_opening(document.body, OPENING)))
    return tuple(cut)


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sort spans and merge those that touch or overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def _windows(text: str, marks: Sequence[tuple[int, int]]) -> list[Passage]:
    groups: list[list[tuple[int, int]]] = []
    for mark in marks:
        if groups and mark[0] - groups[-1][-1][1] <= 2 * AROUND:
            groups[-1].append(mark)
        elif len(groups) < PASSAGES:
            groups.append([mark])
        else:
            break
    return [_window(text, group) for group in groups]


def _window(text: str, marks: Sequence[tuple[int, int]]) -> Passage:
    start, end = _word_start(text, marks[0][0] - AROUND), _word_end(text, marks[-1][1] + AROUND)
    before = "… " if start > 0 else ""
    after = " …" if end < len(text) else ""
    shift = len(before) - start
    return Passage(
        field="body",
        text=before + text[start:end] + after,
        marks=tuple((a + shift, b + shift) for a, b in marks),
    )


def _word_start(text: str, at: int) -> int:
    """Move right from `at` to the start of a word, a little way at most."""
    if at <= 0:
        return 0
    for position in range(at, min(at + 30, len(text))):
        if text[position - 1].isspace():
            return position
    return at


def _word_end(text: str, at: int) -> int:
    """Move left from `at` to the end of a word, a little way at most."""
    if at >= len(text):
        return len(text)
    for position in range(at, max(at - 30, 0), -1):
        if text[position].isspace():
            return position
    return at


def _opening(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: _word_end(text, length)].rstrip() + " …"
