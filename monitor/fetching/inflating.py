"""Turns the bytes of a gzip answer into its text under a limit; other encodings are refused, not read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from monitor.sources import SourceFailure

_PIECE: Final = 65536
_GZIP: Final = 31
"""zlib's window setting for "gzip header expected"."""


def is_gzip(headers: Mapping[str, str]) -> bool:
    """Say whether an answer is gzip (True) or plain (False).

    Raises:
        SourceFailure: kind "encoding": another encoding, or several on top of each other.
    """
    named = [part.strip().lower() for part in headers.get("content-encoding", "").split(",") if part.strip()]
    named = [part for part in named if part != "identity"]
    if not named:
        return False
    if named in (["gzip"], ["x-gzip"]):
        return True
    raise SourceFailure("encoding", f"the answer is encoded as {', '.join(named)[:80]!r}, only gzip was asked for")


class Inflater:
    """Inflates a gzip stream of one or more members piece by piece, never more than 64 KB at a time."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False
        self._over = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what this chunk holds, in pieces of at most 64 KB.

        Raises:
            SourceFailure: kind "encoding": the bytes are not gzip.
        """
        rest = chunk
        while rest and not self._over:
            if self._member.eof:
                # RFC 1952 section 2.2: members follow each other; anything else after one is padding.
                rest = rest.lstrip(b"\0")
                self._over = bool(rest) and not rest.startswith(b"\x1f")
                if self._over or not rest:
                    return
                self._member = zlib.decompressobj(_GZIP)
            self._begun = True
            try:
                piece = self._member.decompress(rest, _PIECE)
            except zlib.error as error:
                raise SourceFailure("encoding", f"the answer says gzip and is not ({error})") from None
            rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece

    def close(self) -> None:
        """Check that the stream came to its end.

        Raises:
            SourceFailure: kind "truncated".
        """
        if self._begun and not self._member.eof:
            raise SourceFailure("truncated", "the compressed answer ends before its end")
