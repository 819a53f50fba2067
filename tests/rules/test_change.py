"""An entry is new, amended or known; every way in which sources name entries badly has its case here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.change import Identity, canonical, compare, guid_print, nothing_recognised, strong_prints, weak_prints
from rules.model import Compared, Document, SeenDocument, Traits

NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)


class Memory:
    """A source's past, kept in dictionaries as the store keeps it in tables."""

    def __init__(self, identity: Identity = "auto") -> None:
        self.aliases: dict[int, dict[str, None]] = defaultdict(dict)
        self.documents: dict[str, Document] = {}
        self.traits = Traits()
        self.identity = identity
        self.last: frozenset[Document] = frozenset()

    def look_up(self, prints: Iterable[int]) -> dict[int, tuple[SeenDocument, ...]]:
        found = {}
        for mark in prints:
            if mark in self.aliases:
                found[mark] = tuple(
                    SeenDocument(key=k, revision=d.revision, title=d.title, published=d.published)
                    for k in self.aliases[mark]
                    if (d := self.documents[k])
                )
        return found

    def read(self, page: Sequence[Document]) -> list[Compared]:
        """One round, with the unchanged entries of the last page left out as delta parsing does."""
        carried = frozenset(guid_print(d.guid or d.url or "") for d in page if d in self.last and (d.guid or d.url))
        unseen = [d for d in page if d not in self.last]
        self.last = frozenset(page)
        seen = self.look_up(strong_prints(unseen))
        if self.documents and nothing_recognised(unseen, seen, carried):
            seen |= self.look_up(weak_prints(unseen))
        comparison = compare(unseen, seen, source="s", traits=self.traits, identity=self.identity, carried=carried)
        self.traits = comparison.traits
        for c in comparison.compared:
            self.documents[c.key] = c.document
            for alias in c.aliases:
                self.aliases[alias][c.key] = None
        return list(comparison.news)

    def titles(self, page: Sequence[Document], novelty: str = "new") -> list[str]:
        return [c.document.title for c in self.read(page) if c.novelty == novelty]


def entry(n: int, **fields: object) -> Document:
    given = {
        "source": "s",
        "guid": f"https://court.test/entry/{n}",
        "url": f"https://court.test/entry/{n}",
        "title": f"Entry {n}",
        "body": f"Text of entry {n}",
        "published": NOON + timedelta(minutes=n),
    }
    return Document(**(given | fields))  # type: ignore[arg-type]


def test_each_entry_is_new_once_and_then_known() -> None:
    memory = Memory()
    assert memory.titles([entry(2), entry(1)]) == ["Entry 1", "Entry 2"], "oldest first"
    assert memory.read([entry(2), entry(1)]) == []
    assert memory.titles([entry(3), entry(2)]) == ["Entry 3"]
    assert memory.read([entry(1), entry(2), entry(3)]) == []


def test_an_edited_entry_is_amended_under_its_key() -> None:
    memory = Memory()
    first = memory.read([entry(1)])[0]
    again = memory.read([entry(1, body="Now with the text of the motion")])[0]
    assert (again.novelty, again.key) == ("amended", first.key)


def test_a_changed_date_alone_is_not_news() -> None:
    memory = Memory()
    memory.read([entry(1), entry(2)])
    assert memory.read([entry(1, published=NOON + timedelta(days=1)), entry(2)]) == []


def test_two_filings_under_one_guid_on_one_page_are_two_documents() -> None:
    memory = Memory()
    page = [entry(1, body="[Motion to Compel]"), entry(1, body="[Order]")]
    assert len(memory.read(page)) == 2
    assert memory.read(page) == []
    assert memory.traits.shared_guids


def test_a_second_filing_under_the_guid_of_one_that_is_still_there_is_new() -> None:
    memory = Memory()
    memory.read([entry(1, body="[Order]")])
    news = memory.read([entry(1, body="[Motion]", published=NOON + timedelta(hours=1)), entry(1, body="[Order]")])
    assert [c.novelty for c in news] == ["new"]


def test_a_docket_page_as_guid_of_all_its_entries_loses_none_over_days() -> None:
    """Some courts give every entry of a case the docket's address as guid, and entries without text repeat."""
    memory = Memory()
    filings = [
        entry(0, title="1:23-cv-01599 SEC v. Binance", body="[Minute Entry]", published=NOON + timedelta(hours=7 * n))
        for n in range(20)
    ]
    found = []
    for upto in range(1, 21):
        window = list(reversed(filings[max(0, upto - 4) : upto]))
        found += memory.read(window)
    assert len(found) == 20


def test_one_shared_link_without_guids_loses_none() -> None:
    memory = Memory()
    page = [entry(n, guid=None, url="https://agency.test/news") for n in range(5)]
    assert len(memory.read(page)) == 5
    assert memory.read(page) == []
    assert memory.titles([entry(9, guid=None, url="https://agency.test/news"), *page]) == ["Entry 9"]


def test_entries_without_guid_and_link_are_told_apart_by_content() -> None:
    memory = Memory()
    page = [entry(n, guid=None, url=None) for n in range(3)]
    assert len(memory.read(page)) == 3
    assert memory.titles([entry(7, guid=None, url=None), *page]) == ["Entry 7"]


