"""Generated query trees, entities and documents over a small vocabulary, so that they often meet."""

from __future__ import annotations

from hypothesis import strategies as st

from rules.model import Alias, Document, Entity
from rules.query import And, EntityRef, EntityTag, FieldTest, Node, Not, Or, Phrase, Prefix, Scope, Word

ENTITIES = (
    Entity(
        id="binance-us",
        name="Binance.US",
        aliases=(Alias(text="Binance US"), Alias(text="BAM", only_with=("binance", "SEC"))),
        tags=("tracked",),
    ),
    Entity(id="binance", name="Binance", aliases=(Alias(text="Binance Holdings Limited"),), tags=("tracked",)),
    Entity(id="us-sec", name="Securities and Exchange Commission", aliases=(Alias(text="SEC"),), tags=("regulator",)),
    Entity(id="kraken", name="Kraken", aliases=(Alias(text="Payward, Inc."), Alias(text="クラーケン"))),
)

PIECES = (
    *(
        "motion",
        "Motions",
        "to",
        "compel",
        "SEC",
        "sec",
        "SEC's",
        "Binance",
        "Binance.US",
        "Binance.US's",
        "US",
        "BAM",
    ),
    *("Obama", "Kraken", "Payward", "Inc.", "order", "8-K", "v.", "$50M", "and", "&", "Securities", "Exchange"),
    *("Commission", "Bin\u200bance", "Bіnance", "ＳＥＣ", "クラーケン", "米SEC", "x", "1,000", "Holdings", "Limited"),
)
SEPARATORS = (" ", " ", " ", " ", ", ", ". ", "\n", "\u00a0", " – ", "’s ", "-", "")

_WORDS = (
    "motion",
    "Motion",
    "compel",
    "SEC",
    "Binance",
    "Binance.US",
    "US",
    "8-K",
    "v.",
    "$50M",
    "order",
    "クラーケン",
    "1,000",
)
_PHRASES = (
    "motion to compel",
    "SEC",
    "Securities & Exchange",
    "Binance US",
    "US’s order",
    " to  compel ",
    "Payward, Inc.",
)
_PREFIXES = ("mot", "Bin", "binance", "8-K", "Binance.U", "クラ", "ord")

texts = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(SEPARATORS)), max_size=12).map(
    lambda pairs: "".join(piece + separator for piece, separator in pairs)
)
documents = st.builds(
    Document,
    source=st.sampled_from(("sec-press", "dcd", "wire")),
    kind=st.sampled_from(("news", "release", "docket-entry")),
    title=texts,
    body=texts,
    lang=st.sampled_from((None, "en", "en-GB", "ja")),
    tags=st.lists(st.sampled_from(("Press Release", "crypto", "Litigation")), max_size=2).map(tuple),
)

text_leaves = st.one_of(
    st.sampled_from(_WORDS).map(Word),
    st.sampled_from(_PHRASES).map(Phrase),
    st.sampled_from(_PREFIXES).map(Prefix),
    st.sampled_from([entity.id for entity in ENTITIES]).map(EntityRef),
    st.sampled_from(("tracked", "regulator")).map(EntityTag),
)
values = st.sampled_from(
    (
        FieldTest("source", "sec-press"),
        FieldTest("source", "d", True),
        FieldTest("kind", "docket-entry"),
        FieldTest("kind", "news"),
        FieldTest("tag", "press release"),
        FieldTest("tag", "crypt", True),
        FieldTest("lang", "en"),
        FieldTest("lang", "EN-gb"),
    )
)


def _combined(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(parts, min_size=2, max_size=4).map(tuple)
    return st.one_of(several.map(And), several.map(Or), parts.map(Not))


scopes = st.builds(Scope, st.sampled_from(("title", "body")), st.recursive(text_leaves, _combined, max_leaves=4))
nodes: st.SearchStrategy[Node] = st.recursive(st.one_of(text_leaves, values, scopes), _combined, max_leaves=8)
