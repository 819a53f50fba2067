"""Whether an entry of a source is new, amended or known; what follows from that is not decided here.

A guid alone does not identify. Court feeds put several filings under one guid (or one docket page under all
of a case's entries), other sources make up new guids on every fetch or rename them all once. So every entry
leaves several fingerprints, and the answer comes from all of them and from what else is on the same page:

- `name`   the guid, or the link where there is none
- `entry`  name, title, body and date: this very entry
- `dated`  link, title, body and date: this entry under another guid
- `moved`  title, body and date: this entry under another guid and link
- `stamped` title, body and link: this entry under another guid and date

The last two are believed only when a page that should overlap with the last one has nothing in common with it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from rules.model import Compared, Document, SeenDocument, Traits, digest

Identity = Literal["auto", "guid", "content"]
"""How a source's entries are told apart: `guid` trusts the guid, `content` never does, `auto` learns."""

REUSED_AFTER: Final = timedelta(hours=12)
"""A guid that comes back with another title and a date at least this far off names another entry (round-ups)."""

_TRACKING: Final = re.compile(
    r"^(utm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|ncid|cmpid|_ga|phpsessid|jsessionid|sessionid|sid|timestamp)(=|$)",
    re.IGNORECASE,
)
_SESSION_PATH: Final = re.compile(r";(jsessionid|phpsessid|sid)=[^/?#]*", re.IGNORECASE)


def canonical(link: str) -> str:
    """Return the link without scheme, `www.`, default port, fragment, session and tracking parameters."""
    text = link.strip()
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").removeprefix("www.")
        port = parts.port
    except ValueError:
        return text
    if parts.scheme not in {"http", "https"} or not host:
        return text
    kept = [pair for pair in parts.query.split("&") if pair and not _TRACKING.match(pair)]
    path = _SESSION_PATH.sub("", parts.path).rstrip("/")
    where = host if port in {None, 80, 443} else f"{host}:{port}"
    return where + path + ("?" + "&".join(kept) if kept else "")


def guid_print(name: str) -> int:
    """Return the fingerprint of a guid (or of the link that stands in for it)."""
    return _print("name", canonical(name))


