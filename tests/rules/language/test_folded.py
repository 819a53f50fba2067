"""The folded text and the way back: every stretch of it stands for characters of the original that fold to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from queries import texts

from rules.text import normalise
from rules.words import Text, tokenise

tricky = st.text(
    st.sampled_from(
        "aeéßİıſﬁＡ１½´¨’'.,_&$€-–… \u00a0\u00ad\u200b\u200d\ufe0f\u0301\u0323\u3099か゛ﾊﾞ각米ﷺกΣς\n\t09sS"
    ),
    max_size=25,
)
anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=25)
originals = st.one_of(tricky, anything, texts)


def folded(text: str) -> str:
    return " ".join(filter(None, (" ".join(normalise(run).split()) for run in text.split())))


@given(originals)
def test_the_folded_text_is_the_normal_form_with_single_blanks(text: str) -> None:
    assert normalise(Text(text).folded) == folded(text)
    assert "  " not in Text(text).folded


@given(originals, st.data())
def test_every_stretch_of_the_folded_text_stands_for_characters_that_fold_to_it(
    text: str, data: st.DataObject
) -> None:
    read = Text(text)
    if not read.folded:
        return
    start = data.draw(st.integers(0, len(read.folded) - 1))
    end = data.draw(st.integers(start + 1, len(read.folded)))
    first, last = read.unfold(start, end)
    assert 0 <= first < last <= len(text)
    stretch, again = folded(read.folded[start:end]), folded(text[first:last])
    assert stretch in again
    cut_before = start > 0 and read.unfold(start - 1, start)[1] > first
    cut_behind = end < len(read.folded) and read.unfold(end, end + 1)[0] < last
    if not cut_before and not cut_behind:
        assert stretch == again


@given(originals, st.data())
def test_the_places_of_stretches_are_in_their_order(text: str, data: st.DataObject) -> None:
    read = Text(text)
    if len(read.folded) < 2:
        return
    place = data.draw(st.integers(1, len(read.folded) - 1))
    before, behind = read.unfold(place - 1, place), read.unfold(place, place + 1)
    assert before[0] <= behind[0]
    assert before[1] <= behind[1]
    assert read.unfold(place - 1, place + 1) == (before[0], behind[1])


@given(st.lists(originals, max_size=4), st.sampled_from((" ", "\n\n", "\u00a0", " \t ", "\u2003")))
def test_texts_joined_by_blanks_have_the_words_of_all_of_them_at_their_own_places(
    parts: list[str], blank: str
) -> None:
    whole = Text(blank.join(parts))
    assert whole.tokens == [token for part in parts for token in tokenise(part)]
    assert [token for part in parts for token in (Text(part).skeleton or Text(part).tokens)] == (
        whole.skeleton or whole.tokens
    )
    offset, spans = 0, []
    for part in parts:
        read = Text(part)
        places = [read.span(number, number) for number in range(len(read.tokens))]
        spans += [(offset + start, offset + end) for start, end in places]
        offset += len(part) + len(blank)
    assert [whole.span(number, number) for number in range(len(whole.tokens))] == spans
