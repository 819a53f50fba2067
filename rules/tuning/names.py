"""Names of entities that mean something else as often as not: what a reader knows and a list of words cannot.

The table is of names that stand alone in many texts about other things; it is no dictionary and is not meant to grow
into one. A name that it lacks is judged by its form: short acronyms, and one word that is written in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from rules.model import Alias, Entity
from rules.words import tokenise

AMBIGUOUS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # agencies and their letters
        "sec": "the Southeastern Conference (college sports), and short for second",
        "fed": "the past tense of feed, a tennis player's nickname, and short for federal",
        "fca": "the False Claims Act, Fiat Chrysler Automobiles, the Farm Credit Administration",
        "csa": "the Canadian Securities Administrators, the Controlled Substances Act, a credit support annex",
        "bis": "the Bank for International Settlements, the Bureau of Industry and Security, German for until",
        "occ": "the Options Clearing Corporation and the Office of the Comptroller of the Currency",
        "ag": "an attorney general, agriculture, silver, and a legal form of German companies",
        "mas": "the Spanish and Portuguese word for more or but, and the Monetary Authority of Singapore",
        "sfc": "the Securities and Futures Commission, and a sergeant first class",
        "asic": "the Australian commission, and a chip that mines Bitcoin",
        "ftc": "the Federal Trade Commission, fair trade commissions of other countries, a robotics contest",
        "cma": "the Competition and Markets Authority, the Country Music Awards",
        "epa": "environmental agencies of several countries and states",
        "ice": "frozen water, the Intercontinental Exchange, an immigration agency, a German train",
        "dol": "departments of labor of the country and of its states",
        "treasury": "a store of wealth, a kind of bond, a department of a company, ministries of several countries",
        # exchanges and crypto companies
        "gemini": "a sign of the zodiac, a space programme, a language model of Google's",
        "circle": "a shape, a group of people, a verb",
        "kraken": "a sea monster, a hockey team of Seattle, a rum",
        "coin": "a piece of money, and the ticker of Coinbase",
        "bam": "an exclamation, the Brooklyn Academy of Music, a city in Iran",
        "tether": "a rope, and a verb",
        "ripple": "a small wave, and a verb",
        "celsius": "a scale of temperature, and a soft drink",
        "voyager": "a space probe, a traveller, a passport",
        "genesis": "a book of the Bible, a band, a brand of cars",
        "anchorage": "a city in Alaska, and where ships lie",
        "compass": "an instrument, and a real estate broker",
        "paxos": "a Greek island, and an algorithm",
        "solana": "a beach in California, and a surname",
        "avalanche": "a fall of snow, a hockey team of Colorado",
        "polygon": "a shape, and a web site about games",
        "near": "a preposition",
        "maker": "one who makes",
        "compound": "a mixture, a group of buildings, a kind of interest",
        "curve": "a bent line, as in yield curve",
        "dash": "a mark of punctuation, a run, a delivery service",
        "stellar": "of stars, and very good",
        # companies
        "apple": "a fruit, a record company, a bank",
        "meta": "a prefix that stands alone (meta-analysis), and a word of video games",
        "alphabet": "the letters",
        "amazon": "a river and its forest",
        "target": "an aim, and the company that is to be taken over in every merger document",
        "visa": "a permit to enter a country",
        "square": "a shape, a place in a town, a verb",
        "block": "a piece, a part of a town, a verb, what chains of transactions are made of",
        "stripe": "a line",
        "affirm": "a verb of every appeals court",
        "discover": "a verb",
        "chase": "a verb, and a surname",
        "citizens": "people of a country",
        "fidelity": "faithfulness, and insurers that are not the asset manager",
        "vanguard": "the front of something, and a Nigerian newspaper",
        "oracle": "a prophet, and what feeds prices to smart contracts",
        "shell": "a hard cover, and a company without a business",
        "gap": "a space between two things",
        "ford": "a surname, a university's foundation, a place to cross a river",
        "delta": "a letter, a river's mouth, an option's slope, a variant of a virus",
        "united": "the past tense of unite, and the beginning of a hundred names",
        "progressive": "a word for what goes on step by step, and of politics",
        "general": "a rank, and an adjective",
        "prudential": "two insurers of different countries, and a word of bank supervision",
        "zoom": "a verb",
        "slack": "a lack of tension",
        "snap": "a verb, and food aid",
        "unity": "being one",
        "nikola": "a first name",
        "x": "a letter, a variable, a kiss",
        "uber": "an adverb (uber-rich), and a German word",
        "match": "a game, and a verb",
        "state street": "a street in most towns of America",
        "wells": "holes that give water, and the notice the SEC sends (Wells notice)",
        "goldman": "a surname",
        "morgan": "a first name, and two banks",
        "evergreen": "a tree, a ship, a fund without an end",
        # politics, courts and places
        "congress": "meetings of any trade, and parliaments of many countries",
        "house": "a building",
        "senate": "parliaments of many countries and states, and of universities",
        "justice": "what courts are for, and how their judges are called",
        "commission": "a fee, and every agency of that name",
        "court": "a place to play tennis, and every court there is",
        "trump": "a verb, a card, a family, its companies",
        "georgia": "a state and a country",
    }
)
"""Names in the normal form of one that is looked for; what else each of them means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A name of an entity that is probably found where the entity is not meant."""

    entity: str
    name: str
    reason: str


def doubts(entities: tuple[Entity, ...]) -> Iterator[Doubt]:
    """Yield the names that count wherever they stand although they mean something else, too."""
    for entity in entities:
        conditional = {tokenise(alias.text) for alias in entity.aliases if alias.only_with}
        for alias in (Alias(text=entity.name), *entity.aliases):
            if alias.only_with or tokenise(alias.text) in conditional:
                continue
            reason = _doubt(alias.text)
            if reason is not None:
                yield Doubt(entity=entity.id, name=alias.text, reason=reason)


def _doubt(name: str) -> str | None:
    terms = tokenise(name)
    other = AMBIGUOUS.get(" ".join(terms))
    if other is not None:
        return f"it is also {other}"
    if len(terms) != 1 or not name.isascii() or not name.isalpha():
        return None
    if name.isupper() and len(name) <= _SHORT:
        return f"acronyms of {len(name)} letters have many meanings"
    if name.islower():
        return "a word in lower case is found in every text that uses it as a word"
    return None


_SHORT: Final = 3
