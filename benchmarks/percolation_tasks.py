"""The measurements of the percolation benchmark, each in a process of its own so that no memo is warm from another.

A task gets a job (what to measure on which rules and documents) and answers with plain values.
"""

from __future__ import annotations

import cProfile
import gc
import io
import os
import pickle
import pstats
import random
import resource
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any, Final

from percolation_corpus import KINDS, Written
from percolation_peers import PEERS, Peer
from percolation_rules import Standing, entities_of

from rules.model import Document, Entity
from rules.percolate import RuleBook, compile_rules
from rules.words import tokenise

DOCUMENT_KINDS: Final[dict[str, Any]] = {"headlines": "news", "releases": "release", "filings": "filing"}
CHUNK: Final = {"headlines": 256, "releases": 16, "filings": 1}
CHECKED: Final = {"headlines": (300, 10_000), "releases": (30, 10_000), "filings": (1, 1_000)}
"""How many documents of a kind are asked of the oracle, and the number of rules from which on it is asked of less."""
COMPARED: Final = {"headlines": 100, "releases": 10}
"""On how many documents the peers' answers are compared with tipstaff's."""
REPLACED: Final = 20
"""How many rules are replaced, one after another; as many spare ones stand behind the rules of a job."""


@dataclass(frozen=True)
class Job:
    """What one process is to measure."""

    task: str
    folder: str
    rules: int
    kind: str = ""
    peer: str = ""
    budget: float = 60.0
    """Seconds of processor time after which a pass over documents is ended early."""
    checked: float = 1.0
    """Which part of what is compared with the oracle is enough."""

    def standing(self) -> tuple[list[Standing], list[Standing], list[Entity]]:
        """Return the rules, the spare ones and the entities that either name."""
        every, entities = pickle.loads((Path(self.folder) / "rules").read_bytes())
        rules, spare = every[: self.rules], every[-REPLACED:]
        return rules, spare, entities_of([*rules, *spare], entities)

    def passes(self, kind: str) -> tuple[list[Written], list[Written]]:
        """Return the two passes of documents of a kind."""
        return pickle.loads((Path(self.folder) / kind).read_bytes())  # type: ignore[no-any-return]


def run(job: Job) -> dict[str, Any]:
    """Do a job on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return TASKS[job.task](job)


def documents(written: Sequence[Written], kind: str) -> list[Document]:
    """Return the documents as a source hands them over."""
    return [Document(source="wire", kind=DOCUMENT_KINDS[kind], title=title, body=body) for title, body in written]


def _size(written: Sequence[Written]) -> int:
    return sum(len(title.encode()) + len(body.encode()) for title, body in written)


def _rate(seconds: float, written: Sequence[Written], **more: Any) -> dict[str, Any]:
    return {"documents": len(written), "bytes": _size(written), "seconds": seconds, **more}


def _pass(ask: Callable[[Document], tuple[Any, Any]], written: Sequence[Written], job: Job) -> dict[str, Any]:
    """Time one question on every document, until the budget is spent."""
    asked = documents(written, job.kind)
    gc.collect()
    fired = done = 0
    began = process_time()
    for start in range(0, len(asked), CHUNK[job.kind]):
        for document in asked[start : start + CHUNK[job.kind]]:
            rules, faults = ask(document)
            fired += len(rules)
            done += 1
            if faults:
                raise SystemExit(f"a rule could not be evaluated: {faults[0]}")
        if process_time() - began > job.budget:
            break
    return _rate(process_time() - began, written[:done], fired=fired)


def _compiled(job: Job) -> tuple[RuleBook, float]:
    rules, _, entities = job.standing()
    ready = [standing.rule for standing in rules]
    began = process_time()
    book = compile_rules(ready, entities)
    return book, process_time() - began


# --- tipstaff ---------------------------------------------------------------------------------------------------


def _firing(job: Job) -> dict[str, Any]:
    book, _ = _compiled(job)
    first, second = job.passes(job.kind)
    last = len(second) * 3 // 4
    cold = _pass(book.firing, first, job)
    warm = _pass(book.firing, second[:last], job)
    evidence = _pass(book.match, second[last:], job)
    return {"cold": cold, "warm": warm, "evidence": evidence}


def _ids(outcome: tuple[Sequence[Any], Any]) -> list[str]:
    return [getattr(one, "rule", one).id for one in outcome[0]]


def _build(job: Job) -> dict[str, Any]:
    """Build, and replace one rule after another; memory is counted from before the rules were there."""
    headlines, releases = (job.passes(kind)[0] for kind in ("headlines", "releases"))
    gc.collect()
    peak, resident = memory()
    rules, spare, entities = job.standing()
    ready = [standing.rule for standing in rules]
    began = process_time()
    book = compile_rules(ready, entities)
    seconds = process_time() - began
    sample = [*documents(headlines[:2000], "headlines"), *documents(releases[:50], "releases")]
    for document in sample:
        book.firing(document)
    kept = [now - then for now, then in zip(memory(), (peak, resident), strict=True)]
    rng = random.Random(job.rules)
    costs = []
    for other in spare:
        number = rng.randrange(len(ready))
        changed = Standing(ready[number].id, other.form, other.query).rule
        ready = [*ready[:number], changed, *ready[number + 1 :]]
        gc.collect()
        began = process_time()
        book = compile_rules(ready, entities, before=book)
        costs.append(1000 * (process_time() - began))
    fresh = compile_rules(ready, entities)
    wrong = sum(_ids(book.match(document)) != _ids(fresh.match(document)) for document in sample)
    return {
        "seconds": seconds,
        "peak": kept[0],
        "resident": kept[1],
        "entities": len(entities),
        "replaced": {"median": statistics.median(costs), "max": max(costs), "n": len(costs), "wrong": wrong},
    }


def memory() -> tuple[float, float]:
    """Return the largest and the present size of this process, in MB; Linux knows what exec left behind."""
    status = Path("/proc/self/status")
    if not status.exists():
        unit = 1e6 if sys.platform == "darwin" else 1e3
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        return peak, peak
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024, int(lines["VmRSS"].split()[0]) / 1024


def _check(job: Job) -> dict[str, Any]:
    """Compare the fast answers with the oracle's; tell also what fired, for the comparison with the peers."""
    book, _ = _compiled(job)
    answer: dict[str, Any] = {"checked": {}, "differences": [], "fired": {}}
    for kind, (most, affordable) in CHECKED.items():
        first, _ = job.passes(kind)
        part = min(job.checked * affordable / job.rules, 1.0)
        # Of a filing there is only one, so a part of it: whole ones would cost the oracle minutes.
        chosen = (
            [(t, b[: int(part * len(b))]) for t, b in first[:1]] if most == 1 else first[: max(int(part * most), 1)]
        )
        answer["checked"][kind] = {"documents": len(chosen), "bytes": _size(chosen)}
        for document in documents(chosen, kind):
            oracle, matched, fired = book.match_all(document), book.match(document), book.firing(document)
            unlike = set(_ids(oracle)) ^ set(_ids(fired)) | set(_ids(oracle)) ^ set(_ids(matched))
            if oracle != matched or _ids(oracle) != _ids(fired) or fired[1]:
                written = [rule.when for rule in book.rules if rule.id in unlike]
                answer["differences"].append([document.title, sorted(unlike), written[:5]])
        if kind in COMPARED:
            answer["fired"][kind] = [_ids(book.firing(d)) for d in documents(first[: COMPARED[kind]], kind)]
    return answer


