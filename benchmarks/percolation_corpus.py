"""The documents that the percolation benchmark reads: headlines, releases and filings, no two of them alike.

Where captured public texts lie beside the checkout, every sentence is one of theirs, with numbers and names exchanged
where a sentence is used more than once; elsewhere sentences are made of a vocabulary of Zipf's shape.
"""

from __future__ import annotations

import json
import random
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

import feedparser

from rules.text import plain

CAPTURES: Final = (Path(__file__).resolve().parents[1] / ".." / "shared" / "realworld").resolve()
KINDS: Final = ("headlines", "releases", "filings")
BYTES: Final = {"releases": 3_000, "filings": 500_000}
"""How long a text of each kind is; headlines are as long as those that were captured, some 75 bytes."""

Written = tuple[str, str]
"""Title and body of a document."""

_FEEDS: Final = ("news-feeds", "crypto-feeds", "regulator-feeds", "edgar-atom", "pacer-rss")
_PAGES: Final = ("articles", "edgar-docs", "regulator-pages", "congress-legislation")
_RECORDS: Final = ("gdelt", "federal-register", "json-feeds", "regulations-gov", "courtlistener-api")
_PARTS: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_PROSE: Final = re.compile(r"[^\W\d_]{2,}")
_LONGEST: Final = 600
_SLOT: Final = re.compile(
    r"(?<=[a-z,;:] )[A-Z][a-z]+(?: [A-Z][A-Za-z]+)+|(?<= - )[A-Z][A-Z &.,]{5,}(?= \()|\d[\d,.]*\d"
)


@dataclass(frozen=True)
class Pool:
    """What documents are made of."""

    origin: str
    """Where the sentences come from, for the report."""
    titles: tuple[str, ...]
    """Texts of the length and kind of a headline."""
    groups: tuple[tuple[str, ...], ...]
    """Sentences in the order in which they stood, a group for each text they are from."""
    companies: tuple[str, ...]
    """Real or made-up names, the largest companies first."""

    @property
    def sentences(self) -> Iterator[str]:
        yield from self.titles
        for group in self.groups:
            yield from group


def read_pool(seed: int = 1, captures: Path = CAPTURES) -> Pool:
    """Return the captured sentences, or made-up ones where there are no captures."""
    return _captured(captures) if captures.is_dir() else _made_up(seed)


# --- captured texts ---------------------------------------------------------------------------------------------


def _captured(captures: Path) -> Pool:
    titles: dict[str, None] = {}
    groups: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for name, text in _texts(captures, titles):
        group = [s for s in _sentences(text) if not (s in seen or seen.add(s))]  # type: ignore[func-returns-value]
        if group:
            groups.append(tuple(group))
            if not name.startswith(("edgar-docs", "regulator-pages")):
                titles.update(dict.fromkeys(s for s in group if _like_a_headline(s)))
    whole = sum(len(sentence) for group in groups for sentence in group)
    origin = f"captured public texts: {len(titles):,} headlines, {whole / 1e6:.1f} MB of sentences"
    tickers = json.loads((captures / "entity-names" / "company_tickers.json").read_text(encoding="utf-8"))
    companies = tuple(dict.fromkeys(row["title"] for row in tickers.values()))
    return Pool(origin=origin, titles=tuple(titles), groups=tuple(groups), companies=companies)


