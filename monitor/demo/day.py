"""The written day: what four feeds publish and when, as values; serving and watching it is done elsewhere.

The day is 5 March 2024, when the SEC asked the court in SEC v. Binance (D.D.C., 1:23-cv-01599) for an order
against Binance.US inside a paper that was not called a motion. All texts are written for this demo after what
was publicly reported; none are the words of the court, the agency or a newspaper, and all other cases,
papers and headlines are made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from xml.sax.saxutils import escape

CASE: Final = "1:23-cv-01599 SECURITIES AND EXCHANGE COMMISSION v. BINANCE HOLDINGS LIMITED et al"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a feed. `name` is what stays the same when its text changes."""

    name: str
    title: str
    text: str
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """At `after` seconds, `feed` publishes `entry` (or replaces the one of the same name)."""

    after: float
    feed: str
    entry: Entry
    note: str
    """What the watcher of the demo is told about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedShape:
    """One of the day's feeds: its path on the local origin, its title and the shape of its entries."""

    id: str
    title: str
    documents: str
    before: tuple[Entry, ...]
    """What it holds when the day begins: stored silently, told to nobody."""


FEEDS: Final = (
    FeedShape(
        id="dcd",
        title="D.D.C. docket entries (local copy)",
        documents="docket-entry",
        before=(
            Entry(name="1", title="1:24-cv-90001 Example Holdings LLC v. Sample", text="[Complaint]"),
            Entry(name="2", title="1:22-cv-90017 Doe v. Roe", text="[Order on Motion for Extension of Time]"),
            Entry(name="3", title=CASE, text="[Minute Order]"),
        ),
    ),
    FeedShape(
        id="sec-litigation",
        title="SEC litigation releases (local copy)",
        documents="release",
        before=(Entry(name="lr-1", title="John Example", text="John Example", author="LR-90001"),),
    ),
    FeedShape(
        id="coin-wire",
        title="Coin Wire (made up)",
        documents="news",
        before=(
            Entry(name="a", title="Five wallets for beginners", text="A guide."),
            Entry(name="b", title="SEC sued Binance in June: a look back", text="What happened last year."),
        ),
    ),
    FeedShape(
        id="market-daily",
        title="Market Daily (made up)",
        documents="news",
        before=(Entry(name="x", title="Stocks close mixed", text="Indices moved little."),),
    ),
)

_DOCKET_TEXT: Final = (
    "JOINT STATUS REPORT by SECURITIES AND EXCHANGE COMMISSION, BAM MANAGEMENT US HOLDINGS INC., BAM TRADING "
    "SERVICES INC. The Commission reports that questions about who controls customer wallets remain open and asks "
    "the Court for an order that BAM Trading answer them and produce a witness. BAM Trading opposes."
)

BEATS: Final = (
    Beat(
        after=0.5,
        feed="dcd",
        entry=Entry(name="4", title="1:24-cv-90033 Roe v. Agency of Examples", text="[Notice of Appearance]"),
        note="noise: an appearance in another case",
    ),
    Beat(
        after=1.5,
        feed="dcd",
        entry=Entry(name="5", title=CASE, text="[Status Report]"),
        note="the paper is filed; the court's feed shows a label only, and it does not say motion",
    ),
    Beat(
        after=4.0,
        feed="coin-wire",
        entry=Entry(
            name="c",
            title="Binance.US lists two more trading pairs",
            text="The exchange said customers can trade them from Thursday.",
        ),
        note="noise: the company in the news, no court, no regulator",
    ),
    Beat(
        after=6.0,
        feed="coin-wire",
        entry=Entry(
            name="d",
            title="SEC asks court to step in over control of Binance.US customer assets",
            text="The regulator told a federal judge that it still cannot say who holds the keys. It asked the court "
            "to order Binance.US to answer and to make a witness available.",
        ),
        note="a first news report",
    ),
    Beat(
        after=8.5,
        feed="sec-litigation",
        entry=Entry(
            name="lr-2",
            title="Binance Holdings Limited, BAM Trading Services Inc. and BAM Management US Holdings Inc.",
            text="The Securities and Exchange Commission asked the court for an order in its pending action against "
            "Binance.US, No. 1:23-cv-01599 (D.D.C.).",
            author="LR-90002",
        ),
        note="the agency's release, titled with the respondents' names only",
    ),
    Beat(
        after=10.0,
        feed="market-daily",
        entry=Entry(
            name="y",
            title="Bakery chain Kraken Bread sues landlord over ovens",
            text="The court set a hearing for May. A motion is pending.",
        ),
        note="noise: a look-alike name and the word motion",
    ),
    Beat(
        after=11.5,
        feed="market-daily",
        entry=Entry(
            name="z",
            title="Regulator wants judge to force Binance.US to hand over answers",
            text="In a filing on Tuesday the SEC said Binance.US had been slow to co-operate and sought an order "
            "compelling it to do so.",
        ),
        note="a second news report, in other words",
    ),
    Beat(
        after=14.0,
        feed="dcd",
        entry=Entry(name="5", title=CASE, text=f"[Status Report] {_DOCKET_TEXT}"),
        note="the docket's text arrives under the same entry: now it says what is asked for",
    ),
)