def _profile(job: Job) -> dict[str, Any]:
    book, _ = _compiled(job)
    first, second = job.passes(job.kind)
    for document in documents(first[: len(first) // 10], job.kind):
        book.firing(document)
    profile = cProfile.Profile()
    asked = documents(second, job.kind)
    profile.enable()
    for document in asked:
        book.firing(document)
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(25)
    return {"text": text.getvalue()}


# --- peers ------------------------------------------------------------------------------------------------------


def _peer(job: Job) -> dict[str, Any]:
    rules, _, _ = job.standing()
    began = process_time()
    peer = PEERS[job.peer](rules)
    answer: dict[str, Any] = {"build": (process_time() - began) / peer.share, "share": peer.share}
    texts = {kind: job.passes(kind)[0] for kind in KINDS}
    for kind in KINDS:
        answer[kind] = _peer_pass(peer, texts[kind], kind, job.budget)
    if job.peer not in {"scan", "split"}:
        answer["fired"] = {kind: [sorted(ids) for ids in peer.fire(texts[kind][:n])] for kind, n in COMPARED.items()}
        answer["rules"] = sorted(peer.rules) if isinstance(getattr(peer, "rules", None), dict) else None
    return answer


def _peer_pass(peer: Peer, written: Sequence[Written], kind: str, budget: float) -> dict[str, Any]:
    """Time a peer until the budget is spent, at least one batch; what it leaves out is reckoned in proportion."""
    whole = _size(written) / len(written)
    limit = peer.longest
    seconds = 0.0
    done: list[Written] = []
    for start in range(0, len(written), peer.batch[kind]):
        batch = [(title, body[:limit]) for title, body in written[start : start + peer.batch[kind]]]
        given = [_normal(document) for document in batch] if hasattr(peer, "REQUIRES") else batch
        began = process_time()
        peer.fire(given)
        seconds += process_time() - began
        done += batch
        if seconds > budget:
            break
    part = _size(done) / (whole * len(done)) if limit else 1.0
    return {
        "documents": len(done) * min(part, 1.0),
        "bytes": _size(done),
        "seconds": seconds / peer.share,
        "whole": part >= 0.99 and peer.share == 1.0,
    }


def _normal(document: Written) -> Written:
    title, body = document
    return f" {' '.join(tokenise(title))} ", f" {' '.join(tokenise(body))} "


TASKS: Final[dict[str, Callable[[Job], dict[str, Any]]]] = {
    "firing": _firing,
    "build": _build,
    "check": _check,
    "profile": _profile,
    "peer": _peer,
}
