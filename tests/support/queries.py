"""Generated query trees, entities, fragments and documents over a small vocabulary, so that they often meet.

The tables here are also what `random_queries` draws from, for harnesses that need more than hypothesis can make.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from rules.language.fragments import read_fragments
from rules.language.mentions import EntityRef, EntityTag
from rules.language.parse import Names
from rules.language.proximity import Near, is_located
from rules.language.query import And, FragmentRef, Node, Not, Or, Scope
from rules.language.ranges import Amount, DateTest
from rules.language.regex import BadPattern, Regex, compiled
from rules.language.values import Docket, FieldTest
from rules.language.wording import Phrase, Prefix, Sloppy, Spelling, Word
from rules.model import KINDS, Alias, Document, Entity, Fragment
from rules.text import plain

ENTITIES = (
    Entity(
        id="binance-us",
        name="Binance.US",
        aliases=(Alias(text="Binance US"), Alias(text="BAM", only_with=("binance", "SEC"))),
        tags=("tracked",),
    ),
    Entity(id="binance", name="Binance", aliases=(Alias(text="Binance Holdings Limited"),), tags=("tracked",)),
    Entity(
        id="us-sec",
        name="Securities and Exchange Commission",
        aliases=(Alias(text="SEC"),),
        tags=("regulator", "watched"),
    ),
    Entity(
        id="kraken", name="Kraken", aliases=(Alias(text="Payward, Inc."), Alias(text="クラーケン")), tags=("watched",)
    ),
)
FRAGMENTS = (
    Fragment(id="paper", when='mot* OR order OR "status report"'),
    Fragment(id="near-paper", when="SEC NEAR/4 (fragment:paper OR Kraken)"),
    Fragment(id="asks", when="(compel~1 OR fragment:paper) AND NOT entity:kraken"),
    Fragment(id="official", when="kind:release OR title:fragment:paper"),
    Fragment(id="unofficial", when="NOT fragment:official"),
)
SOURCES = ("sec-press", "dcd", "wire")
NAMES = Names(
    entities=frozenset(entity.id for entity in ENTITIES),
    tags=frozenset(tag for entity in ENTITIES for tag in entity.tags),
    sources=frozenset(SOURCES),
)
NAMES = replace(NAMES, fragments=read_fragments(FRAGMENTS, NAMES)[0])
_STANDS_FOR = NAMES.fragments or {}
TEXT_FRAGMENTS = ("paper", "near-paper", "asks")
"""Those that may stand inside title: and body:."""

# --- documents ----------------------------------------------------------------------------------------------------

PIECES = (
    *("motion", "Motions", "to", "compel", "SEC", "sec", "SEC's", "Binance", "Binance.US", "Binance.US's", "US"),
    *("BAM", "Obama", "Kraken", "Payward", "Inc.", "order", "8-K", "v.", "$50M", "and", "&", "Securities"),
    *(
        "Exchange",
        "Commission",
        "Bin\u200bance",
        "Bіnance",
        "ＳＥＣ",
        "クラーケン",
        "米SEC",
        "x",
        "1,000",
        "Holdings",
    ),
    *("Limited", "status", "report", "reports", "reporting", "cancels", "Coinbase", "Cоinbase", "motionless"),
    *("US$4.3bn", "50 million", "dollars", "€10 mn", "EUR 10m", "5億円", "C$1,000,000", "£2k", "$", "¥"),
    *("1:23-cv-01599-ABJ-ZMF", "No. 23-cv-1599", "1-23-cv-01599", "1:23-cv-01599 (ABJ)", "1:17-CR-00201", "01599"),
    *(
        "証券取引委員会",
        "바이낸스는",
        "币安被起诉",
        "ордер",
        "Straße",
        "cafe\u0301",
        "order.The",
        "¨",
        "İ",
        "'s",
        "'",
    ),
    *(
        "1,000,000",
        "_motion_",
        "order_",
        "Bin<b>ance</b>",
        "com<i>pel",
        "<p>order</p>",
        "S&amp;P",
        "AT&T",
        "reporting-",
        "(order)",
        "“motion”",
    ),
    *("x" * 38 + "zy", "x" * 39 + "yz", "x" * 39 + "y"),
)
SEPARATORS = (" ", " ", " ", " ", ", ", ". ", "\n", "\u00a0", " – ", "’s ", "-", "")
MISSPELLED = ("compel", "Coinbase", "Binance", "Kraken", "motion", "Securities", "Commission")
SPELLING_LETTERS = "aeintsxü"
MOMENTS = tuple(
    datetime(2024, 3, 5, 12, tzinfo=UTC) + timedelta(hours=hours) for hours in (-1000, -36, -12, -1, 0, 11, 12, 40)
)
FACTS = (
    *(("form", "8-K"), ("form", "10-K/A"), ("form", "10-Q"), ("item", "1.05"), ("item", "2.01"), ("court", "dcd")),
    *(("court", "nysd"), ("agency", "SEC"), ("agency", "cftc"), ("topic", "Digital Assets"), ("topic", "fraud")),
    *(("docket", "1:23-cv-01599-ABJ"), ("docket", "dcd 1:23-cv-1599"), ("docket", "1:17-cr-201"), ("docket", "what")),
)
TAGS = ("Press Release", "crypto", "Litigation", "a~1", "c*")
LANGUAGES = (None, "en", "en-GB", "ja", "pt_BR", "zh-Hant-TW")


def misspelt(word: str, place: int, edit: int) -> str:
    """Return the word with one edit: a letter left out, doubled, other, or swapped with the next one."""
    place %= len(word)
    letter = SPELLING_LETTERS[(place + edit) % len(SPELLING_LETTERS)]
    before, at, after = word[:place], word[place], word[place + 1 :]
    return (
        before + after,
        before + letter + at + after,
        before + letter + after,
        before + after[:1] + at + after[1:],
    )[edit % 4]


def joined(pairs: Iterable[tuple[str, str]], markup: bool = False) -> str:
    """Return the pieces with their separators as one text, with `markup` as what is left when it is read as HTML."""
    text = "".join(piece + separator for piece, separator in pairs)
    return plain(text, 10_000) if markup else text


typos = st.builds(misspelt, st.sampled_from(MISSPELLED), st.integers(0, 9), st.integers(0, 7))
pieces = st.one_of(st.sampled_from(PIECES), st.sampled_from(PIECES), typos)
texts = st.builds(
    joined,
    st.lists(st.tuples(pieces, st.sampled_from(SEPARATORS)), max_size=12),
    st.sampled_from((False, False, True)),
)
moments = st.sampled_from(MOMENTS)
documents = st.builds(
    Document,
    source=st.sampled_from(SOURCES),
    kind=st.sampled_from(KINDS),
    title=texts,
    body=texts,
    published=st.one_of(st.none(), moments),
    updated=st.one_of(st.none(), moments),
    lang=st.sampled_from(LANGUAGES),
    tags=st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
    facts=st.lists(st.sampled_from(FACTS), max_size=3).map(tuple),
)

# --- clauses ------------------------------------------------------------------------------------------------------

WORDS = (
    *("motion", "Motion", "compel", "SEC", "Binance", "Binance.US", "US", "8-K", "v.", "$50M", "order", "クラーケン"),
    *("1,000", "1,000,000", "Coinbase", "reporting", "1:23-cv-01599", "Straße", "米SEC", "И"),
)
PHRASES = (
    *(
        "motion to compel",
        "SEC",
        "Securities & Exchange",
        "Binance US",
        "US’s order",
        " to  compel ",
        "Payward, Inc.",
    ),
    *("証券取引", "status report", "AND", "1:23-cv", "바이낸스", "and"),
)
PREFIXES = (
    *(
        "mot",
        "Bin",
        "binance",
        "8-K",
        "Binance.U",
        "クラ",
        "ord",
        "motion",
        "report",
        "Straß",
        "取引委",
        "50",
        "币安",
    ),
    *("100", "1,000"),
)
SPELLINGS = (
    *(("compel", 1), ("Coinbase", 1), ("coinbase", 2), ("Binance", 2), ("binance", 1), ("Kraken", 1), ("motion", 1)),
    *(("securities", 2), ("Commission", 2), ("order", 1), ("Straße", 1), ("x" * 38 + "yz", 1)),
    *(("kraken", 1), ("commission", 1), ("securities", 1), ("reporting", 2), ("compel", 1)),
)
SLOPPIES = (
    *(("SEC motion", 8), ("motion to compel", 2), ("motion motion", 3), ("Binance US", 1), ("order sec kraken", 9)),
    *(("証券委員", 6), ("US, Binance.US", 12), ("Bіnance compel", 5), ("8-K order", 40)),
)
REGEXES = (
    *(
        "motions?",
        r"bin(ance)?\b",
        "(sec|kraken) motion",
        r"\$\d+m",
        "compel(ling)?",
        "sta(tus)? rep(ort)?",
        "orders? to",
    ),
    *(
        "証券.引",
        r"\b8-k",
        "c[oо]inbase",
        "(?i:SEC)'s",
        "rep.{0,3}t",
        "(report|motion)(ing|less)+",
        "a/b|x y",
        "1,0{3}",
    ),
    *("(?:status){1,2} ", "ⅷ|viii|motion", "(order)*sec", "kraken{2}|krakenn?", "(?P<paper>order|report)s"),
    *("kraken|coinbase|payward", "securities|com(mission|pel)", "exchange|order", "x(?:status|binance)?"),
)
DOCKETS = (
    "1:23-cv-01599",
    "dcd 1:23-cv-01599",
    "nysd 23-cv-1599",
    "No. 23-cv-1599",
    "1:17-cr-00201",
    "1:23-cv-00007",
)
DATES = (
    *("<2d", ">2d", "<=12h", ">=1h", "<90m", ">1w", "<2024-03-05", ">=2024-03-05", "2024-03-05", ">2024-03-04"),
    *(
        "[2024-03-01 TO 2024-03-31]",
        "[2024-03-05 TO *]",
        "[* TO 2024-03-04]",
        "<=2024-03-05T12:00Z",
        "2024-03-05 13:00",
    ),
    *("2024-03-05T12:00+01:00", "<9999-12-31"),
)
AMOUNTS = (
    *(">=50M", "<1bn", "[1M TO 50M]", ">=$50M", ">=EUR10M", "<=10m", "$50M", "CAD1,000,000", ">1", "[* TO 5k]"),
    *(">=US$4.3bn", "[$1 TO $5bn]", "¥500000000", "$50 million", ">JPY 1m", "<£3k"),
)
VALUES = (
    *(FieldTest("source", "sec-press"), FieldTest("source", "d", True), FieldTest("source", "wire")),
    *(FieldTest("kind", "docket-entry"), FieldTest("kind", "news"), FieldTest("kind", "release")),
    *(FieldTest("tag", "press release"), FieldTest("tag", "crypt", True), FieldTest("tag", "PRESS", True)),
    *(FieldTest("tag", "a~1"), FieldTest("tag", "c*"), FieldTest("tag", "c*", True)),
    *(FieldTest("lang", "en"), FieldTest("lang", "EN-gb"), FieldTest("lang", "pt"), FieldTest("lang", "ja")),
    *(FieldTest("lang", "zh"), FieldTest("lang", "zh-hant"), FieldTest("lang", "en")),
    *(
        FieldTest("form", "8-k"),
        FieldTest("form", "10-", True),
        FieldTest("item", "1.05"),
        FieldTest("item", "2", True),
    ),
    *(FieldTest("court", "DCD"), FieldTest("court", "nysd"), FieldTest("agency", "sec")),
    *(FieldTest("topic", "digital  assets"), FieldTest("topic", "digital", True)),
    *map(Docket, DOCKETS),
    *(DateTest("published", test) for test in DATES),
    *(DateTest("updated", test) for test in DATES[::4]),
    *(FragmentRef(name, _STANDS_FOR[name]) for name in ("official", "unofficial")),
)
"""Clauses that ask for a field of their own, so none may stand inside title: or body:."""
WORDING: tuple[Node, ...] = (
    *map(Word, WORDS),
    *map(Phrase, PHRASES),
    *map(Prefix, PREFIXES),
    *(Spelling(word, edits) for word, edits in SPELLINGS),
    *(Sloppy(text, distance) for text, distance in SLOPPIES),
    *(EntityRef(entity.id) for entity in ENTITIES),
    *map(EntityTag, ("tracked", "regulator", "watched")),
    *map(Amount, AMOUNTS),
    *(FragmentRef(name, _STANDS_FOR[name]) for name in TEXT_FRAGMENTS),
)
LOCATED = tuple(clause for clause in WORDING if is_located(clause))
"""Clauses that NEAR may join."""
DISTANCES = (1, 2, 3, 5, 8, 25, 200)
REGEX_PIECES = (
    *(
        "motion",
        "compel",
        "order",
        "sec",
        "report",
        "to",
        "binance",
        "coin",
        "x",
        "s",
        "k",
        "報",
        "証券",
        r"\$",
        "8-k",
    ),
    *("[a-z]", "[^x]", r"\s", " ", ".", r"\d", r"\w", r"\.", "[[:alpha:]]", "[ks]", r"\b", "^", "$", "(?i)", "/"),
)
REGEX_WRAPS = (
    "{0}",
    "{0}",
    "{0}",
    "(?:{0})?",
    "({0})?",
    "(?:{0})*",
    "({0})+",
    "(?:{0}){{2}}",
    "({0}){{0,2}}",
    "({0}|)",
)
REGEX_ENDS = ("", "", "", "?", "*", "+", "+?", "{0}", "{1,2}", "{0,}")


def is_usable(pattern: str) -> bool:
    """Whether the language takes a pattern."""
    try:
        compiled(pattern)
    except BadPattern:
        return False
    return True


def _alternatives(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    branches = st.lists(st.lists(parts, min_size=1, max_size=3).map("".join), min_size=1, max_size=3).map("|".join)
    wrapped = st.builds(str.format, st.sampled_from(REGEX_WRAPS), branches.map(lambda branch: f"(?:{branch})"))
    return st.one_of(wrapped, branches.map("({})".format), branches.map("(?P<name>{})".format))


patterns = (
    st.lists(
        st.recursive(
            st.builds(str.__add__, st.sampled_from(REGEX_PIECES), st.sampled_from(REGEX_ENDS)),
            _alternatives,
            max_leaves=5,
        ),
        min_size=1,
        max_size=4,
    )
    .map("".join)
    .filter(is_usable)
)


def _near(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    groups = st.lists(parts, min_size=2, max_size=3).map(tuple).map(Or)
    pairs = st.builds(Near, parts, parts, st.sampled_from(DISTANCES))
    return st.one_of(pairs, pairs, groups)


operands = st.recursive(st.sampled_from(LOCATED), _near, max_leaves=4)
proximities = st.builds(Near, operands, operands, st.sampled_from(DISTANCES))
located_values = st.builds(
    Near, st.sampled_from(DOCKETS).map(Docket), st.sampled_from(LOCATED), st.sampled_from(DISTANCES)
)
text_leaves: st.SearchStrategy[Node] = st.one_of(
    st.sampled_from(WORDING),
    st.sampled_from(WORDING),
    st.sampled_from(REGEXES).map(Regex),
    patterns.map(Regex),
    proximities,
)
values: st.SearchStrategy[Node] = st.one_of(st.sampled_from(VALUES), located_values)


def _combined(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(parts, min_size=2, max_size=4).map(tuple)
    return st.one_of(several.map(And), several.map(Or), parts.map(Not))


scopes = st.builds(Scope, st.sampled_from(("title", "body")), st.recursive(text_leaves, _combined, max_leaves=4))
nodes: st.SearchStrategy[Node] = st.recursive(st.one_of(text_leaves, values, scopes), _combined, max_leaves=8)
