"""Captured public feeds read here as by feedparser alone: every entry, its guid, link and title."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.feeds import KINDS, survey

CAPTURES = Path(__file__).resolve().parents[2] / ".." / "shared" / "realworld"

NO_FEEDS = {"count100_start5100.past_the_end.html": "maintenance", "nist_csrc_feed.json": "json-error"}
"""Captures that are no feeds, and what they are told to be."""


@pytest.mark.realworld
@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captured feeds do not lie beside the checkout")
@pytest.mark.parametrize("kind", KINDS)
async def test_captured_feeds_read_as_by_feedparser_alone(kind: str) -> None:
    (report,) = await survey(CAPTURES, (kind,), every=7)
    assert report.files
    for compared in report.files:
        if compared.failure:
            assert compared.alone == 0, compared
            expected = NO_FEEDS.get(Path(compared.name).name)
            assert expected is None or compared.failure.startswith(f"{expected}: "), compared
        else:
            assert not compared.difference, compared
            assert compared.unlike == 0, compared
            assert compared.touched == 0, compared
