"""Titles that try to become something else in a mail: headers, bodies, other subjects, or an exception."""

from __future__ import annotations

import random
from collections.abc import Iterator

TITLES = (
    "=?utf-8?q?Motion=0D=0ABcc:_evil@x.test?=",
    "=?utf-8?q?Motion=0D=0A=0D=0AThe body begins here?=",
    "=?utf-8?b?TW90aW9uDQpCY2M6IGV2aWxAeC50ZXN0?=",
    "=?iso-8859-1?Q?a?= =?utf-8?q?=0ABcc:_evil@x.test?=",
    "=\n?utf-8?q?=0D=0ABcc:_evil@x.test?=",
    "==?utf-8?q?=0ABcc:x?==?utf-8?q?=0ABcc:x?=",
    "Motion\r\nBcc: evil@x.test",
    "Motion\nBcc: evil@x.test",
    "Motion\rBcc: evil@x.test",
    "Motion\r\n\r\nThe body begins here",
    "Motion\r\n.\r\nMAIL FROM:<evil@x.test>",
    "Motion\u0085Bcc: evil@x.test",
    "Motion\u2028Bcc: evil@x.test",
    "Motion\u2029Bcc: evil@x.test",
    "Motion\x0bBcc: evil@x.test",
    "Motion\x0cBcc: evil@x.test",
    "Motion\x00Bcc: evil@x.test",
    "Motion\x1b[31m red \x07",
    "Motion \ud800 half a character",
    "\udfff\ud800",
    "\u202egnihtemos desrever",
    "Motion \u2066left\u2069 \u202aopen",
    "🚨" * 150,
    "Ж" * 400,
    "x" * 5000,
    "x" * 190 + "🚨🚨🚨 and more words",
    "word " * 200,
    "",
    "   \t\r\n ",
    "\x00",
    ".",
    "..\r\n.\r\n",
    "From the court: motion",
    "Subject: Subject: x",
    "[critical] not as grave as it looks",
    "<script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    '"><a href="javascript:alert(1)">x</a>',
    "--=_border\r\nContent-Type: text/html\r\n\r\n<b>x</b>",
    'a, b; c <d@e.test>: f (g) \\ " h',
    "e\u0301" * 150,
    "\ufeffBOM and \u200bzero width",
    "\ufffe\uffff noncharacters \U0010ffff",
    "עברית قرار English 中文 ไทย",
    "Securities and Exchange Commission v. Müller & Söhne GmbH",
    "100 % = 50 % + 50 % =20=0D=0A",
)

_PIECES = (
    "=?", "?=", "utf-8", "?q?", "?b?", "=0D=0A", "=0A", "\r\n", "\n", "\r", "\r\n\r\n", "Bcc: evil@x.test",
    "Content-Type: text/html", ".", "\r\n.\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x00", "\x1c", "\x1d",
    "\x1e", "\x1f", "\x7f", "\x9f", "\ud800", "\udc00", "\u202e", "\u2067", " ", "\t", "  ", ":", ";", ",", "<", ">",
    "\"", "\\", "(", ")", "@", "Motion", "order", "v.", "é", "ß", "Ж", "中", "🚨", "\U0010ffff", "\ufeff", "x" * 80,
    "=", "To: y@x.test", "--=_", "%0d%0a",
)  # fmt: skip


def made(count: int, seed: int) -> Iterator[str]:
    """Yield titles put together from what breaks mails; the same ones for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        if chance.random() < 0.2:
            yield "".join(chr(_code(chance)) for _ in range(chance.randrange(1, 300)))
        else:
            yield "".join(chance.choice(_PIECES) for _ in range(chance.randrange(1, 60)))


def _code(chance: random.Random) -> int:
    return chance.choice((chance.randrange(0x80), chance.randrange(0x3000), chance.randrange(0x110000)))