EXPECTED: Final = 5
"""Alert messages that each channel receives in the day: label, report, release, report, text."""


def rss(shape: FeedShape, entries: Sequence[tuple[Entry, datetime]], base: str, built: datetime) -> bytes:
    """Return the feed as RSS 2.0 in the shape of its kind, newest first."""
    shown = "\n".join(_entry(shape, entry, at, base) for entry, at in reversed(entries))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>\n'
        f"<title>{escape(shape.title)}</title><link>{base}/{shape.id}</link>\n"
        f"<description>{escape(_coverage(shape))}</description>\n"
        f"<lastBuildDate>{format_datetime(built)}</lastBuildDate>\n{shown}\n</channel></rss>\n"
    ).encode()


def _coverage(shape: FeedShape) -> str:
    return "Docket entries of type: all" if shape.id == "dcd" else shape.title


def _entry(shape: FeedShape, entry: Entry, at: datetime, base: str) -> str:
    link = f"{base}/{shape.id}/{entry.name}"
    text = escape(entry.text)
    if shape.id == "dcd":
        anchor = f'<a href="{link}.pdf">{entry.name}</a>'
        text += escape(f" ({anchor})")
    creator = f"<dc:creator>{escape(entry.author)}</dc:creator>" if entry.author else ""
    return (
        f"<item><title>{escape(entry.title)}</title><link>{link}</link><guid>{link}</guid>"
        f"<description>{text}</description>{creator}<pubDate>{format_datetime(at)}</pubDate></item>"
    )


def config(*, base: str, origin_port: int, smtp_port: int, hook: str, hook_port: int, secret_file: str) -> str:
    """Return the desk's config for the day, as a user would write it."""
    sources = "\n".join(
        f'[[source]]\nid = "{f.id}"\nkind = "feed"\ntitle = "{f.title}"\nurl = "{base}/{f.id}"\n'
        f'documents = "{f.documents}"\ninterval = "1s"\n'
        for f in FEEDS
    )
    return _CONFIG.format(
        origin_port=origin_port,
        smtp_port=smtp_port,
        hook=hook,
        hook_port=hook_port,
        secret_file=secret_file,
        sources=sources,
    )


_CONFIG: Final = '''\
# The desk of `tipstaff demo`. Everything is on this machine.
[tipstaff]
store = "tipstaff.db"
log_level = "error"

[network]
allow = ["127.0.0.1/32:{origin_port}", "127.0.0.1/32:{hook_port}"]
host_spacing = "0ms"

{sources}
[[entity]]
id = "us-sec"
name = "Securities and Exchange Commission"
kind = "regulator"
aliases = ["SEC"]

[[entity]]
id = "binance-us"
name = "Binance.US"
kind = "exchange"
aliases = ["Binance US", "BAM Trading", "BAM Trading Services", "BAM Management US Holdings"]
tags = ["tracked"]

[[matter]]
name = "SEC v. Binance"
docket = "dcd 1:23-cv-01599"
plaintiff = ["us-sec"]
defendant = ["binance-us"]

[[rule]]
id = "docket-23-1599"
title = "Anything new in SEC v. Binance (D.D.C. 1:23-cv-01599)"
when = 'kind:docket-entry AND title:"1:23-cv-01599"'
severity = "high"
updates = true
channels = ["desk", "hook"]

[[rule]]
id = "sec-asks-court"
title = "The SEC asks a court for something against a tracked exchange"
when = """
entity:us-sec AND entity:@tracked
AND (court OR judge)
AND (ask* OR seek* OR sought OR want* OR mov* OR motion* OR compel*)
"""
severity = "critical"
channels = ["desk", "hook"]

[[rule.example]]
text = "Regulator SEC asks judge to force Binance.US to hand over documents"
alert = true

[[rule.example]]
text = "Binance.US lists two more trading pairs"
alert = false

[[channel]]
id = "desk"
kind = "email"
host = "127.0.0.1"
port = {smtp_port}
tls = "none"
from = "tipstaff@localhost.test"
to = ["desk@localhost.test"]
rate = "20/s"

[[channel]]
id = "hook"
kind = "webhook"
url = "{hook}"
secret = {{ file = "{secret_file}" }}
rate = "50/s"
'''
