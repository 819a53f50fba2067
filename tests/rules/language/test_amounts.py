"""Sums of money as courts and newspapers write them in several languages, and what only looks like one."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queries import texts

from rules import amounts
from rules.entities import Gazetteer, View
from rules.language.parse import parse
from rules.language.query import ANYWHERE
from rules.model import Document
from rules.words import Text


def sums(text: str) -> list[tuple[int, str | None]]:
    return [(int(one.sum.value), one.sum.currency) for one in amounts.find(Text(text))]


WRITTEN = [
    ("$50M", "50000000 USD"),
    ("a fine of $50 million.", "50000000 USD"),
    ("US$4.3bn", "4300000000 USD"),
    ("US $4.3 billion", "4300000000 USD"),
    ("USD 4.3 billion", "4300000000 USD"),
    ("$1,000,000", "1000000 USD"),
    ("$1,234.56", "1234 USD"),
    ("50 million dollars", "50000000 USD"),
    ("50 million U.S. dollars", "50000000 USD"),
    ("50 million US dollars", "50000000 USD"),
    ("1,000,000 dollars", "1000000 USD"),
    ("$50m USD", "50000000 USD"),
    ("$2.5 trillion", "2500000000000 USD"),
    ("$50k", "50000 USD"),
    ("(\u2009$50\u00a0million)", "50000000 USD"),
    ("C$10 million", "10000000 CAD"),
    ("A$10m", "10000000 AUD"),
    ("HK$10 million", "10000000 HKD"),
    ("S$1.5m", "1500000 SGD"),
    ("£2bn", "2000000000 GBP"),
    ("two pounds, 3 million pounds", "3000000 GBP"),
    ("€10 mn", "10000000 EUR"),
    ("EUR 10m", "10000000 EUR"),
    ("10 Mio. Euro", "10000000 EUR"),
    ("1,5 Mrd. Euro", "1500000000 EUR"),
    ("1,5 Milliarden €", "1500000000 EUR"),
    ("1.500.000 Euro", "1500000 EUR"),
    ("€1.500.000", "1500000 EUR"),
    ("1.500 Euro", "1500 EUR"),
    ("3 Tsd. Euro", "3000 EUR"),
    ("50 millions d’euros", "50000000 EUR"),
    ("1,2 milliard d'euros", "1200000000 EUR"),
    ("1 500 000 €", "1500000 EUR"),
    ("1\u202f500\u202f000 €", "1500000 EUR"),
    ("CHF 1'500'000", "1500000 CHF"),
    ("2 milliards d'euros", "2000000000 EUR"),
    ("5億円", "500000000 JPY"),
    ("500万円", "5000000 JPY"),
    ("１０億円の罰金", "1000000000 JPY"),
    ("3,000万円", "30000000 JPY"),
    ("￥5000", "5000 JPY"),
    ("50억 원", "5000000000 KRW"),
    ("₩5 billion", "5000000000 KRW"),
    ("3亿元", "300000000 CNY"),
    ("¥500 million ($3.4m)", "500000000 JPY 3400000 USD"),
    ("$5-10 million", "5000000 USD 10000000 USD"),
    ("€5–7bn", "5000000000 EUR 7000000000 EUR"),
    ("NT$60 million", "60000000 TWD"),
    ("EUR10m", "10000000 EUR"),
    ("USD4.3bn.", "4300000000 USD"),
    ("USD4,300,000", "4300000 USD"),
    ("ZZ$60", "60 other"),
    ("Rs 60 crore", "600000000 INR"),
    ("from $5 million to $10 million", "5000000 USD 10000000 USD"),
]


@pytest.mark.parametrize(("text", "read"), WRITTEN)
def test_a_sum_is_read_in_the_form_in_which_it_is_written(text: str, read: str) -> None:
    assert " ".join(f"{value} {currency}" for value, currency in sums(text)) == read


@pytest.mark.parametrize(
    "text",
    [
        *(
            "50 Cent",
            "1 million users",
            "US 50 states",
            "50m",
            "4.3bn",
            "10 million tokens",
            "$",
            "dollars and cents",
        ),
        *("the pound fell", "8-K", "Section 5(a)", "No. 23-cv-1599", "2024-03-05", "$BTC 5", "dollars, 50 of them"),
        *("The SEC won 5 cases", "won 3 million votes", "dollars and cents"),
    ],
)
def test_what_only_looks_like_a_sum_is_none(text: str) -> None:
    assert sums(text) == []


@pytest.mark.parametrize(
    ("asked", "value", "currency"),
    [
        *(("50M", 50_000_000, None), ("4.3bn", 4_300_000_000, None), ("1,500,000", 1_500_000, None), ("7", 7, None)),
        *(("$10k", 10_000, "USD"), ("US$10k", 10_000, "USD"), ("EUR10m", 10**7, "EUR"), ("eur 10 m", 10**7, "EUR")),
        *(("£2B", 2 * 10**9, "GBP"), ("¥500", 500, "JPY"), ("₩1t", 10**12, "KRW"), ("$50 million", 5 * 10**7, "USD")),
        *(("10 Mio", 10**7, None), ("2mrd", 2 * 10**9, None)),
    ],
)
def test_a_query_names_a_sum_in_these_ways(asked: str, value: int, currency: str | None) -> None:
    assert amounts.read(asked) == amounts.Sum(Decimal(value), currency)


@pytest.mark.parametrize("asked", ["", "much", "M", "50Mx", "XYZ50", "1,5Mrd", "1,00", "50M50", "-5", "$$5", "5 %"])
def test_a_query_cannot_name_a_sum_otherwise(asked: str) -> None:
    assert amounts.read(asked) is None


LIMITS = st.sampled_from(("0", "4", "5", "10k", "2M", "50M", "10m", "4.3bn", "1t"))


@given(st.sampled_from(("<", "<=", ">", ">=", "")), LIMITS, st.sampled_from(("", "$", "EUR", "CAD", "¥")), texts)
def test_an_amount_holds_if_some_sum_of_its_currency_lies_within_its_limit(
    sign: str, limit: str, currency: str, body: str
) -> None:
    node = parse(f"amount:{sign}{currency}{limit}")
    wanted = amounts.read(f"{currency}{limit}")
    assert wanted is not None
    compared = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__", "": "__eq__"}[sign]
    expected = any(
        getattr(one.sum.value, compared)(wanted.value) and wanted.currency in (None, one.sum.currency)
        for one in amounts.find(Text(body))
    )
    assert node.holds(View(Document(source="s", body=body), Gazetteer()), ANYWHERE) == expected


@given(texts)
def test_sums_stand_one_after_the_other_and_each_says_itself_when_it_stands_alone(text: str) -> None:
    read = Text(text)
    last = -1
    for one in amounts.find(read):
        assert last < one.hit.first <= one.hit.last < len(read.tokens)
        last = one.hit.last
        again = list(amounts.find(Text(read.quote(one.hit.first, one.hit.last))))
        assert [other.sum for other in again] == [one.sum]
