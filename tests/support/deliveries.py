"""Deliveries to send in tests: the founding alert, and any other title in its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rules.model import Delivery, Message, Passage, Reason, digest

AT = datetime(2024, 3, 5, 21, 4, 11, tzinfo=UTC)
CASE = "1:23-cv-01599 SECURITIES AND EXCHANGE COMMISSION v. BINANCE HOLDINGS LIMITED et al"
ENTRY = "[Motion for Order] MOTION for Order to Compel by SECURITIES AND EXCHANGE COMMISSION."

ALERT = Message(
    type="alert.created",
    thread=digest("document"),
    at=AT,
    title=CASE,
    severity="high",
    url="https://ecf.dcd.uscourts.gov/doc1/04519850812?caseid=256060&de_seq_num=812",
    document=digest("document"),
    kind="docket-entry",
    source="dcd",
    source_title="U.S. District Court, District of Columbia",
    published=datetime(2024, 3, 5, 20, 58, 41, tzinfo=UTC),
    first_seen=AT,
    reasons=(
        Reason(
            rule="sec-motion",
            title="SEC motion against a tracked exchange",
            severity="high",
            when='entity:us-sec AND motion* NOT "pro hac vice"',
            clauses=("motion*", "entity:us-sec"),
            version="0123456789ab",
        ),
    ),
    passages=(
        Passage(field="title", text=CASE, marks=((14, 48),)),
        Passage(field="body", text=ENTRY, marks=((1, 7), (19, 25), (49, 83))),
    ),
)

NOTICE = Message(
    type="notice",
    thread=digest("notice"),
    at=AT,
    title="Source failing: SEC press releases (http-403)",
    severity="high",
    body="SEC press releases cannot be read: <Undeclared Automated Tool>.\nTry `tipstaff sources test sec`.",
    url="https://www.sec.gov/news/pressreleases.rss",
)


def delivery(message: Message = ALERT, key: str = "one", **changes: Any) -> Delivery:
    """Return a delivery of the message with some of its fields changed."""
    return Delivery(
        key=digest("delivery", key),
        channel="desk",
        message=replace(message, **changes),
        not_before=AT,
        alerts=(digest("alert"),) if message.reasons else (),
    )


def titled(title: str, key: str = "") -> Delivery:
    """Return a news alert with this title, which also opens its text."""
    return delivery(
        key=key or title.encode("utf-8", "surrogatepass").hex(),
        kind="news",
        title=title,
        passages=(Passage(field="title", text=title, marks=((0, 3),)), Passage(field="body", text=title)),
    )
