"""Measures how many documents a second one core matches against a number of rules, beside other ways to do it.

tipstaff starts from documents as a source hands them over and makes their normal form itself. `first sight` is a
fresh process with a fresh rule book on documents it has never seen; `warm` a second pass over other documents. Every
measurement is processor time in a process of its own. Before anything is timed, what fires is compared with
`match_all`, which looks at every rule in full; a difference is printed and makes the exit code 1.

The ratio is that of first sight to the line it stands in. `~`: reckoned in proportion from fewer rules or shorter
texts, where all of them would take minutes. `same`: of the pairs (headline or release, rule) that fire here or there,
how many fire in both.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from percolation_corpus import KINDS, Writer, read_pool  # noqa: E402
from percolation_peers import PEERS  # noqa: E402
from percolation_rules import Drafter  # noqa: E402
from percolation_tasks import REPLACED, Job, run  # noqa: E402

NUMBERS: Final = {"headlines": 20_000, "releases": 2_000, "filings": 40}
QUICK: Final = {"headlines": 4_000, "releases": 400, "filings": 6}
SIZES: Final = (100, 1_000, 10_000, 100_000)
TIPSTAFF: Final = (
    ("cold", "tipstaff firing, first sight"),
    ("warm", "tipstaff firing, warm"),
    ("evidence", "tipstaff match: with evidence"),
)


def main() -> int:
    """Measure what was asked for and print it."""
    chosen = _options()
    say = (lambda line: print(line, file=sys.stderr)) if chosen.json else print
    report: dict[str, Any] = {"python": sys.version.split()[0], "sizes": {}}
    with tempfile.TemporaryDirectory(prefix="tipstaff-percolation-") as folder:
        report |= _prepare(Path(folder), chosen)
        say(f"{report['origin']}; Python {report['python']}, load {os.getloadavg()[0]:.1f}")
        for kind in KINDS:
            say(f"  {kind}: twice {report['documents'][kind]:,} of {report['bytes'][kind]:,.0f} bytes on average")
        if chosen.profile:
            job = Job("profile", folder, chosen.rules[-1], kind=chosen.profile)
            print(_child(job)["text"])
            return 0
        for size in chosen.rules:
            report["sizes"][size] = found = _measure(folder, size, chosen)
            for peer in found["peers"].values():
                peer["same"] = _same(peer, found["check"])
                for key in ("fired", "rules"):
                    peer.pop(key, None)
            del found["check"]["fired"]
            if not chosen.json:
                _show(size, found)
    if chosen.json:
        print(json.dumps(report))
    return 1 if any(_is_wrong(found) for found in report["sizes"].values()) else 0


def _options() -> argparse.Namespace:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rules", help=f"numbers of rules, by commas ({','.join(map(str, SIZES))})")
    words.add_argument("--peers", default=",".join(PEERS), help=f"which of {','.join(PEERS)}, or none")
    words.add_argument("--quick", action="store_true", help="100 and 1,000 rules, a fifth of the documents")
    words.add_argument("--budget", type=float, help="seconds after which a pass ends early (60; a peer's 10)")
    words.add_argument("--seed", type=int, default=1, help="other documents and rules (1)")
    words.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    words.add_argument("--profile", choices=KINDS, help="only profile `firing` at the last number of rules")
    chosen = words.parse_args()
    sizes = chosen.rules.split(",") if chosen.rules else map(str, SIZES[:2] if chosen.quick else SIZES)
    chosen.rules = [int(size.replace("_", "")) for size in sizes]
    chosen.peers = [name for name in chosen.peers.split(",") if name not in {"", "none"}]
    if unknown := set(chosen.peers) - set(PEERS):
        words.error(f"there is no peer {', '.join(sorted(unknown))}")
    chosen.numbers = QUICK if chosen.quick else NUMBERS
    return chosen


def _prepare(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Write documents and rules where the measuring processes find them."""
    pool = read_pool(chosen.seed)
    writer = Writer(pool, chosen.seed)
    sizes = {}
    for kind in KINDS:
        passes = writer.passes(kind, chosen.numbers[kind])
        (folder / kind).write_bytes(pickle.dumps(passes))
        texts = [title + body for written in passes for title, body in written]
        sizes[kind] = sum(len(text.encode()) for text in texts) / len(texts)
    drafter = Drafter(pool, chosen.seed)
    rules = drafter.draft(max(chosen.rules) + REPLACED)
    (folder / "rules").write_bytes(pickle.dumps((rules, drafter.entities.all)))
    return {"origin": pool.origin, "documents": chosen.numbers, "bytes": sizes}


