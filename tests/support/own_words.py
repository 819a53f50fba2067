"""Texts of every kind of character, and the queries that the words of a text make, each of which ought to find it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rules.language.parse import InvalidQuery, parse
from rules.language.query import Node, unparse
from rules.language.regex import BadPattern, Regex
from rules.language.wording import Phrase, Prefix, Sloppy, Spelling
from rules.words import Text, tokenise

PLAIN: Final = "abcdefghijklmnoprstuvwxyzABCMNS0123456789"
MARKS: Final = (
    " \n\t.,'’´¨\"“”-–—…()&$€£¥%/_:;!?*~\u00a0\u2003\u00ad\u200b\u200d\ufe0f\ufdd0|#@"  # blanks, marks, and nothing
)
LETTERS: Final = "éßİıſﬁŒøœǆÅＡＢｓ１９０½²Ⅷ㎏℡№ªµaаоеіВСαΣςβоտɑᴀłđñü\u0301\u0323\u0308\u3099"
SCRIPTS: Final = "米国証券取引委員会かがバパﾊﾞハ゛ー々币安금융위원회ᄀ\u1161\u11a8ㄱㅏกำไทยसिनन्दीעבריתعربي٣०ﷺ𝐁𝒃🄰𠀀"
CHARACTERS: Final = PLAIN + MARKS + LETTERS + SCRIPTS
TRICKY_WORDS: Final = (
    *("motion", "SEC", "Binance", "Binance.US", "U.S.", "SEC's", "1,000", "1,000,000", "12,345.67", "$50M", "8-K"),
    *("order.The", "AT&T", "s", "'s", "1.5", "4.3bn", "1:23-cv-01599", "Вinance", "bіtcoin", "Straße", "İstanbul"),
    *("&", "ﬁl", "_em_", "snake_case", "1.000.000", "100", "10"),
)


def queries_of(text: str) -> Iterator[str]:
    """Yield queries that the words of a text itself make: phrases, beginnings, near-spellings, patterns."""
    read = Text(text)
    for tokens in (read.tokens, read.skeleton or ()):
        for first in range(min(len(tokens), 8)):
            for last in range(first + 1, min(len(tokens), first + 4) + 1):
                for node in clauses_of(tokens[first:last]):
                    if readable(written := unparse(node)):
                        yield written
    for start in range(0, min(len(read.folded), 24), 3):
        pattern = pattern_of(read.folded[start : start + 7])
        if pattern is not None and readable(written := unparse(pattern)):
            yield written


def clauses_of(tokens: list[str]) -> Iterator[Node]:
    """Yield clauses that hold wherever these words stand next to each other."""
    together = " ".join(tokens)
    if '"' in together or tokenise(together) != tuple(tokens):
        return
    yield Phrase(together)
    if len(tokens) > 1:
        yield Sloppy(" ".join(reversed(tokens)), len(tokens))
    for cut in range(max(1, len(tokens[-1]) - 3), len(tokens[-1])):
        beginning = " ".join([*tokens[:-1], tokens[-1][:cut]]).replace(" ", "-")
        if tokenise(beginning) == (*tokens[:-1], tokens[-1][:cut]):
            yield Prefix(beginning)
    if len(tokens) == 1 and 4 <= len(together) <= 40 and together.isalpha():
        yield Spelling(together[0] + together[2:], 1) if len(together) > 4 else Spelling(together, 1)


def pattern_of(folded: str) -> Node | None:
    """Return the pattern that is this stretch of a folded text."""
    try:
        return Regex(re.escape(folded.strip()).replace("\\ ", " ").replace("\\-", "-"))
    except BadPattern:
        return None


def readable(query: str) -> bool:
    """Whether a query can be read."""
    try:
        parse(query)
    except InvalidQuery:
        return False
    return True