def test_guids_made_up_on_every_fetch_do_not_storm() -> None:
    memory = Memory()
    memory.read([entry(n, guid=f"a-{n}") for n in range(10)])
    for fetch in range(3):
        page = [entry(n, guid=f"{fetch}-{n}") for n in range(10)]
        assert memory.read(page) == []
    assert memory.titles([entry(10, guid="z-10"), *(entry(n, guid=f"z-{n}") for n in range(10))]) == ["Entry 10"]


def test_a_guid_scheme_migration_is_not_news_even_when_links_and_dates_move() -> None:
    by_date = [entry(n, guid=f"tag:{n}", url=f"https://new.test/a/{n}") for n in range(8)]
    by_link = [entry(n, guid=f"tag:{n}", published=NOON + timedelta(days=30)) for n in range(8)]
    for migrated in (by_date, by_link):
        memory = Memory()
        memory.read([entry(n) for n in range(8)])
        assert memory.read(migrated) == []
        assert memory.traits.migrations == 1
        assert memory.titles([entry(9, guid="tag:9"), *migrated]) == ["Entry 9"]


def test_session_scheme_and_tracking_in_guids_do_not_make_entries_new() -> None:
    memory = Memory()
    memory.read([entry(1, guid="http://www.x.test/a?id=1&utm_source=rss"), entry(2)])
    assert memory.read([entry(1, guid="https://x.test/a?id=1&utm_source=mail#top"), entry(2)]) == []
    assert canonical("http://x.test/a;jsessionid=99?caseid=7&sid=1") == "x.test/a?caseid=7"


def test_the_same_words_with_other_guid_and_link_while_the_first_is_still_there_are_two() -> None:
    memory = Memory()
    twins = [entry(1), entry(2, title="Entry 1", body="Text of entry 1", published=NOON + timedelta(minutes=1))]
    assert len(memory.read(twins)) == 2
    memory = Memory()
    memory.read(twins[:1])
    assert len(memory.read(twins)) == 1


def test_a_daily_round_up_under_one_guid_is_new_each_day() -> None:
    memory = Memory()
    memory.read([entry(1, title="What happened on Tuesday"), entry(2)])
    news = memory.read([entry(1, title="What happened on Wednesday", published=NOON + timedelta(days=1)), entry(2)])
    assert [c.novelty for c in news] == ["new"]


def test_dates_never_decide_whether_an_entry_is_told() -> None:
    memory = Memory()
    memory.read([entry(n) for n in range(3)])
    odd = [
        entry(10, published=None),
        entry(11, published=NOON - timedelta(days=900)),
        entry(12, published=NOON + timedelta(days=900)),
    ]
    page = [*(entry(n) for n in range(3)), *odd]
    assert sorted(memory.titles(page)) == ["Entry 10", "Entry 11", "Entry 12"]


def test_identity_by_guid_follows_the_guid_whatever_else_changes() -> None:
    memory = Memory("guid")
    memory.read([entry(1)])
    assert memory.read([entry(1, title="Another", published=NOON + timedelta(days=3))])[0].novelty == "amended"


def test_identity_by_content_ignores_the_guid() -> None:
    memory = Memory("content")
    memory.read([entry(1)])
    assert memory.titles([entry(1, title="Another")]) == ["Another"]


def test_keys_come_from_content_only() -> None:
    one, other = Memory(), Memory()
    page = [entry(n) for n in range(5)]
    assert [c.key for c in one.read(page)] == [c.key for c in other.read(page)]


entries = st.builds(
    entry,
    st.integers(0, 12),
    guid=st.one_of(st.none(), st.sampled_from(["g1", "g2", "https://c.test/docket?7"])),
    url=st.one_of(st.none(), st.sampled_from(["https://c.test/docket?7", "https://c.test/x"])),
    title=st.sampled_from(["SEC v. Binance", "Chau v. Donovan"]),
    body=st.sampled_from(["[Motion]", "[Order]", "[Minute Entry]", ""]),
    published=st.one_of(st.none(), st.integers(0, 3).map(lambda h: NOON + timedelta(hours=h))),
)


@given(st.lists(entries, max_size=12, unique=True))
@settings(max_examples=300, deadline=None)
def test_every_distinct_entry_of_a_first_page_is_stored(page: list[Document]) -> None:
    """The oracle: entries are the same when guid-or-link, words and date are."""
    distinct = {(d.guid or d.url, d.title, d.body, d.published) for d in page}
    memory = Memory()
    assert len(memory.read(page)) == len(distinct)
    assert memory.read(page) == []


@given(st.lists(st.lists(st.integers(0, 30), max_size=10, unique=True), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_over_any_history_of_well_named_entries_each_is_new_exactly_once(pages: list[list[int]]) -> None:
    memory = Memory()
    told: list[str] = []
    for page in pages:
        told += memory.titles([entry(n) for n in page])
    assert sorted(told) == sorted({f"Entry {n}" for page in pages for n in page})


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_shared_guid_never_loses_an_entry_of_a_rolling_window(pages: list[list[int]]) -> None:
    """Entries share the docket's address and differ in date; none may be lost whatever windows are seen."""
    memory = Memory()
    memory.traits = replace(memory.traits, shared_guids=True)
    found: set[datetime | None] = set()
    for page in pages:
        shared = [entry(n, guid="docket", url="docket", title="A v. B", body="[Order]") for n in sorted(page)]
        found |= {c.document.published for c in memory.read(shared)}
    assert found == {NOON + timedelta(minutes=n) for page in pages for n in page}
