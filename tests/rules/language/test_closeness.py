"""Words near one another and words spelt nearly so, against the slowest way to say what that means."""

from __future__ import annotations

import time
from functools import cache
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.entities import Gazetteer, View
from rules.language.parse import parse
from rules.language.proximity import Near
from rules.language.query import ANYWHERE, Located, Node, Or, evaluate
from rules.language.wording import Phrase, Sloppy, Spelling, Word
from rules.model import Document
from rules.spelling import shortened, within

Place = tuple[int, int]


def view_of(title: str = "", body: str = "") -> View:
    return View(Document(source="s", title=title, body=body), Gazetteer())


def holds(query: str, title: str = "", body: str = "") -> bool:
    return evaluate(parse(query), view_of(title, body)).holds


# --- near-spellings ------------------------------------------------------------------------------------------------


@cache
def distance(a: str, b: str) -> int:
    """Count the edits of the optimal string alignment by its definition, from the ends."""
    if not a or not b:
        return len(a) + len(b)
    ways = [distance(a[:-1], b) + 1, distance(a, b[:-1]) + 1, distance(a[:-1], b[:-1]) + (a[-1] != b[-1])]
    if len(a) > 1 and len(b) > 1 and (a[-1], a[-2]) == (b[-2], b[-1]):
        ways.append(distance(a[:-2], b[:-2]) + 1)
    return min(ways)


def one_edit_away(word: str, letters: str) -> set[str]:
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    return {
        *(left + right[1:] for left, right in cuts if right),
        *(left + letter + right[1:] for left, right in cuts for letter in letters if right),
        *(left + letter + right for left, right in cuts for letter in letters),
        *(left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1),
    }


few_letters = st.text("abc", max_size=7)


@given(few_letters, few_letters, st.sampled_from((1, 2)))
def test_words_are_within_so_many_edits_as_their_distance_by_definition_says(a: str, b: str, edits: int) -> None:
    assert within(a, b, edits) == within(b, a, edits) == (distance(a, b) <= edits)


@given(st.text("abc", min_size=1, max_size=4))
def test_one_edit_is_a_letter_more_less_other_or_two_in_each_others_place(word: str) -> None:
    near = one_edit_away(word, "abc") | {word}
    for length in range(len(word) - 1, len(word) + 2):
        for letters in product("abc", repeat=length):
            other = "".join(letters)
            assert within(word, other, 1) == (other in near)


@given(few_letters, few_letters, st.sampled_from((1, 2)))
def test_words_within_so_many_edits_share_one_of_what_is_left_of_them(a: str, b: str, edits: int) -> None:
    if distance(a, b) <= edits:
        assert set(shortened(a, edits)) & set(shortened(b, edits))


@given(
    st.sampled_from(("abcd", "abacaba", "caab")),
    st.lists(st.text("abcd", min_size=1, max_size=8), max_size=6),
    st.booleans(),
)
def test_a_near_spelling_is_found_at_every_word_within_its_edits(term: str, words: list[str], two: bool) -> None:
    edits = 2 if two and len(term) >= 7 else 1
    node = Spelling(term, edits)
    expected = [number for number, word in enumerate(words) if distance(term, word) <= edits]
    view = view_of(body=" ".join(words))
    assert [hit.first for hit in node.hits(view, "body")] == expected
    assert node.holds(view, ANYWHERE) == bool(expected)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        *(("coinbase~1", "Coinbsae", True), ("coinbase~1", "COINBASE's", True), ("coinbase~1", "coinbases", True)),
        *(("coinbase~1", "coinbasses", False), ("coinbase~2", "coinbasses", True), ("coinbase~2", "conbsae", True)),
        *(("coinbase~1", "cоinbase", True), ("straße~1", "strase", True), ("coinbase~1", "coin-base", False)),
    ],
)
def test_near_spellings(query: str, text: str, expected: bool) -> None:
    assert holds(query, text) is expected


# --- words within a distance ---------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from("aabc"), min_size=2, max_size=4),
    st.integers(1, 6),
    st.lists(st.sampled_from("abcd"), max_size=9),
)
def test_a_loose_phrase_holds_where_some_choice_of_places_for_its_words_is_narrow_enough(
    terms: list[str], furthest: int, words: list[str]
) -> None:
    node = Sloppy(" ".join(terms), furthest)
    stretches = {
        (min(places), max(places))
        for places in permutations(range(len(words)), len(terms))
        if [words[place] for place in places] == terms
    }
    narrow = {(first, last) for first, last in stretches if last - first <= furthest}
    view = view_of(body=" ".join(words))
    assert node.holds(view, ANYWHERE) == bool(narrow)
    # A stretch is told only if no narrower one lies within it.
    told = {
        (first, last)
        for first, last in narrow
        if not any(first <= start and end <= last for start, end in stretches - {(first, last)})
    }
    assert {(hit.first, hit.last) for hit in node.hits(view, "body")} == told


