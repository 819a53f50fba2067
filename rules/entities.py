"""A document as rules read it: its words, and which entities it mentions where.

How a mention is told from its namesakes by anything but its own `only_with` words is not here.

What counts as a mention:

- An entity's name and its aliases, as whole words; where several begin at one word, the longest wins, so neither
  `Binance.US` nor `Binance US` is a mention of Binance.
- An alias of at most five letters, all capitals (`BAM`, `SEC`, `CZ`), must stand in capitals in the text; in a
  headline all in capitals that tells nothing, and it counts. Any other alias is found in every spelling of case.
- The words of an alias may not be parted by a comma, a bracket or the end of a sentence (`sued Binance. US
  officials` does not mention Binance US), unless the alias itself has a mark there or a legal form follows
  (`Coinbase Global, Inc.`).
- An alias with `only_with` counts only if one of those words or phrases stands anywhere in title or body; a word
  before a domain ending is company too (`Binance.US` is company for `binance`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from rules import amounts
from rules.model import Alias, Document, Entity
from rules.words import Text, tokenise

Field = Literal["title", "body"]
_SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""For a document of no time at all; its age is nothing whenever it is seen."""
_ACRONYM_LENGTH: Final = 5
_PARTING: Final = re.compile(r"[,;:!?()\[\]{}\"“”|/\n。、，；：！？（）「」]")
_LEGAL_FORMS: Final = frozenset(
    (
        *("ab", "ag", "as", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated", "kg", "kk"),
        *("limited", "llc", "llp", "lp", "ltd", "nv", "plc", "pte", "pty", "sa", "sarl", "se", "spa", "srl"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityFault:
    """What is wrong with an entity as configured; a `warning` does not keep it from being used."""

    entity: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Words [first, last] of `field` that name an entity by `alias`."""

    field: Field
    first: int
    last: int
    alias: str
    lookalike: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Name:
    """An alias made ready to be found."""

    entity: str
    text: str
    terms: tuple[str, ...]
    acronym: bool
    company: tuple[tuple[str, ...], ...]
    parted: tuple[bool, ...]
    """For each gap between its words, whether the alias itself has a parting mark there."""


Mentions = Mapping[str, tuple[Mention, ...]]
"""Entity id -> where it is mentioned, title first."""


class _Company:
    """The words of a whole document, asked which ambiguous aliases are in company."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._texts = texts
        self._domains: frozenset[str] | None = None
        self._known: dict[tuple[tuple[str, ...], ...], bool] = {}

    def keeps(self, name: _Name) -> bool:
        """Whether one of the words that `name` demands, if any, is in the document."""
        if not name.company:
            return True
        if name.company not in self._known:
            self._known[name.company] = any(map(self._has, name.company))
        return self._known[name.company]

    def _has(self, terms: tuple[str, ...]) -> bool:
        if any(text.has(terms) for text in self._texts):
            return True
        if self._domains is None:
            self._domains = frozenset(
                word[: word.index(".")] for text in self._texts for word in text.words if "." in word
            )
        return len(terms) == 1 and terms[0] in self._domains


class Gazetteer:
    """The names of all entities, found together in one pass over a document's words."""

    def __init__(self, entities: Sequence[Entity] = ()) -> None:
        self.ids = frozenset(entity.id for entity in entities)
        self.tags = frozenset(tag for entity in entities for tag in entity.tags)
        self._tagged = {
            tag: frozenset(entity.id for entity in entities if tag in entity.tags) for tag in sorted(self.tags)
        }
        self._names = {entity.id: tuple(_names_of(entity)) for entity in entities}
        self._by_words: dict[str, list[_Name]] = {}
        for names in self._names.values():
            for name in names:
                self._by_words.setdefault(" ".join(name.terms), []).append(name)
        self.names = frozenset(self._by_words)
        """The words of every name, a space between them."""

    def names_of(self, ids: Iterable[str]) -> frozenset[str]:
        """Return the names, as `names` has them, of which every text that mentions one of these entities has one."""
        return frozenset(" ".join(name.terms) for entity in ids for name in self._names.get(entity, ()))

    def tagged(self, tag: str) -> frozenset[str]:
        """Return the ids of the entities that carry `tag`."""
        return self._tagged.get(tag, frozenset())

    def find(self, view: View) -> Mentions:
        """Return every mention in the two fields of one document."""
        found: dict[str, list[Mention]] = {}
        by_first = self._possible(view)
        for field in ("title", "body") if by_first else ():
            for entity, mention in self._mentions(field, view.text(field), by_first):
                found.setdefault(entity, []).append(mention)
        return {entity: tuple(mentions) for entity, mentions in found.items()}

    def _mentions(
        self, field: Field, text: Text, by_first: Mapping[str, Sequence[_Name]]
    ) -> Iterator[tuple[str, Mention]]:
        words = text.skeleton or text.tokens
        free = 0
        for hit in text.any_of(frozenset(by_first)):
            number = hit.first
            if number < free or words[number] not in by_first:
                continue
            length = 0
            for name in by_first[words[number]]:
                if len(name.terms) < length:
                    break
                if _obstacle(name, text, words, number) is None:
                    length = len(name.terms)
                    last = number + length - 1
                    lookalike = (
                        words is not text.tokens
                        and words[number : number + length] != text.tokens[number : number + length]
                    )
                    mention = Mention(field=field, first=number, last=last, alias=name.text, lookalike=lookalike)
                    yield name.entity, mention
            free = number + length

    def _possible(self, view: View) -> dict[str, list[_Name]]:
        """Return, by first word, the names whose words the document has, and whose company."""
        names = [name for words in view.names & self.names for name in self._by_words[words]]
        if not names:
            return {}
        company = _Company((view.title, view.body))
        by_first: dict[str, list[_Name]] = {}
        for name in sorted(names, key=lambda name: (-len(name.terms), name.entity, name.text)):
            if company.keeps(name):
                by_first.setdefault(name.terms[0], []).append(name)
        return by_first

    def near_miss(self, entity: str, view: View) -> str | None:
        """Say why words that look like a name of `entity` do not count as a mention; None where there are none."""
        company = _Company((view.title, view.body))
        for text in (view.title, view.body):
            words = text.skeleton or text.tokens
            for name in self._names.get(entity, ()):
                for number, word in enumerate(words):
                    if word != name.terms[0]:
                        continue
                    obstacle = _obstacle(name, text, words, number)
                    if obstacle is None and not company.keeps(name):
                        wanted = ", ".join(f'"{" ".join(terms)}"' for terms in name.company)
                        obstacle = f"counts only with one of {wanted} in the text"
                    elif obstacle is None:
                        obstacle = f"is part of {self._longer_name(text, view, number)}"
                    if obstacle:
                        return f'"{name.text}" {obstacle}'
        return None

    def _longer_name(self, text: Text, view: View, number: int) -> str:
        for entity, mention in self._mentions("title", text, self._possible(view)):
            if mention.first <= number <= mention.last:
                return f'"{mention.alias}", a name of {entity}'
        return "a longer name"


def _obstacle(name: _Name, text: Text, words: list[str], number: int) -> str | None:
    """Return None if `name` stands at word `number`, "" if its words do not, else what speaks against it."""
    length = len(name.terms)
    if length > 1:
        if tuple(words[number : number + length]) != name.terms:
            return ""
        if not all(name.parted[gap] or not _is_parted(text, words, number + gap) for gap in range(length - 1)):
            return "is parted by a mark that the alias does not have"
    elif name.acronym and not text.is_upper(number):
        return "does not stand in capitals"
    return None


def _is_parted(text: Text, words: list[str], number: int) -> bool:
    """Whether a mark stands between word `number` and the next that a name would not run across."""
    if words[number + 1] in _LEGAL_FORMS:
        return False
    gap = text.original[text.span(number, number)[1] : text.span(number + 1, number + 1)[0]]
    if _PARTING.search(gap):
        return True
    # A full stop after a longer word ends a sentence; after a short one (No., Corp., U.S.) it may abbreviate.
    return "." in gap and len(words[number]) > 4 and "." not in words[number]


class View:
    """A document as rules read it at the time `now`; built once, shared by every rule."""

    _mentions: Mentions | None = None
    _words: set[str] | None = None
    _names: Set[str] | None = None
    _found: tuple[Sequence[str], Set[int]] | None = None
    _sums: Mapping[Field, tuple[amounts.Found, ...]] = {}

    def __init__(
        self,
        document: Document,
        gazetteer: Gazetteer,
        now: datetime | None = None,
    ) -> None:
        self.document = document
        self.gazetteer = gazetteer
        self.title = Text(document.title)
        self.body = Text(document.body)
        self._now = now

    @property
    def now(self) -> datetime:
        """When the document was seen; where that is not known, it is taken to be seen when it was published."""
        return self._now or self.document.published or _SOME_TIME

    @property
    def words(self) -> set[str]:
        """Every word of title and body, in every reading."""
        if self._words is None:
            words = set(self.title.tokens)
            if self.document.body:
                words.update(self.body.tokens)
            for text in (self.title, self.body):
                if text.skeleton is not None:
                    words.update(text.skeleton)
            self._words = words
        return self._words

    @property
    def names(self) -> Set[str]:
        """Names, as `Gazetteer.names` has them, that may be in the document; none that is in it is missing."""
        if self._names is None:
            if self._found is not None:
                listed, numbers = self._found
                self._names = {listed[number] for number in numbers if number < len(listed)}
            else:
                self._names = {name for name in self.gazetteer.names if self.words.issuperset(name.split(" "))}
        return self._names

    def found_names(self, listed: Sequence[str], numbers: Set[int]) -> None:
        """Take note of a scan that looked for the names `listed`, among others, and found those `numbers`."""
        self._found = listed, numbers

    def sums(self, field: Field) -> tuple[amounts.Found, ...]:
        """Return the sums of money in one field; looked for when first asked."""
        if field not in self._sums:
            self._sums = {**self._sums, field: tuple(amounts.find(self.text(field)))}
        return self._sums[field]

    @property
    def mentions(self) -> Mentions:
        """Where entities are mentioned; looked for when first asked."""
        if self._mentions is None:
            self._mentions = self.gazetteer.find(self)
        return self._mentions

    def text(self, field: Field) -> Text:
        """Return one of the two texts."""
        return self.title if field == "title" else self.body


def _names_of(entity: Entity) -> Iterator[_Name]:
    """Yield the ways to name `entity`; its plain name not where an alias of the same words sets a condition."""
    aliases = [alias for alias in entity.aliases if tokenise(alias.text)]
    spelt = {tokenise(alias.text) for alias in aliases}
    if tokenise(entity.name) and tokenise(entity.name) not in spelt:
        aliases.insert(0, Alias(text=entity.name))
    for alias in aliases:
        read = Text(alias.text)
        yield _Name(
            entity=entity.id,
            text=alias.text,
            terms=tuple(read.tokens),
            acronym=alias.text.isalpha() and alias.text.isupper() and len(alias.text) <= _ACRONYM_LENGTH,
            company=tuple(terms for terms in map(tokenise, alias.only_with) if terms),
            parted=tuple(_is_parted(read, read.tokens, gap) for gap in range(len(read.tokens) - 1)),
        )


def find_faults(entities: Sequence[Entity]) -> tuple[EntityFault, ...]:
    """Return all that is wrong with these entities: doubled ids, empty names, aliases that two of them claim."""
    faults: list[EntityFault] = []

    def blame(entity: Entity, message: str, warning: bool = False) -> None:
        faults.append(EntityFault(entity=entity.id, message=message, warning=warning))

    seen: set[str] = set()
    for entity in entities:
        if entity.id in seen:
            blame(entity, f'two entities have the id "{entity.id}"; give one of them another')
        seen.add(entity.id)
        _check_names(entity, blame)
    for name, owners in _claims(entities).items():
        if len(owners) > 1:
            first, *others = owners
            blame(
                first,
                f'"{name}" is an alias of {" and ".join([first.id, *(other.id for other in others)])}: a text with it'
                " mentions all of them; give it `only_with` words to tell them apart",
                True,
            )
    return tuple(faults)


def _check_names(entity: Entity, blame: Callable[[Entity, str], None]) -> None:
    if not tokenise(entity.name):
        blame(entity, f'the name "{entity.name}" has no letter or digit; no text can mention it')
    for alias in entity.aliases:
        if not tokenise(alias.text):
            blame(entity, f'the alias "{alias.text}" has no letter or digit; remove it')
        for company in alias.only_with:
            if not tokenise(company):
                blame(
                    entity, f'`only_with` of the alias "{alias.text}" holds "{company}", which has no letter or digit'
                )


def _claims(entities: Sequence[Entity]) -> dict[str, list[Entity]]:
    """Return, for each unconditional alias, the entities that have it."""
    owners: dict[tuple[str, ...], dict[str, Entity]] = {}
    texts: dict[tuple[str, ...], str] = {}
    for entity in entities:
        for name in _names_of(entity):
            if not name.company:
                owners.setdefault(name.terms, {}).setdefault(entity.id, entity)
                texts.setdefault(name.terms, name.text)
    return {texts[terms]: list(claimants.values()) for terms, claimants in owners.items()}
