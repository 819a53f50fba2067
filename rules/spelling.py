"""How far two words are apart, in edits; what a rule makes of it is not here."""

from __future__ import annotations

from collections.abc import Iterator


def within(a: str, b: str, edits: int) -> bool:
    """Whether at most so many edits make one word of the other: one letter more, less or other, or two swapped.

    The optimal string alignment distance: no letter is edited twice.
    """
    if abs(len(a) - len(b)) > edits:
        return False
    if a == b:
        return True
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        above, row = row, [i]
        for j, other in enumerate(b, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and other == a[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > edits < min(above):
            return False
        before = above
    return row[-1] <= edits


def shortened(word: str, edits: int) -> Iterator[str]:
    """Yield `word` and what is left of it without one letter, without two ... up to `edits`, repeats included.

    Two words at most so many edits apart share one of these, since every edit is undone by leaving out one letter
    on either side (W. Garbe's symmetric delete, https://github.com/wolfgarbe/SymSpell).
    """
    yield word
    if edits:
        for place in range(len(word)):
            yield from shortened(word[:place] + word[place + 1 :], edits - 1)
