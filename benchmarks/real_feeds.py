"""Prints, feed by feed, what the program stores of real captured feeds beside what feedparser alone yields."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from captured_feeds import ABSENT, CAPTURES, court_feeds  # noqa: E402
from feed_comparison import Row, Story, compared, expected, play, told  # noqa: E402
from feed_oracle import read_as_plain_rss  # noqa: E402


def main() -> int:
    """Play the rounds and print the tables."""
    if not CAPTURES.is_dir():
        print(ABSENT, file=sys.stderr)
        return 69
    with tempfile.TemporaryDirectory(prefix="tipstaff-real-feeds-") as folder:
        story = asyncio.run(play(Path(folder)))
    rows = compared(story)
    _print_feeds(rows)
    _print_others(story)
    _print_motions(story)
    _print_rounds(story)
    return 1 if any("UNEXPLAINED" in row.cause for row in rows) else 0


def _print_feeds(rows: list[Row]) -> None:
    print(f"{'feed':<72} {'format':<8} {'feedparser':>10} {'distinct':>8} {'stored':>6} {'diff':>4}  cause")
    for row in rows:
        difference = row.stored - row.distinct
        print(
            f"{row.name:<72} {row.version:<8} {row.entries:>10} {row.distinct:>8} {row.stored:>6} {difference:>4}"
            f"  {row.cause}".rstrip()
        )
    total = [sum(getattr(row, name) for row in rows) for name in ("entries", "distinct", "stored")]
    unequal = sum((row.fields for row in rows), Counter[str]())
    print(f"{f'{len(rows)} feeds':<81} {total[0]:>10} {total[1]:>8} {total[2]:>6} {total[2] - total[1]:>4}")
    told_apart = ", ".join(f"{field} of {number}" for field, number in sorted(unequal.items())) or "none"
    print(f"fields not as feedparser alone has them, over all stored documents: {told_apart}\n")


def _print_others(story: Story) -> None:
    store = story.rounds["whole"].store
    kinds = Counter(str(store.sources[c.id].health.last_error_kind) for c in story.others)
    print(f"{len(story.others)} files that are no feeds, refused as: ", end="")
    print(", ".join(f"{kind} {number}" for kind, number in kinds.most_common()))
    wrong = [c.name for c in story.others if c.refusal and c.refusal[0] != store.sources[c.id].health.last_error_kind]
    print(f"refused under another name than expected: {wrong or 'none'}\n")


def _print_motions(story: Story) -> None:
    whole = story.rounds["whole"]
    mailed, posted = told(whole.store, whole.run.mails), told(whole.store, whole.run.hooks)
    print(f"{'motion*':<44} {'by hand':>8} {'mailed':>7} {'posted':>7} {'lost':>5} {'twice':>6}")
    nothing: Counter[tuple[object, ...]] = Counter()
    courts = sum((expected(c, read_as_plain_rss(c.body)) for c in court_feeds()), nothing)
    every = sum((expected(c, story.alone[c.name].entries) for c in story.feeds), nothing)
    ids = {c.id for c in court_feeds()}
    for name, wanted, counted in (
        ("court feeds (plain XML reading)", courts, lambda key: key[0] in ids),
        ("all feeds (feedparser alone)", every, lambda key: True),
    ):
        mails = Counter({k: n for k, n in mailed.items() if counted(k)})
        hooks = Counter({k: n for k, n in posted.items() if counted(k)})
        lost = sum((wanted - mails).values()) + sum((wanted - hooks).values())
        twice = sum((mails - wanted).values()) + sum((hooks - wanted).values())
        counts = [sum(counter.values()) for counter in (wanted, mails, hooks)]
        print(f"{name:<44} {counts[0]:>8} {counts[1]:>7} {counts[2]:>7} {lost:>5} {twice:>6}")
    print()


def _print_rounds(story: Story) -> None:
    feeds = {c.path for c in story.feeds}
    print(f"{'round':<12} {'200':>5} {'304':>5} {'documents':>10} {'alerts':>7} {'mails':>6} {'posts':>6} {'s':>6}")
    for name, seen in story.rounds.items():
        statuses: Counter[int] = Counter()
        for (path, status), number in seen.answered.items():
            statuses[status] += number if path in feeds else 0
        totals = seen.store.totals
        print(
            f"{name:<12} {statuses[200]:>5} {statuses[304]:>5} {totals.documents:>10} {totals.alerts:>7}"
            f" {len(seen.run.mails):>6} {len(seen.run.hooks):>6} {seen.run.seconds:>6.1f}"
        )
    print(
        "200 and 304 are of the feeds; the messages of the last round are the notices about files that are no feeds."
    )


if __name__ == "__main__":
    sys.exit(main())
