"""What a kill loop came to: figures as feed and receivers counted them, and which of them must not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Final

REPEATS: Final = 1.2
"""The most repeats for each kill, those after a lost answer included."""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What came out, as counted by feed and receivers; pairs are (filing, channel)."""

    seed: int
    mutant: str | None
    cycles: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    """By what was aimed at."""
    aimed: int = 0
    """Kills that came at the moment they were aimed at."""
    missed: int = 0
    """Cycles whose moment did not come; they were killed all the same."""
    filings: int = 0
    pairs: int = 0
    lost: list[tuple[str, str]] = field(default_factory=list)
    unstable: list[tuple[str, str]] = field(default_factory=list)
    strays: list[tuple[str, str]] = field(default_factory=list)
    unexplained: list[tuple[str, str]] = field(default_factory=list)
    unverified: int = 0
    repeats: int = 0
    repeats_by_aim: Counter[str] = field(default_factory=Counter)
    """Those of them that a kill has caused, by what it was aimed at; the others follow a lost answer."""
    refused: int = 0
    answers_lost: int = 0
    notices: int = 0
    died: list[str] = field(default_factory=list)
    """Lives that ended although nobody killed them."""
    orphans: int = 0
    clean_stop: bool | None = None
    integrity: str = "not looked at"
    found: str | None = None
    """The first failure that was seen while the loop ran, for mutants."""
    seconds: float = 0.0

    def failures(self) -> list[str]:
        """Say in words what is not as it must be; empty when all is well."""
        found = [
            f"{len(what)} {name}: {', '.join('/'.join(pair) for pair in what[:5])}"
            for name in ("lost", "unstable", "strays", "unexplained")
            if (what := getattr(self, name))
        ]
        found += [f"ended by itself: {words}" for words in self.died]
        if self.repeats > REPEATS * self.kills.total():
            found.append(f"{self.repeats} repeats for {self.kills.total()} kills")
        if self.unverified:
            found.append(f"{self.unverified} requests with a bad signature")
        if self.orphans:
            found.append(f"{self.orphans} processes outlived their daemon")
        if self.integrity != "ok":
            found.append(f"integrity_check: {self.integrity}")
        if self.clean_stop is False:
            found.append("the last daemon did not stop cleanly")
        return found

    def figures(self) -> dict[str, Any]:
        """Return all of it by name, as JSON values."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def lines(self) -> list[str]:
        """Say all of it, raw."""
        per_kill, per_aimed = (self.repeats / max(n, 1) for n in (self.kills.total(), self.aimed))
        return [
            f"seed {self.seed}, {self.mutant or 'tipstaff itself'}, {self.seconds} s",
            f"cycles {self.cycles}, kills {self.kills.total()} ({_listed(self.kills)})",
            f"aimed kills {self.aimed}, moments that did not come {self.missed}",
            f"matching filings {self.filings}, (filing, channel) pairs {self.pairs}",
            f"receivers refused {self.refused} and lost {self.answers_lost} answers; notices {self.notices}",
            f"lost {len(self.lost)}, unstable ids {len(self.unstable)}, strays {len(self.strays)}",
            f"repeats {self.repeats}: {per_kill:.2f} a kill, {per_aimed:.2f} an aimed kill",
            f"repeats that a kill has caused {self.repeats_by_aim.total()} ({_listed(self.repeats_by_aim)})",
            f"unexplained repeats {len(self.unexplained)}, bad signatures {self.unverified}, orphans {self.orphans}",
            f"integrity_check {self.integrity}, clean stop {self.clean_stop}",
            *([f"found in {self.found}"] if self.found else []),
            *(f"FAILED: {failure}" for failure in self.failures()),
        ]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