def _print(sort: str, *parts: str) -> int:
    raw = digest(sort, *parts)
    return int.from_bytes(hashlib.blake2b(raw.encode(), digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True, slots=True)
class Prints:
    """The fingerprints of one document, signed 64-bit each; None where the document lacks what it needs."""

    name: int | None
    entry: int
    dated: int | None
    moved: int
    stamped: int

    def strong(self) -> tuple[int, ...]:
        """Those that are believed on any page."""
        return tuple(p for p in (self.name, self.entry, self.dated) if p is not None)

    def weak(self) -> tuple[int, ...]:
        """Those that are believed only when nothing else on the page is recognised."""
        return (self.moved, self.stamped)


def prints(document: Document) -> Prints:
    """Take the fingerprints of one document."""
    name = document.guid or document.url
    canonical_name = canonical(name) if name else ""
    link = canonical(document.url) if document.url else ""
    date = document.published.isoformat() if document.published else ""
    text = (document.title, document.body)
    return Prints(
        name=_print("name", canonical_name) if name else None,
        entry=_print("entry", canonical_name, *text, date),
        dated=_print("dated", link, *text, date) if date else None,
        moved=_print("moved", *text, date),
        stamped=_print("stamped", link, *text),
    )


def strong_prints(documents: Iterable[Document]) -> frozenset[int]:
    """Return what must be looked up before `compare`."""
    return frozenset(p for document in documents for p in prints(document).strong())


def weak_prints(documents: Iterable[Document]) -> frozenset[int]:
    """Return what must be looked up besides when `nothing_recognised` says so."""
    return frozenset(p for document in documents for p in prints(document).weak())


def nothing_recognised(
    documents: Sequence[Document], seen: Mapping[int, tuple[SeenDocument, ...]], carried: Collection[int]
) -> bool:
    """Say whether a page has nothing in common with what is remembered: renamed entries, or another feed."""
    return len(documents) > 1 and not carried and not any(p in seen for p in strong_prints(documents))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The verdict on one page: its documents oldest first, and what was learnt about the source."""

    compared: tuple[Compared, ...]
    traits: Traits

    @property
    def news(self) -> tuple[Compared, ...]:
        """The documents that rules have to look at: new and amended ones."""
        return tuple(c for c in self.compared if c.novelty != "seen")


def compare(
    documents: Sequence[Document],
    seen: Mapping[int, tuple[SeenDocument, ...]],
    *,
    source: str,
    traits: Traits,
    identity: Identity = "auto",
    carried: Collection[int] = (),
) -> Comparison:
    """Compare the documents of one page (newest first, as feeds have them) with what was seen before.

    Args:
        documents: the entries that are not byte for byte as they were last time.
        seen: fingerprint -> documents of this source that left it; at least for `strong_prints(documents)`.
        source: the source's id; part of every key.
        traits: what earlier rounds learnt about the source.
        identity: how entries are told apart.
        carried: `guid_print` of the entries that were on the page last time and still are, unchanged.
    """
    page = _Page(documents, seen, source=source, traits=traits, identity=identity, carried=frozenset(carried))
    return page.judge()


class _Page:
    """The state of one comparison; lives for one call."""

    def __init__(
        self,
        documents: Sequence[Document],
        seen: Mapping[int, tuple[SeenDocument, ...]],
        *,
        source: str,
        traits: Traits,
        identity: Identity,
        carried: frozenset[int],
    ) -> None:
        self.entries = self._distinct(documents)
        self.seen = seen
        self.source = source
        self.traits = traits
        self.identity = identity
        self.carried = carried
        self.names = Counter(p.name for _, p in self.entries)
        self.claimed: set[str] = set()

    @staticmethod
    def _distinct(documents: Sequence[Document]) -> list[tuple[Document, Prints]]:
        """Oldest first, exact repeats on one page dropped."""
        distinct: dict[int, tuple[Document, Prints]] = {}
        for document in reversed(documents):
            marks = prints(document)
            distinct.setdefault(marks.entry, (document, marks))
        return list(distinct.values())

    def judge(self) -> Comparison:
        verdicts = [self._recognise(document, marks) for document, marks in self.entries]
        renamed = self._renamed(verdicts)
        compared: dict[str, Compared] = {}
        for (document, marks), verdict in zip(self.entries, renamed or verdicts, strict=True):
            outcome = verdict or self._fresh(document, marks)
            compared[outcome.key] = outcome
        shared = self.traits.shared_guids or any(self._shares(marks) for _, marks in self.entries)
        learnt = replace(self.traits, shared_guids=shared, migrations=self.traits.migrations + bool(renamed))
        return Comparison(compared=tuple(compared.values()), traits=learnt)

    def _shares(self, marks: Prints) -> bool:
        """Another entry of this very page has the same name."""
        return marks.name is not None and (self.names[marks.name] > 1 or marks.name in self.carried)

    def _by_content(self, marks: Prints) -> bool:
        if marks.name is None or self.identity == "content":
            return True
        if self.identity == "guid":
            return False
        return self._shares(marks) or len(self.seen.get(marks.name, ())) > 1

    def _recognise(self, document: Document, marks: Prints) -> Compared | None:
        """Return the known document that this entry is, by its strong fingerprints; None when it is none."""
        for known in self.seen.get(marks.entry, ()):
            return self._known(known, document, marks)
        if marks.name is not None and not self._by_content(marks):
            for known in self.seen.get(marks.name, ()):
                if not self._reused(document, known):
                    return self._known(known, document, marks)
                return None
        if marks.dated is not None and self.identity == "auto":
            for known in self.seen.get(marks.dated, ()):
                if not self._still_there(known):
                    return self._known(known, document, marks)
        return None

    def _reused(self, document: Document, known: SeenDocument) -> bool:
        """The guid is known, but it names another entry now."""
        if self.identity == "guid" or document.published is None or known.published is None:
            return False
        apart = abs(document.published - known.published)
        if self.traits.shared_guids:
            return bool(apart)
        return document.title != known.title and apart >= REUSED_AFTER

    def _still_there(self, known: SeenDocument) -> bool:
        """The known document is itself on this page, so that an entry like it is another one."""
        if known.key in self.claimed:
            return True
        if self.traits.shared_guids:
            return bool(self.carried)
        return any(self._key("name", name) == known.key for name in self.carried)

    def _known(self, known: SeenDocument, document: Document, marks: Prints) -> Compared:
        self.claimed.add(known.key)
        missing = tuple(
            p for p in (*marks.strong(), *marks.weak()) if all(s.key != known.key for s in self.seen.get(p, ()))
        )
        amended = known.revision != document.revision
        only_weak = not amended and not any(p in missing for p in marks.strong())
        return Compared(
            key=known.key,
            document=document,
            novelty="amended" if amended else "seen",
            aliases=() if only_weak else missing,
        )

    def _fresh(self, document: Document, marks: Prints) -> Compared:
        if marks.name is None or self._by_content(marks) or self.seen.get(marks.name):
            key = self._key("entry", marks.entry)
        else:
            key = self._key("name", marks.name)
        return Compared(key=key, document=document, novelty="new", aliases=(*marks.strong(), *marks.weak()))

    def _key(self, sort: str, mark: int) -> str:
        return digest("document", self.source, sort, str(mark))

    def _renamed(self, verdicts: Sequence[Compared | None]) -> list[Compared | None] | None:
        """Recognise entries by weak fingerprints where the whole page seems to have been renamed."""
        if self.identity != "auto" or self.carried or len(verdicts) < 2 or any(verdicts):
            return None
        if self.traits.shared_guids:
            # Bare entries of one docket differ in nothing but the date: rather tell twice than lose one.
            return None
        found = [self._by_weak(document, marks) for document, marks in self.entries]
        if sum(1 for verdict in found if verdict) * 2 < len(found):
            self.claimed.clear()
            return None
        return found

    def _by_weak(self, document: Document, marks: Prints) -> Compared | None:
        for mark in marks.weak():
            for known in self.seen.get(mark, ()):
                if known.key not in self.claimed:
                    return self._known(known, document, marks)
        return None
