"""Pieces of queries under a name: what they stand for, wherever they are used, and what may be wrong with them."""

from __future__ import annotations

import pytest

from rules.model import Document, Fragment, Rule
from rules.percolate import RuleBook, RuleBookFault, compile_rules

ASKS = Fragment(id="asks", when='ask* OR "motion to compel"')
COURT = Fragment(id="court", when="judge OR court")
ASKS_COURT = Fragment(id="asks-court", when="fragment:asks NEAR/6 fragment:court")
RELEASE = Fragment(id="release", when="kind:release OR title:release")


def book_of(when: str, *fragments: Fragment) -> RuleBook:
    return compile_rules([Rule(id="r", when=when)], fragments=fragments)


def holds(when: str, *fragments: Fragment, title: str = "", body: str = "", kind: str = "news") -> bool:
    matches, faults = book_of(when, *fragments).match(Document(source="s", kind=kind, title=title, body=body))
    assert faults == ()
    return bool(matches)


def faults_of(when: str, *fragments: Fragment) -> RuleBookFault:
    with pytest.raises(RuleBookFault) as caught:
        book_of(when, *fragments)
    return caught.value


def test_a_fragment_stands_for_its_query_as_if_in_brackets() -> None:
    assert holds("fragment:asks AND Binance", ASKS, title="Binance asks")
    assert not holds("fragment:asks AND Binance", ASKS, title="They ask")
    assert holds("NOT fragment:asks", ASKS, title="Binance")


def test_fragments_may_use_one_another_in_any_order() -> None:
    for fragments in ((ASKS, COURT, ASKS_COURT), (ASKS_COURT, COURT, ASKS)):
        assert holds("fragment:asks-court", *fragments, title="SEC asks the court")
        assert not holds("fragment:asks-court", *fragments, title="SEC asks", body="the court")


@pytest.mark.parametrize(
    "when",
    ["fragment:asks", 'fragment:"asks"', "fragment:“asks”", "fragment:„asks“", "FRAGMENT:asks", "(-fragment:asks)"],
)
def test_a_fragment_that_comes_later_is_known_however_it_is_written(when: str) -> None:
    wanted = not when.startswith("(-")
    assert holds("fragment:first", Fragment(id="first", when=when), ASKS, title="asks") is wanted


def test_a_fragment_may_stand_inside_a_field_unless_it_asks_for_one_itself() -> None:
    assert holds("title:fragment:asks", ASKS, title="asks")
    assert not holds("title:fragment:asks", ASKS, body="asks")
    (rule, fault), *others = faults_of("title:(x OR fragment:release)", RELEASE).faults
    assert (rule, others) == ("r", [])
    assert fault.message == "fragment:release asks for a field, so it cannot stand inside title:"
    assert (fault.column, fault.length) == (13, 16)


def test_a_fragment_may_stand_beside_near_if_it_is_a_place() -> None:
    assert holds("fragment:asks NEAR/2 judge", ASKS, title="asks the judge")
    assert not holds("fragment:asks NEAR/1 judge", ASKS, title="asks the judge")
    for fragment in (RELEASE, Fragment(id="release", when="a b"), Fragment(id="release", when="/x/")):
        (_, fault), *_ = faults_of("fragment:release NEAR/2 judge", fragment).faults
        assert fault.message.startswith("NEAR joins words, phrases, entities")
        assert (fault.column, fault.length) == (1, 16)


def test_a_name_that_no_fragment_has_is_refused_with_the_one_that_was_meant() -> None:
    (_, fault), *_ = faults_of("fragment:aks", ASKS).faults
    assert (fault.message, fault.suggestion) == ('there is no [[fragment]] with the id "aks"', "fragment:asks")
    (_, fault), *_ = faults_of("fragment:asks").faults
    assert fault.message == 'there is no [[fragment]] at all, so none with the id "asks"'


