"""Mentions of entities: longest name wins, capitals and company where they are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from queries import ENTITIES, texts

from rules.entities import Gazetteer, View, find_faults
from rules.model import Alias, Document, Entity

GAZETTEER = Gazetteer(ENTITIES)


def view_of(title: str, body: str = "", gazetteer: Gazetteer = GAZETTEER) -> View:
    return View(Document(source="wire", title=title, body=body), gazetteer)


def mentioned(title: str, body: str = "", gazetteer: Gazetteer = GAZETTEER) -> dict[str, list[str]]:
    view = view_of(title, body, gazetteer)
    found = gazetteer.find(view)
    return {
        entity: [view.text(mention.field).quote(mention.first, mention.last) for mention in mentions]
        for entity, mentions in found.items()
    }


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Binance.US answers", {"binance-us": ["Binance.US"]}),
        ("Binance.US's wallet", {"binance-us": ["Binance.US"]}),
        ("a case against Binance.US.", {"binance-us": ["Binance.US"]}),
        ("binance us answers", {"binance-us": ["binance us"]}),
        ("Binance-US answers", {"binance-us": ["Binance-US"]}),
        ("Binance answers", {"binance": ["Binance"]}),
        ("Binance's and Binance.US's", {"binance": ["Binance"], "binance-us": ["Binance.US"]}),
        ("Binance Holdings Limited et al", {"binance": ["Binance Holdings Limited"]}),
        ("BinanceUS2 and cz_binance", {}),
        ("Payward Inc. and Payward, Inc.", {"kraken": ["Payward Inc", "Payward, Inc"]}),
        ("米クラーケンを提訴", {"kraken": ["クラーケン"]}),
        ("Securities & Exchange Commission", {"us-sec": ["Securities & Exchange Commission"]}),
        (
            "Securities and Ex\u00adchange Com\u200bmission",
            {"us-sec": ["Securities and Ex\u00adchange Com\u200bmission"]},
        ),
    ],
)
def test_names_are_found_as_whole_words_and_the_longest_wins(title: str, found: dict[str, list[str]]) -> None:
    assert mentioned(title) == found


def test_a_name_does_not_run_across_a_comma_or_the_end_of_a_sentence() -> None:
    assert mentioned("SEC sues Binance, US officials say") == {"us-sec": ["SEC"], "binance": ["Binance"]}
    assert mentioned("They sued Binance. US officials agreed") == {"binance": ["Binance"]}
    assert mentioned("They sued Binance.\nUS officials agreed") == {"binance": ["Binance"]}


def test_an_acronym_must_stand_in_capitals() -> None:
    assert "us-sec" in mentioned("SEC's motion")
    assert "us-sec" in mentioned("ＳＥＣ motion")
    assert "us-sec" in mentioned("THE SEC SUES KRAKEN")
    assert "us-sec" not in mentioned("wait a sec, Sec")


def test_a_short_name_that_is_not_all_letters_is_found_in_any_case() -> None:
    gazetteer = Gazetteer([Entity(id="x", name="X1 Card"), Entity(id="okx", name="Okx")])
    assert mentioned("x1 CARD and OKX", gazetteer=gazetteer).keys() == {"x", "okx"}


def test_an_ambiguous_alias_needs_company_anywhere_in_the_document() -> None:
    assert "binance-us" not in mentioned("BAM ordered to pay")
    assert mentioned("BAM ordered to pay", "The SEC said")["binance-us"] == ["BAM"]
    assert mentioned("The SEC said", "BAM is ordered to pay")["binance-us"] == ["BAM"]
    assert mentioned("BAM ordered to pay", "Lawyers of Binance.US said")["binance-us"] == ["BAM", "Binance.US"]
    assert "binance-us" not in mentioned("Obama, the SEC and bamboo")


def test_a_condition_on_an_alias_holds_for_the_same_words_as_plain_name() -> None:
    gazetteer = Gazetteer(
        [Entity(id="gemini", name="Gemini", aliases=(Alias(text="gemini", only_with=("exchange",)),))]
    )
    assert mentioned("Gemini launches", gazetteer=gazetteer) == {}
    assert mentioned("Gemini exchange", gazetteer=gazetteer) == {"gemini": ["Gemini"]}


def test_where_the_longer_name_does_not_count_the_shorter_does() -> None:
    gazetteer = Gazetteer(
        [
            Entity(id="circle", name="Circle"),
            Entity(id="network", name="N", aliases=(Alias(text="Circle Network", only_with=("stablecoin",)),)),
        ]
    )
    assert mentioned("Circle Network", gazetteer=gazetteer) == {"circle": ["Circle"]}
    assert mentioned("Circle Network stablecoin", gazetteer=gazetteer) == {"network": ["Circle Network"]}


def test_a_word_inside_a_longer_name_names_nothing_by_itself() -> None:
    gazetteer = Gazetteer([*ENTITIES, Entity(id="usa", name="United States", aliases=(Alias(text="US"),))])
    assert mentioned("Binance US sued", gazetteer=gazetteer) == {"binance-us": ["Binance US"]}
    assert mentioned("Binance, US sued", gazetteer=gazetteer) == {"binance": ["Binance"], "usa": ["US"]}


def test_an_alias_that_two_entities_share_mentions_both() -> None:
    gazetteer = Gazetteer([Entity(id="a", name="Gemini"), Entity(id="b", name="Gemini")])
    assert mentioned("Gemini", gazetteer=gazetteer).keys() == {"a", "b"}


def test_look_alike_letters_in_a_name_are_marked() -> None:
    (mention,) = GAZETTEER.find(view_of("Bіnance sued"))["binance"]
    assert mention.lookalike


@pytest.mark.parametrize(
    ("title", "entity", "why"),
    [
        ("wait a sec", "us-sec", '"SEC" does not stand in capitals'),
        ("BAM pays", "binance-us", '"BAM" counts only with one of "binance", "sec" in the text'),
        ("Binance US pays", "binance", '"Binance" is part of "Binance US", a name of binance-us'),
        ("Binance, US", "binance-us", '"Binance US" is parted by a mark that the alias does not have'),
        ("nothing", "binance", None),
    ],
)
def test_a_near_miss_says_what_was_lacking(title: str, entity: str, why: str | None) -> None:
    assert GAZETTEER.near_miss(entity, view_of(title)) == why


def test_tags_gather_entities() -> None:
    assert GAZETTEER.tagged("tracked") == {"binance", "binance-us"}
    assert GAZETTEER.tagged("nothing") == frozenset()


def test_faults_of_entities_are_all_told() -> None:
    faults = find_faults(
        [
            Entity(id="a", name="Alpha", aliases=(Alias(text="..."), Alias(text="Gamma", only_with=("!",)))),
            Entity(id="a", name="!!"),
            Entity(id="b", name="Beta", aliases=(Alias(text="alpha"),)),
        ]
    )
    assert [(fault.entity, fault.warning) for fault in faults] == [
        *(("a", False), ("a", False), ("a", False), ("a", False)),
        ("a", True),
    ]
    messages = " ".join(fault.message for fault in faults)
    for part in ('"..."', '"!"', 'two entities have the id "a"', '"!!"', "a and b"):
        assert part in messages


def test_an_alias_shared_under_conditions_is_no_cause_for_warning() -> None:
    shared = (Alias(text="SEC", only_with=("Thailand",)),)
    us = (Alias(text="SEC", only_with=("Washington",)),)
    assert (
        find_faults([Entity(id="us", name="US SEC", aliases=us), Entity(id="th", name="Thai SEC", aliases=shared)])
        == ()
    )


@given(texts, texts)
def test_mentions_never_overlap_unless_entities_share_the_name(title: str, body: str) -> None:
    view = view_of(title, body)
    taken = set()
    for mentions in GAZETTEER.find(view).values():
        for mention in mentions:
            for number in range(mention.first, mention.last + 1):
                assert (mention.field, number) not in taken
                taken.add((mention.field, number))
            assert view.text(mention.field).quote(mention.first, mention.last)