def _texts(captures: Path, titles: dict[str, None]) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of everything captured that has sentences; put the titles of feeds into `titles`."""
    for folder in _FEEDS:
        for path in _files(captures / folder):
            if path.suffix in {".xml", ".rss", ".atom"}:
                yield path.name, _feed(path, titles)
    for folder in _PAGES:
        for path in _files(captures / folder):
            # The indexes beside the filings are lists of paths.
            if path.suffix != ".json" and "index" not in path.parts:
                yield f"{folder}/{path.name}", plain(path.read_text(encoding="utf-8", errors="replace"), 10**7)
    for folder in _RECORDS:
        for path in _files(captures / folder):
            if path.suffix == ".json":
                try:
                    strings = list(_strings(json.loads(path.read_text(encoding="utf-8", errors="replace"))))
                except ValueError:
                    continue
                titles.update(dict.fromkeys(s for s in strings if _like_a_headline(s)))
                yield path.name, "\n".join(plain(string, 10**6) for string in strings)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _feed(path: Path, titles: dict[str, None]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entries = feedparser.parse(path.read_bytes(), sanitize_html=False).entries
    bodies = []
    for entry in entries:
        title = " ".join(plain(dict.get(entry, "title") or "", _LONGEST).split())
        if 20 <= len(title.encode()) <= 160:
            titles[title] = None
        bodies += [dict.get(entry, "summary") or "", *(part.value for part in dict.get(entry, "content") or ())]
    return "\n".join(plain(body, 10**6) for body in bodies)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _sentences(text: str) -> Iterator[str]:
    for part in _PARTS.split(text):
        sentence = " ".join(part.split())
        letters = sum(map(str.isalpha, sentence))
        # Lines of a ledger stay, encoded images and addresses do not.
        if 20 < len(sentence) < _LONGEST and len(_PROSE.findall(sentence)) >= 3 and letters > len(sentence) / 3:
            yield sentence


def _like_a_headline(text: str) -> bool:
    return 48 <= len(text.encode()) <= 110 and len(_PROSE.findall(text)) >= 6 and text[0].isupper()


# --- made-up texts ----------------------------------------------------------------------------------------------

_ONSETS: Final = re.split(" ", "b br c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sh st str t th tr v w z")
_RHYMES: Final = re.split(
    " ", "a ab ade al an ant ar ase e ed el en ent er ess i ic ide il in ing ion o or us um é ö"
)
_FORMS: Final = ("Inc.", "Corp", "Ltd", "plc", "AG")


def _made_up(seed: int) -> Pool:
    rng = random.Random(seed)
    words = list(
        dict.fromkeys(
            "".join(rng.choice(_ONSETS) + rng.choice(_RHYMES) for _ in range(min(1 + rank // 60, rng.randint(1, 4))))
            for rank in range(40_000)
        )
    )
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))

    def sentence(least: int, most: int) -> str:
        drawn = rng.choices(words, cum_weights=weights, k=rng.randint(least, most))
        for number in range(len(drawn)):
            if rng.random() < 0.06:
                drawn[number] = f"{rng.randint(1, 10**6):,}"
            elif rng.random() < 0.08:
                drawn[number] = drawn[number].capitalize() + rng.choice((",", "", "", ";"))
        return " ".join(drawn).capitalize()

    def name() -> str:
        return " ".join((*map(str.capitalize, rng.choices(words[500:], k=2)), rng.choice(_FORMS)))

    return Pool(
        origin="made-up texts with a vocabulary of Zipf's shape (there are no captured ones beside the checkout)",
        titles=tuple(dict.fromkeys(sentence(6, 11) for _ in range(12_000))),
        groups=tuple(tuple(sentence(6, 40) + "." for _ in range(250)) for _ in range(100)),
        companies=tuple(dict.fromkeys(name() for _ in range(10_000))),
    )


# --- documents --------------------------------------------------------------------------------------------------


class Writer:
    """Writes documents out of a pool; the same seed gives the same ones."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self._pool = pool
        self._rng = random.Random(seed)
        # A few companies are in the news every day, most never.
        self._fame = list(accumulate(1 / (rank + 5) for rank in range(len(pool.companies))))
        self._groups = [group for group in pool.groups if len(group) >= 8]
        self._sizes = list(accumulate(len(group) ** 0.7 for group in self._groups))
        self._cast: list[str] = []
        self._written: set[str] = set()

    def passes(self, kind: str, number: int) -> tuple[list[Written], list[Written]]:
        """Return two passes of so many documents of a kind; no document comes twice."""
        if kind == "headlines":
            titles = list(self._pool.titles)
            self._rng.shuffle(titles)
            half = len(titles) // 2
            return self._headlines(titles[:half], number), self._headlines(titles[half:], number)
        return (
            [self._document(BYTES[kind], kind) for _ in range(number)],
            [self._document(BYTES[kind], kind) for _ in range(number)],
        )

    def _headlines(self, titles: list[str], number: int) -> list[Written]:
        made: list[Written] = []
        while len(made) < number:
            title = titles[len(made) % len(titles)]
            if len(made) >= len(titles):
                title = self._changed(title, 0.8)
            if title in self._written:
                title = f"{self._company()}: {title}"
            while title in self._written:
                title += f" - {self._company()}"
            self._written.add(title)
            made.append((title, ""))
        return made

    def _document(self, size: int, kind: str) -> Written:
        """Write about a few things and companies, with a little of everything between."""
        title = self._changed(self._rng.choice(self._pool.titles), 0.5)
        filing = kind == "filings"
        about = self._rng.choices(self._groups, cum_weights=self._sizes, k=4 if filing else 2)
        self._cast = [self._company() for _ in range(12 if filing else 3)]
        pieces: list[str] = []
        length = 0
        while length < size:
            group = self._rng.choice(about if self._rng.random() < 0.95 else self._groups)
            start = self._rng.randrange(len(group))
            run = group[start : start + self._rng.randint(2, 40 if filing else 8)]
            pieces.append(" ".join(self._changed(sentence, 0.5) for sentence in run))
            length += len(pieces[-1].encode()) + 1
        self._cast = []
        body = "\n".join(pieces).encode()[:size].decode(errors="ignore")
        assert body not in self._written
        self._written.add(body)
        return title, body

    def _company(self) -> str:
        (name,) = self._rng.choices(self._pool.companies, cum_weights=self._fame)
        return name.title() if name.isupper() else name

    def _changed(self, sentence: str, share: float) -> str:
        """Exchange so large a share of the numbers and names."""
        return _SLOT.sub(lambda found: self._other(found[0]) if self._rng.random() < share else found[0], sentence)

    def _other(self, text: str) -> str:
        if text[0].isdigit():
            return "".join(self._rng.choice("123456789") if sign.isdigit() else sign for sign in text)
        return self._rng.choice(self._cast) if self._cast else self._company()
