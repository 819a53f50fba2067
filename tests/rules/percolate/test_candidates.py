"""Which rules a book looks at: never too few, whatever characters a text is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_words import CHARACTERS, TRICKY_WORDS, queries_of
from queries import texts

from rules.model import Document, Rule
from rules.percolate import RuleBook, compile_rules, scanning
from rules.words import Text

characters = st.sampled_from(CHARACTERS)
pieces = st.one_of(st.sampled_from(TRICKY_WORDS), characters, st.sampled_from((" ", " ", "\n")))
originals = st.one_of(
    st.text(characters, max_size=20),
    st.lists(pieces, max_size=14).map("".join),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
    texts,
)


def book_of(text: str) -> RuleBook:
    found = dict.fromkeys(queries_of(text))
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
    # Letters that pass for others make a second reading, whose words need not all stand in the first one.
    if Text(text).skeleton is None:
        assert len(book.match(Document(source="s", title=text))[0]) == len(book.rules)


@given(originals, st.lists(originals, max_size=3))
def test_a_machine_without_the_automaton_finds_the_same(text: str, others: list[str]) -> None:
    fast = book_of(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "ahocorasick_rs", None)
        slow = book_of(text)
        for title in (text, *others):
            document = Document(source="s", title=title, body=text[::-1])
            assert slow.match(document) == fast.match(document) == fast.match_all(document)
