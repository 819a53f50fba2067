"""Which rules a book looks at: never too few, whatever characters a text is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queries import texts

from rules.language.parse import InvalidQuery, parse
from rules.language.query import unparse
from rules.language.regex import BadPattern, Regex
from rules.language.wording import Phrase, Prefix, Sloppy, Spelling
from rules.model import Document, Rule
from rules.percolate import RuleBook, compile_rules, scanning
from rules.words import Text, tokenise

PLAIN = "abcdefghijklmnoprstuvwxyzABCMNS0123456789"
MARKS = " \n\t.,'’´¨\"“”-–—…()&$€£¥%/_:;!?*~\u00a0\u2003\u00ad\u200b\u200d\ufe0f\ufdd0|#@"
LETTERS = "éßİıſﬁŒøœǆÅＡＢｓ１９０½²Ⅷ㎏℡№ªµaаоеіВСαΣςβоտɑᴀłđñü\u0301\u0323\u0308\u3099"
SCRIPTS = "米国証券取引委員会かがバパﾊﾞハ゛ー々币安금융위원회ᄀ\u1161\u11a8ㄱㅏกำไทยसिनन्दीעבריתعربي٣०ﷺ𝐁𝒃🄰𠀀"
characters = st.sampled_from(PLAIN + MARKS + LETTERS + SCRIPTS)
words = st.sampled_from(
    (
        *(
            "motion",
            "SEC",
            "Binance",
            "Binance.US",
            "U.S.",
            "SEC's",
            "1,000",
            "1,000,000",
            "$50M",
            "order.The",
            "8-K",
        ),
        *(
            "AT&T",
            "&",
            "s",
            "'s",
            "1.5",
            "4.3bn",
            "1:23-cv-01599",
            "Вinance",
            "bіtcoin",
            "Straße",
            "İstanbul",
            "ﬁling",
        ),
    )
)
originals = st.one_of(
    st.text(characters, max_size=20),
    st.lists(st.one_of(words, characters, st.sampled_from((" ", " ", "\n"))), max_size=14).map("".join),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20),
    texts,
)


def queries_of(text: str) -> Iterator[str]:
    """Yield queries that the words of a text itself make, each of which ought to find it."""
    read = Text(text)
    for tokens in (read.tokens, read.skeleton or ()):
        for first in range(min(len(tokens), 8)):
            for last in range(first + 1, min(len(tokens), first + 4) + 1):
                yield from _queries_of(tokens[first:last])
    folded = read.folded
    for start in range(0, min(len(folded), 24), 3):
        try:
            yield unparse(Regex(re.escape(folded[start : start + 7].strip()).replace("\\ ", " ")))
        except BadPattern:
            continue


def _queries_of(tokens: list[str]) -> Iterator[str]:
    together = " ".join(tokens)
    if '"' in together or tokenise(together) != tuple(tokens):
        return
    yield unparse(Phrase(together))
    yield unparse(Sloppy(" ".join(reversed(tokens)), 9))
    yield unparse(Prefix(together[:-1])) if len(tokens) == 1 else unparse(Phrase(f"{together} x"))
    if len(tokens) == 1 and len(together) > 3:
        yield unparse(Spelling(together[0] + together[2:], 1))


def readable(query: str) -> bool:
    try:
        parse(query)
    except InvalidQuery:
        return False
    return True


def book_of(text: str) -> RuleBook:
    found = filter(readable, dict.fromkeys(queries_of(text)))
    return compile_rules([Rule(id=f"r{number}", when=when) for number, when in enumerate(found)])


@given(originals, originals)
def test_a_text_is_found_by_all_that_its_own_words_make_whatever_its_characters(text: str, other: str) -> None:
    book = book_of(text)
    for document in (
        Document(source="s", title=text),
        Document(source="s", title=other, body=text),
        Document(source="s", title=text[: len(text) // 2], body=text[len(text) // 2 :]),
        Document(source="s", title=f"{other} {text} {other}"),
    ):
        assert book.match(document) == book.match_all(document)
    matched, _ = book.firing(Document(source="s", title=text))
    assert all(rule.when in {one.when for one in matched} for rule in book.rules if _is_certain(rule.when))


def _is_certain(query: str) -> bool:
    """Whether a query made of a text certainly holds for it: a phrase of its words, alone."""
    return query[0] == '"' and query[-1] == '"' and not query.endswith(' x"')


@given(originals, st.lists(originals, max_size=3))
def test_a_machine_without_the_automaton_finds_the_same(text: str, others: list[str]) -> None:
    fast = book_of(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "ahocorasick_rs", None)
        slow = book_of(text)
        for title in (text, *others):
            document = Document(source="s", title=title, body=text[::-1])
            assert slow.match(document) == fast.match(document) == fast.match_all(document)