terms = st.one_of(
    st.sampled_from("abc").map(Word),
    st.sampled_from(("a b", "b c", "a b a")).map(Phrase),
    st.builds(Sloppy, st.sampled_from(("a b", "c b")), st.integers(1, 3)),
)
groups = st.one_of(terms, st.lists(terms, min_size=2, max_size=3).map(tuple).map(Or))
distances = st.integers(1, 5)
flat = st.builds(Near, groups, groups, distances)
deep = st.recursive(groups, lambda parts: st.builds(Near, parts, parts, distances), max_leaves=4)
words_of_text = st.lists(st.sampled_from("abcd"), max_size=10)


def apart(one: Place, other: Place) -> int:
    return max(other[0] - one[1], one[0] - other[1])


def places(node: Node, view: View) -> set[Place]:
    """Return where a clause stands; of pairs by definition, of all else as the clause itself says."""
    if isinstance(node, Or):
        return {place for part in node.children for place in places(part, view)}
    if not isinstance(node, Near):
        assert isinstance(node, Located)
        return {(hit.first, hit.last) for hit in node.hits(view, "body")}
    lefts, rights = places(node.left, view), places(node.right, view)
    pairs = set()
    for here, there in ((lefts, rights), (rights, lefts)):
        for place in here:
            behind = min((other for other in there if other[0] > place[1]), default=None)
            ahead = max(((last, first) for first, last in there if last < place[0]), default=None)
            pairs |= {(place[0], behind[1])} if behind and apart(place, behind) <= node.distance else set()
            pairs |= {(ahead[1], place[1])} if ahead and apart(ahead[::-1], place) <= node.distance else set()
    return pairs


@given(flat, words_of_text)
def test_near_holds_if_any_two_places_of_its_sides_share_no_word_and_are_close_enough(
    node: Near, words: list[str]
) -> None:
    view = view_of(body=" ".join(words))
    pairs = product(places(node.left, view), places(node.right, view))
    assert node.holds(view, ANYWHERE) == any(0 < apart(*pair) <= node.distance for pair in pairs)


@given(deep, words_of_text)
def test_near_stands_where_each_side_meets_the_nearest_place_of_the_other_one(node: Node, words: list[str]) -> None:
    view = view_of(body=" ".join(words))
    expected = places(node, view)
    assert node.holds(view, ANYWHERE) == bool(expected)
    if isinstance(node, Near):
        assert {(hit.first, hit.last) for hit in node.hits(view, "body")} == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("a NEAR/1 b", "a b", True),
        ("a NEAR/1 b", "b a", True),
        ("a NEAR/1 b", "a x b", False),
        ("a NEAR/8 b", "a 1 2 3 4 5 6 7 b", True),
        ("a NEAR/8 b", "a 1 2 3 4 5 6 7 8 b", False),
        ("a NEAR/3 a", "a x", False),
        ("a NEAR/3 a", "a x a", True),
        ('"a b" NEAR/1 "b c"', "a b c", False),
        ('"a b" NEAR/1 "b c"', "a b b c", True),
        ("a NEAR/2 b NEAR/2 c", "a b x c", True),
        ("a NEAR/2 b NEAR/2 c", "c x a b", True),
        ("a NEAR/2 b NEAR/2 c", "a b x x c", False),
        ("a NEAR/2 (b NEAR/9 c)", "c 1 2 3 b 5 a", True),
        ('"a b"~1', "b a", True),
        ('"a b"~1', "a x b", False),
        ('"a b"~2', "a x b", True),
        ('"a a"~3', "a", False),
    ],
)
def test_distances_are_counted_in_words(query: str, text: str, expected: bool) -> None:
    assert holds(query, text) is expected
    assert holds(query, "", text) is expected


def test_the_two_must_stand_in_one_field() -> None:
    assert not holds("a NEAR/9 b", "a", "b")
    assert not holds('"a b"~9', "a", "b")
    assert holds("title:(a NEAR/9 b)", "a b", "")
    assert not holds("title:(a NEAR/9 b)", "", "a b")


def test_a_long_chain_over_a_text_of_nothing_but_its_words_costs_little() -> None:
    started = time.process_time()
    view = view_of(body="a b " * 2000)
    chain = " NEAR/200 ".join(["a", "b"] * 3)
    assert parse(chain).holds(view, ANYWHERE)
    assert not evaluate(parse(f"{chain} NEAR/200 (x OR y)"), view).holds
    assert time.process_time() - started < 5