def test_a_faulty_fragment_is_told_once_and_no_rule_is_blamed_for_it() -> None:
    broken = Fragment(id="broken", when="a AND\nOR titel:b")
    fault = faults_of("fragment:broken fragment:asks", ASKS, broken, Fragment(id="uses", when="fragment:broken x"))
    assert fault.faults == ()
    assert [(name, one.line, one.column) for name, one in fault.fragments] == [("broken", 1, 3), ("broken", 2, 4)]
    assert str(fault).startswith('fragment "broken": line 1, column 3: there is nothing to the right of this AND')


def test_faults_of_fragments_and_of_rules_are_told_together() -> None:
    fault = faults_of("titel:x", Fragment(id="a", when="("), Fragment(id="b", when="fragment:c"))
    assert [name for name, _ in fault.fragments] == ["a", "b"]
    assert [name for name, _ in fault.faults] == ["r"]


@pytest.mark.parametrize(
    ("fragments", "blamed", "way", "column"),
    [
        ({"a": "x OR fragment:a"}, "a", "a -> a", 6),
        ({"a": "fragment:b", "b": "x fragment:a"}, "b", "a -> b -> a", 3),
        ({"a": "fragment:b", "b": "fragment:c", "c": "NOT fragment:b"}, "c", "b -> c -> b", 5),
        ({"a": "fragment:“a”"}, "a", "a -> a", 1),
    ],
)
def test_fragments_that_use_themselves_are_refused(
    fragments: dict[str, str], blamed: str, way: str, column: int
) -> None:
    fault = faults_of("fragment:a", *(Fragment(id=name, when=when) for name, when in fragments.items()))
    assert fault.faults == ()
    ((name, one),) = fault.fragments
    assert (name, one.message, one.column) == (blamed, f"a fragment cannot use itself: {way}", column)


def test_the_name_of_a_fragment_in_a_phrase_or_a_pattern_is_no_use_of_it() -> None:
    assert holds(
        "fragment:a", Fragment(id="a", when='"see fragment:a" OR /fragment:a/'), title="fragment a, fragment:a"
    )


def chain(length: int) -> list[Fragment]:
    links = [Fragment(id=f"f{number}", when=f"fragment:f{number + 1}") for number in range(length)]
    return [*links, Fragment(id=f"f{length}", when="motion")]


def test_fragments_nest_as_deep_as_queries_do() -> None:
    assert holds("fragment:f0", *chain(49), title="motion")
    for length in (51, 2000):
        fault = faults_of("motion", *chain(length))
        assert any("nest more than 50 deep" in one.message for _, one in fault.fragments)


def test_fragments_that_double_with_each_step_are_refused_before_they_fill_the_memory() -> None:
    fragments = [Fragment(id="f0", when="x OR y")]
    fragments += [Fragment(id=f"f{n}", when=f"fragment:f{n - 1} fragment:f{n - 1}") for n in range(1, 45)]
    fault = faults_of("fragment:f44", *fragments)
    assert fault.faults == ()
    assert any("more than 5000 clauses" in one.message for _, one in fault.fragments)


def test_a_verdict_shows_a_fragment_with_what_it_stands_for() -> None:
    explanation = book_of("fragment:asks AND Binance", ASKS).explain(Document(source="s", title="Binance asks"), "r")
    assert explanation.lines() == (
        'rule "r" holds',
        "  holds  fragment:asks AND Binance: all 2 parts hold",
        "    holds  fragment:asks: 1 of 2 parts hold",
        '      holds  ask* OR "motion to compel": 1 of 2 parts hold',
        '        holds  ask*: "asks" in the title',
        '        fails  "motion to compel": not in the title or body',
        '    holds  Binance: "Binance" in the title',
    )


def test_the_first_failing_clause_is_looked_for_inside_a_fragment() -> None:
    both = Fragment(id="both", when="asks AND judge")
    explanation = book_of("fragment:both", both).explain(Document(source="s", title="asks"), "r")
    assert explanation.first_failing is not None
    assert explanation.first_failing.clause == "judge"
