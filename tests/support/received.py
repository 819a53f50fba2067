"""Reads a received mail as a mail program would, by the standard library's old and tolerant parser."""

from __future__ import annotations

import email
import email.header
from dataclasses import dataclass
from email.message import Message


@dataclass(frozen=True)
class Received:
    """A mail as its reader sees it."""

    message: Message

    @property
    def names(self) -> list[str]:
        return self.message.keys()

    def header(self, name: str) -> str:
        """Return a header unfolded and decoded."""
        raw = str(self.message[name]).replace("\r\n", "").replace("\n", "").strip()
        return str(email.header.make_header(email.header.decode_header(raw)))

    @property
    def subject(self) -> str:
        return self.header("Subject")

    @property
    def types(self) -> list[str]:
        return [part.get_content_type() for part in self.message.walk()]

    def part(self, content_type: str) -> str:
        """Return the decoded text of a part, with \\n line ends."""
        found = [p for p in self.message.walk() if p.get_content_type() == content_type]
        raw = found[0].get_payload(decode=True)
        assert isinstance(raw, bytes)
        return raw.decode("utf-8").replace("\r\n", "\n")


def read(raw: bytes) -> Received:
    """Parse the bytes of one mail."""
    return Received(email.message_from_bytes(raw))
