"""Measures how fast stored documents are read again and asked of rules, and whether that needs more memory with time.

A store in a temporary directory is filled, through the store's own verbs, with documents that are all different: nine
headlines to one release of 3 KB. Then a process of its own reads them all, and another one asks rules of each as a
backtest does. Memory is the largest size of the process, from before the first document, when a tenth of the
documents and when all of them had been read.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from percolation_corpus import Writer, read_pool  # noqa: E402
from percolation_rules import Drafter, entities_of  # noqa: E402
from percolation_tasks import documents, memory  # noqa: E402

from rules.model import Compared, Document, Health, Traits, digest  # noqa: E402
from rules.percolate import compile_rules  # noqa: E402
from storage.engine import open_store  # noqa: E402
from storage.records import Round  # noqa: E402
from storage.store import Store  # noqa: E402

BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
SOURCES: Final = 20
ROUND: Final = 500
"""Documents that one round brings."""


@dataclass(frozen=True)
class Job:
    """What a process of its own is to do: read only, or read and ask so many rules."""

    store: str
    documents: int
    rules: int
    seed: int


def main() -> int:
    """Fill a store, read it, backtest over it and print what that took."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--documents", type=int, default=200_000, help="how many are stored (200,000)")
    words.add_argument(
        "--rules", default="1,100,1000", help="numbers of rules that are backtested, by commas (1,100,1000)"
    )
    words.add_argument("--seed", type=int, default=1, help="other documents and rules (1)")
    words.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="tipstaff-backtesting-") as folder:
        path = str(Path(folder) / "tipstaff.db")
        pool = read_pool(chosen.seed)
        began = time.perf_counter()
        size = _fill(path, chosen.documents, Writer(pool, chosen.seed))
        seconds = time.perf_counter() - began
        disk = sum(file.stat().st_size for file in Path(folder).iterdir())
        report: dict[str, Any] = {
            "origin": pool.origin,
            "documents": chosen.documents,
            "bytes": size,
            "disk": disk,
            "filling": seconds,
        }
        report["passes"] = [
            _child(Job(path, chosen.documents, rules, chosen.seed))
            for rules in (0, *(int(number) for number in chosen.rules.split(",")))
        ]
    if chosen.json:
        print(json.dumps(report))
    else:
        _show(report)
    return 1 if any(one["documents"] != chosen.documents for one in report["passes"]) else 0


def _fill(path: str, number: int, writer: Writer) -> int:
    """Store so many documents in rounds of twenty sources in turn; return the size of their texts."""
    store = open_store(path)
    try:
        store.take(f"benchmark:{os.getpid()}", BEGAN)
        names = [f"wire-{n}" for n in range(SOURCES)]
        store.plan([(name, f"{name}.test", f"https://{name}.test/feed") for name in names], BEGAN).result()
        size = done = 0
        for brought in _batches(writer, number):
            nth = done // ROUND
            store.file(_round(names[nth % SOURCES], brought, BEGAN + timedelta(seconds=30 * nth))).result()
            size += sum(len(d.title.encode()) + len(d.body.encode()) for d in brought)
            done += len(brought)
        return size
    finally:
        store.close()


def _batches(writer: Writer, number: int) -> Iterator[list[Document]]:
    """Yield the documents of one round after another; one in ten is a release."""
    given = 0
    waiting: list[Document] = []
    while given < number:
        for headlines, releases in zip(
            writer.passes("headlines", 9000), writer.passes("releases", 1000), strict=True
        ):
            both = documents(headlines, "headlines"), documents(releases, "releases")
            for place, release in enumerate(both[1]):
                waiting += [*both[0][9 * place : 9 * place + 9], release]
                if len(waiting) == ROUND:
                    yield waiting[: number - given]
                    given += ROUND
                    waiting = []
                    if given >= number:
                        return


def _round(source: str, brought: list[Document], at: datetime) -> Round:
    compared = tuple(
        Compared(key=digest("document", d.title, d.body), document=replace(d, source=source), novelty="new")
        for d in brought
    )
    return Round(
        source=source,
        at=at,
        next_poll=at + timedelta(minutes=5),
        health=Health(last_success=at),
        traits=Traits(),
        baselined=True,
        compared=compared,
    )


def _child(job: Job) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--job", json.dumps(asdict(job))], stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise SystemExit(f"{job} ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _run(job: Job) -> dict[str, Any]:
    """Read the whole history once, and ask the rules of each document where there are rules."""
    book = None
    if job.rules:
        drafter = Drafter(read_pool(job.seed), job.seed)
        rules = drafter.draft(job.rules)
        book = compile_rules([standing.rule for standing in rules], entities_of(rules, drafter.entities.all))
    store = open_store(job.store, create=False)
    try:
        return _read(store, job, book)
    finally:
        store.close()


def _read(store: Store, job: Job, book: Any) -> dict[str, Any]:
    read = fired = 0
    before, _ = memory()
    sizes = []
    began, used = time.perf_counter(), time.process_time()
    for filed in store.history():
        read += 1
        if book is not None:
            fired += len(book.firing(filed.document, filed.first_seen)[0])
        if read == job.documents // 10:
            sizes.append(memory()[0] - before)
    return {
        "rules": job.rules,
        "documents": read,
        "fired": fired,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - used,
        "memory": [*sizes, memory()[0] - before],
    }


def _show(report: dict[str, Any]) -> None:
    print(report["origin"])
    print(
        f"{report['documents']:,} documents, {report['bytes'] / 1e6:.0f} MB of text, {report['disk'] / 1e6:.0f} MB on"
        f" the disk; filled in {report['filling']:.0f} s ({report['documents'] / report['filling']:,.0f} documents/s)"
    )
    print(f"{'':<28}{'documents/s':>12}{'per CPU s':>11}{'MB/s':>7}{'fired':>10}{'MB at 10 %':>12}{'at 100 %':>10}")
    for one in report["passes"]:
        title = f"backtest of {one['rules']:,} rules" if one["rules"] else "read, no rules"
        tenth, whole = one["memory"]
        print(
            f"{title:<28}{one['documents'] / one['seconds']:>12,.0f}{one['documents'] / one['cpu']:>11,.0f}"
            f"{report['bytes'] / one['seconds'] / 1e6:>7.1f}{one['fired']:>10,}{tenth:>12.1f}{whole:>10.1f}"
        )
        if one["documents"] != report["documents"]:
            print(f"  only {one['documents']:,} documents were read")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        print(json.dumps(_run(Job(**json.loads(sys.argv[2])))))
        sys.exit(0)
    sys.exit(main())