def _child(job: Job) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--job", json.dumps(asdict(job))], stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise SystemExit(f"the measurement {job} ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _measure(folder: str, size: int, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure everything at one number of rules, right answers first."""
    job = Job("check", folder, size, budget=chosen.budget or 60.0, checked=0.1 if chosen.quick else 1.0)
    found: dict[str, Any] = {"check": _child(job)}
    found["build"] = _child(replace(job, task="build"))
    found["tipstaff"] = {kind: _child(replace(job, task="firing", kind=kind)) for kind in KINDS}
    found["peers"] = {}
    for name in chosen.peers:
        required = getattr(PEERS[name], "REQUIRES", None)
        try:
            found["peers"][name] = {"version": version(required)} if required else {}
        except PackageNotFoundError:
            found["peers"][name] = {"missing": required}
            continue
        found["peers"][name] |= _child(replace(job, task="peer", peer=name, budget=chosen.budget or 10.0))
    return found


def _is_wrong(found: dict[str, Any]) -> bool:
    return bool(found["check"]["differences"] or found["build"]["replaced"]["wrong"])


# --- the tables -------------------------------------------------------------------------------------------------


def _show(size: int, found: dict[str, Any]) -> None:
    build, check = found["build"], found["check"]
    replaced = build["replaced"]
    print(f"\n{size:,} rules on {build['entities']:,} entities")
    print(
        f"  built in {build['seconds']:.2f} s, {build['peak']:.0f} MB at the peak, {build['resident']:.0f} MB kept;"
        f" one rule replaced in {replaced['median']:.1f} ms (median of {replaced['n']}, max {replaced['max']:.1f})"
    )
    fired = [(kind[:-1], found["tipstaff"][kind]["cold"]) for kind in KINDS]
    print("  rules that fire:", ", ".join(f"{c['fired'] / c['documents']:.2f} on a {kind}" for kind, c in fired))
    checked = ", ".join(
        f"{c['documents']} {kind} ({c['bytes'] / 1e3:.0f} KB)" for kind, c in check["checked"].items()
    )
    print(f"  compared with every rule in full on {checked}: {len(check['differences'])} differences")
    for title, ids, written in check["differences"][:10]:
        print(f"    {title!r}: {', '.join(ids[:5])}: {written}")
    if replaced["wrong"]:
        print(f"    {replaced['wrong']} documents fire other rules than with a book built anew")
    columns = "".join(f"{f'{kind}/s':>12}{'MB/s':>7}{'ratio':>8}" for kind in KINDS)
    print(f"  {'':<31}{columns}{'same':>6}")
    first = {kind: found["tipstaff"][kind]["cold"] for kind in KINDS}
    for key, title in TIPSTAFF:
        _line(title, {kind: found["tipstaff"][kind][key] for kind in KINDS}, first, "")
    for name, peer in found["peers"].items():
        if "missing" in peer:
            print(f"  {PEERS[name].title:<31}  not installed: pip install {peer['missing']}")
        else:
            _line(PEERS[name].title, peer, first, peer["same"])
    built = [f"{n} {p['build']:.1f} s" for n, p in found["peers"].items() if "build" in p]
    if built:
        print(f"  peers built in: {', '.join(built)}")


def _line(title: str, rates: dict[str, Any], first: dict[str, Any], same: str) -> None:
    cells = ""
    for kind in KINDS:
        rate, best = rates[kind], first[kind]
        speed = rate["documents"] / rate["seconds"]
        ratio = best["documents"] / best["seconds"] / speed
        number = f"{'' if rate.get('whole', True) else '~'}{_short(speed)}"
        cells += f"{number:>12}{_short(rate['bytes'] / rate['seconds'] / 1e6):>7}{_short(ratio):>8}"
    print(f"  {title:<31}{cells}{same:>6}".rstrip())


def _short(value: float) -> str:
    for least, form in ((100, ",.0f"), (10, ".1f"), (0.001, ".2g")):
        if value >= least:
            return f"{value:{form}}"
    return "<.001"


def _same(peer: dict[str, Any], check: dict[str, Any]) -> str:
    if "fired" not in peer:
        return ""
    both = either = 0
    asked = None if peer["rules"] is None else set(peer["rules"])
    for kind, ours in check["fired"].items():
        for mine, theirs in zip(ours, peer["fired"][kind], strict=True):
            wanted = set(mine) if asked is None else set(mine) & asked
            both += len(wanted & set(theirs))
            either += len(wanted | set(theirs))
    return f"{both / either:.0%}" if either else "-"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        print(json.dumps(run(Job(**json.loads(sys.argv[2])))))
        sys.exit(0)
    sys.exit(main())
