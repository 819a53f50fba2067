"""Cuts the raw bytes of a feed at its entries, so that only entries not seen before need to be parsed.

Nothing is interpreted: prologue, some entries and epilogue put together again are a feed to feedparser exactly
as the whole was. Whatever is unusual (comments or odd tags among the entries, CDATA that holds entry tags, wide
encodings, anything between entries) is not cut at all, and the caller has the whole parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

_TOKEN: Final = re.compile(
    rb"<!--|<!\[CDATA\[|<(?P<close>/?)(?P<name>(?:[\w.-]+:)?(?:item|entry))(?=[\s/>])", re.IGNORECASE
)
_ENTRY_TAG: Final = re.compile(rb"</?(?:[\w.-]+:)?(?:item|entry)(?=[\s/>])", re.IGNORECASE)
_BEFORE_ROOT: Final = re.compile(
    rb"\s+|\xef\xbb\xbf|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE
)
_START_TAG: Final = re.compile(rb"<([A-Za-z_][\w.:-]*)[^<>]*>")
_ROOTS: Final = frozenset({b"rss", b"rdf", b"feed", b"channel"})
_WIDE_BOMS: Final = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_CHANNEL: Final = re.compile(rb"<channel[\s>]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A feed in pieces. `cut` says that it ended before its end: entries are whole, the rest was left off."""

    prologue: bytes
    entries: tuple[bytes, ...]
    epilogue: bytes
    cut: bool = False

    def prints(self) -> tuple[bytes, ...]:
        """Return eight bytes for each raw entry, under the declaration and root tag it is read with."""
        key = blake2b(_frame(self.prologue), digest_size=16).digest()
        return tuple(blake2b(entry, digest_size=8, key=key).digest() for entry in self.entries)

    def only(self, indices: Iterable[int]) -> bytes:
        """Return the feed as if it had these entries alone."""
        return b"".join((self.prologue, *(self.entries[i] for i in indices), self.epilogue))

    def slices(self, indices: Sequence[int], *, count: int, size: int) -> Iterator[tuple[int, ...]]:
        """Yield the indices in groups of at most `count` entries and about `size` bytes."""
        group: list[int] = []
        held = 0
        for index in indices:
            length = len(self.entries[index])
            if group and (len(group) >= count or held + length > size):
                yield tuple(group)
                group, held = [], 0
            group.append(index)
            held += length
        if group:
            yield tuple(group)


def split_feed(body: bytes) -> Split | None:
    """Cut a feed at its entries, or return None: it is to be parsed whole."""
    if body[:3].startswith(_WIDE_BOMS) or b"\0" in body[:64] or b"\x1b" in body:
        return None
    spans, last, name = _spans(body)
    if spans is None or not spans or name is None:
        return None
    prologue, rest = body[: spans[0][0]], body[last:]
    root = root_tag(prologue)
    if root is None:
        return None
    cut = not _closes(rest, root)
    if not cut and _ENTRY_TAG.search(rest):
        return None
    return Split(
        prologue=prologue,
        entries=tuple(body[start:end] for start, end in spans),
        epilogue=_closing(prologue, root) if cut else rest,
        cut=cut,
    )


def _spans(body: bytes) -> tuple[list[tuple[int, int]] | None, int, bytes | None]:
    """Find the entries as (start, end), the end of the last one and their tag; None where something is unusual."""
    spans: list[tuple[int, int]] = []
    name: bytes | None = None
    start: int | None = None
    position = last = 0
    while found := _TOKEN.search(body, position):
        tag = found["name"]
        if tag is None:
            end = _past_section(body, found, among_entries=start is not None)
            if end is None:
                # in a body that was cut, the last section has no end and its entry is the incomplete one
                return (spans, last, name) if _is_open(body, found) and spans else (None, 0, None)
            position = end
            continue
        close = body.find(b">", found.end())
        if close < 0:
            break
        name = name or tag
        if tag != name or name not in (b"item", b"entry"):
            return None, 0, None
        if not found["close"]:
            if start is not None or body[close - 1 : close] == b"/" or (spans and body[last : found.start()].strip()):
                return None, 0, None
            start = found.start()
        else:
            if start is None or body[found.end() : close].strip():
                return None, 0, None
            spans.append((start, close + 1))
            start, last = None, close + 1
        position = close + 1
    return spans, last, name


def _past_section(body: bytes, found: re.Match[bytes], *, among_entries: bool) -> int | None:
    """Return the end of a comment or CDATA section, or None where it makes the feed unusual."""
    comment = found[0] == b"<!--"
    end = body.find(b"-->" if comment else b"]]>", found.end())
    if end < 0 or (comment and among_entries) or _ENTRY_TAG.search(body, found.end(), end):
        return None
    return end + 3


def _is_open(body: bytes, found: re.Match[bytes]) -> bool:
    return body.find(b"-->" if found[0] == b"<!--" else b"]]>", found.end()) < 0


def root_tag(body: bytes) -> bytes | None:
    """Return the name of the root element, as it is written, if it is one of a feed."""
    root = _root(body)
    return root[1] if root and root[1].rpartition(b":")[2].lower() in _ROOTS else None


def _root(body: bytes) -> re.Match[bytes] | None:
    at = 0
    while found := _BEFORE_ROOT.match(body, at):
        at = found.end()
    return _START_TAG.match(body, at)


def _frame(prologue: bytes) -> bytes:
    """Return what decides how an entry's bytes are read: the declaration and the root's start tag."""
    root = _root(prologue)
    declaration = re.match(rb"\s*<\?xml[^>]*>", prologue)
    return (declaration[0] if declaration else b"") + (root[0] if root else b"")


def _closes(rest: bytes, root: bytes) -> bool:
    """Say whether the root ends; `</channel>` will do, for it closes all that counts."""
    return re.search(rb"</(" + re.escape(root) + rb"|channel)\s*>", rest) is not None


def _closing(prologue: bytes, root: bytes) -> bytes:
    inner = b"</channel>" if root == b"rss" and _CHANNEL.search(prologue) else b""
    return inner + b"</" + root + b">"


def is_cut(body: bytes) -> bool:
    """Say whether an XML feed ends before its root element does; for bodies that are parsed whole."""
    if body[:3].startswith(_WIDE_BOMS) or b"\0" in body[:4]:
        body = body.replace(b"\0", b"")  # the tags are ASCII, so this leaves them readable
        body = body.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    root = root_tag(body)
    return root is not None and not _closes(body[-4096:], root) and not _closes(body, root)


def ends_inside_entry(body: bytes) -> bool:
    """Say whether the last entry of a cut feed is incomplete."""
    opened = max(body.rfind(b"<item"), body.rfind(b"<entry"))
    closed = max(body.rfind(b"</item"), body.rfind(b"</entry"))
    return opened > closed
