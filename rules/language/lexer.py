"""Query text cut into signs (words, phrases, operators, fields), with a fault for each piece that is none.

How signs make clauses is not here (see `parse`). Constructs that the language is to have later, and those of other
query languages that readers may bring along, are recognised and refused: no character is ever silently ignored.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from rules.language.wording import FURTHEST, LEAST_LETTERS, LONGEST_SPELLING
from rules.words import Text

TEXT_FIELDS: Final = ("title", "body")
VALUE_FIELDS: Final = (
    *("source", "kind", "tag", "lang", "form", "item", "docket", "court", "agency", "topic"),
    *("entity", "fragment", "published", "updated", "amount"),
)
LATER_FIELDS: Final = ("event", "by", "against")
LONGEST_QUERY: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFault:
    """What is wrong with `length` characters of a query at `line` and `column`, both counted from 1."""

    message: str
    line: int
    column: int
    length: int
    suggestion: str | None = None
    """The word that was probably meant."""

    def __str__(self) -> str:
        meant = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"line {self.line}, column {self.column}: {self.message}{meant}"

    def render(self, query: str) -> str:
        """Return the fault with the line of `query` it stands on and carets under what is wrong."""
        lines = query.replace("\r\n", "\n").split("\n")
        line = lines[self.line - 1] if self.line <= len(lines) else ""
        before, wrong = line[: self.column - 1], line[self.column - 1 : self.column - 1 + self.length]
        pad = "".join("\t" if character == "\t" else " " * _width(character) for character in before)
        return f"{self}\n    {line}\n    {pad}{'^' * max(1, sum(map(_width, wrong)))}"


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


SignKind = Literal[
    "word", "prefix", "phrase", "spelling", "sloppy", "regex", "field", "value", "hole", "and", "or", "not", "near",
    "(", ")", "end",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One piece of a query: the characters [start, end). A `hole` stands for an operand that was refused."""

    kind: SignKind
    start: int
    end: int
    text: str = ""
    """Of a word, phrase or value: without quotes and star. Of a field: its name."""
    value: str = ""
    """What a value field is compared with; `text` then is the field's name."""
    star: bool = False
    number: int = 0
    """The edits of a near-spelling, the distance of a loose phrase or of NEAR."""


_OTHER_NAMES: Final = {
    **{"headline": "title", "subject": "title", "text": "body", "content": "body", "category": "tag", "type": "kind"},
    **{"language": "lang", "date": "published", "company": "entity", "case": "docket", "money": "amount"},
}
"""What other query languages call our fields."""


def near(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `word` probably was meant to be."""
    found = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


class Faults:
    """The faults of one query, in the order of their places."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._found: dict[tuple[int, int], QueryFault] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, start: int, end: int, message: str, suggestion: str | None = None) -> None:
        """Blame the characters [start, end); of several faults at one place the first stays."""
        line = self._query.count("\n", 0, start) + 1
        column = start - (self._query.rfind("\n", 0, start) + 1) + 1
        fault = QueryFault(
            message=message, line=line, column=column, length=max(1, end - start), suggestion=suggestion
        )
        self._found.setdefault((line, column), fault)

    def sorted(self) -> tuple[QueryFault, ...]:
        """Return them in the order of their places."""
        return tuple(fault for _, fault in sorted(self._found.items()))


_BLANK: Final = re.compile(r"\s+")
_QUOTES: Final = '"“”„‟'
_BARE: Final = re.compile(rf"[^\s(){_QUOTES}]+")
_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z_-]*):")
_QUOTED: Final = re.compile(r'"([^"]*)"|[“„‟]([^“”"]*)[“”"]')
_AFTER_QUOTE: Final = re.compile(r"~(?P<distance>\d*)|\*|\^[\d.]*")
_BRACKETS: Final = re.compile(r"[\[{][^\]}]*[\]}]?")
_REGEX: Final = re.compile(r"/((?:[^/\\\n]|\\.)+)/([a-z]*)")
_NEAR: Final = re.compile(r"NEAR/(\d{1,6})")
_DISTANCE: Final = re.compile(
    r"NEAR/?|NEAR/.*|(?i:near|w|pre|adj|within)/\d+|/(?:\d+|[sp])|(?:ADJ|PRE)\d+|WITHIN\d*|(?:AND|OR|NOT)/\d+"
)
_MEANT_DISTANCE: Final = re.compile(r"[A-Za-z]*\s?/?\s?(\d{1,3})(?!\d)")
"""A distance in one of the forms that other languages have, with its number, which may stand apart."""
_GLUED: Final = re.compile(r"(AND|OR|NOT)-(.+)")
_SPELLING: Final = re.compile(r"(?P<word>[^~*]+)~(?P<edits>\d*)")
_OPERATORS: Final[dict[str, Literal["and", "or", "not"]]] = {"AND": "and", "OR": "or", "NOT": "not"}
_FOREIGN_OPERATORS: Final = {"&&": "AND", "&": "AND", "||": "OR", "|": "OR", "!": "NOT", "+": "AND"}
_DIGITS: Final = 9
"""Digits of a number that are read: more make it no less too large, but int() refuses more than 4,300."""
_LATER: Final = "not supported in this version of the query language"


class Lexer:
    """Reads one query from left to right."""

    def __init__(self, query: str, faults: Faults) -> None:
        self._query = query
        self._faults = faults
        self._signs: list[Sign] = []
        self._at = 0

    def signs(self) -> tuple[Sign, ...]:
        """Return all signs of the query, the last of kind `end`."""
        query = self._query
        while self._at < len(query):
            if blank := _BLANK.match(query, self._at):
                self._at = blank.end()
                continue
            character = query[self._at]
            if character in "()":
                self._emit("(" if character == "(" else ")", self._at + 1)
            elif character in _QUOTES:
                self._phrase()
            elif character in "[{":
                message = "a range needs a field before it, such as amount:[1M TO 5M]"
                self._refuse(_end(_BRACKETS, query, self._at), message)
            elif character == "-":
                self._minus()
            else:
                self._bare()
        self._emit("end", len(query))
        return tuple(self._signs)

    def _emit(
        self, kind: SignKind, end: int, text: str = "", value: str = "", star: bool = False, number: int = 0
    ) -> None:
        self._signs.append(Sign(kind=kind, start=self._at, end=end, text=text, value=value, star=star, number=number))
        self._at = end

    def _refuse(self, end: int, message: str, suggestion: str | None = None, kind: SignKind = "hole") -> None:
        self._faults.add(self._at, end, message, suggestion)
        self._emit(kind, end)

    def _phrase(self) -> None:
        quoted = _QUOTED.match(self._query, self._at)
        if quoted is None:
            self._refuse(len(self._query), "this quotation mark is never closed")
            return
        text = quoted[1] if quoted[1] is not None else quoted[2]
        after = _AFTER_QUOTE.match(self._query, quoted.end())
        if after and after[0][0] == "~":
            distance = int(after["distance"][:_DIGITS] or 0)
            if not after["distance"]:
                self._refuse(after.end(), 'a distance stands right after the ~, without a blank, as in "a b"~8')
            elif fault := _phrase_fault(text) or _sloppy_fault(len(Text(text).tokens), distance):
                self._refuse(after.end(), fault)
            else:
                self._emit("sloppy", after.end(), text, number=distance)
        elif after and after[0] == "*":
            self._refuse(after.end(), "a * may follow a word, not a phrase; take it out")
        elif after:
            self._refuse(after.end(), "weights (^2) mean nothing here: a rule holds or it does not; take it out")
        elif fault := _phrase_fault(text):
            self._refuse(quoted.end(), fault)
        else:
            self._emit("phrase", quoted.end(), text)

    def _minus(self) -> None:
        following = self._query[self._at + 1 : self._at + 2]
        if following == "-":
            dashes = _end(re.compile("-+"), self._query, self._at)
            self._refuse(dashes, "only one - may stand before a word: it means NOT", kind="not")
        elif not following or following.isspace() or following == ")":
            self._refuse(self._at + 1, "a lone - means nothing; write NOT, or join it to the word it excludes")
        else:
            self._emit("not", self._at + 1)

    def _bare(self) -> None:
        query, start = self._query, self._at
        if query[start] == "/" and (regex := _REGEX.match(query, start)):
            if regex[2]:
                self._refuse(regex.end(), "a regular expression takes no flags here; case never counts")
            else:
                self._emit("regex", regex.end(), regex[1].replace("\\/", "/"))
            return
        if query[start] == "/" and not _DISTANCE.fullmatch(query, start, _end(_BARE, query, start)):
            self._refuse(len(query), "this regular expression is never closed; a slash as text goes in double quotes")
            return
        if field := _FIELD.match(query, start):
            self._field(field[1].lower(), field)
            return
        end = _end(_BARE, query, start)
        text = query[start:end]
        if text in _OPERATORS:
            self._emit(_OPERATORS[text], end)
        elif text.upper() in _OPERATORS:
            operator = text.upper()
            message = (
                f'write {operator} in capitals if you mean the operator, "{text}" in quotes if you mean the word'
            )
            joins = self._signs and self._signs[-1].kind not in ("and", "or", "not", "(")
            self._refuse(end, message, kind=_OPERATORS[operator] if joins or operator == "NOT" else "hole")
        elif distance := _NEAR.fullmatch(text):
            self._near(int(distance[1]), end)
        elif _DISTANCE.fullmatch(text):
            meant = _MEANT_DISTANCE.match(query, start)
            words, end = (meant[1], max(end, meant.end())) if meant else ("8", end)
            self._refuse(end, f"a distance is written NEAR/{words}, in capitals and with a number", kind="and")
        else:
            self._word(text, end)

    def _near(self, distance: int, end: int) -> None:
        if 1 <= distance <= FURTHEST:
            self._emit("near", end, number=distance)
        else:
            self._refuse(end, f"NEAR takes a distance from 1 to {FURTHEST} words", kind="and")

    def _word(self, text: str, end: int) -> None:
        if near_ := _SPELLING.fullmatch(text):
            edits = int(near_["edits"][:_DIGITS] or 1)
            fault = _word_fault(near_["word"], near_["word"]) or _spelling_fault(near_["word"], edits)
            if fault:
                self._refuse(end, fault)
            else:
                self._emit("spelling", end, near_["word"], number=edits)
            return
        stem = text[:-1] if text.endswith("*") else text
        if fault := _word_fault(text, stem):
            self._refuse(end, fault)
        elif stem == text:
            self._emit("word", end, text)
        elif fault := _prefix_fault(stem):
            self._refuse(end, fault)
        else:
            self._emit("prefix", end, stem)

    def _field(self, name: str, field: re.Match[str]) -> None:
        if name in TEXT_FIELDS:
            self._emit("field", field.end(), name)
            return
        query, start = self._query, field.end()
        quoted = _QUOTED.match(query, start)
        if quoted:
            value, end = quoted[1] if quoted[1] is not None else quoted[2], quoted.end()
        elif query[start : start + 1] == "(":
            value, end = "", _closing(query, start)
        elif brackets := _BRACKETS.match(query, start):
            value, end = brackets[0], brackets.end()
        else:
            bare = _BARE.match(query, start)
            value, end = (bare[0], bare.end()) if bare else ("", start)
        star = value.endswith("*") and not quoted
        if quoted and query[end : end + 1] == "*":
            star, end = True, end + 1
        self._value(name, field, end, value[:-1] if star and not quoted else value, star)

    def _value(self, name: str, field: re.Match[str], end: int, value: str, star: bool) -> None:
        if name in LATER_FIELDS:
            self._refuse(end, f"the field {name}: is {_LATER}")
        elif name not in VALUE_FIELDS:
            known = _OTHER_NAMES.get(name) or near(name, (*TEXT_FIELDS, *VALUE_FIELDS))
            message = f'there is no field "{name}:"; if you mean the text, put it in quotes'
            self._faults.add(self._at, field.end(), message, f"{known}:" if known else None)
            self._emit("hole", end)
        elif self._query[field.end() : field.end() + 1] == "(":
            self._refuse(end, f"{name}: takes one value; write ({name}:this OR {name}:that) for several")
        elif not value.strip():
            self._refuse(end, f"{name}: needs a value right after the colon, without a blank")
        else:
            self._emit("value", end, name, value, star)


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start + 1


def _closing(query: str, start: int) -> int:
    """Return the place after the bracket that closes the one at `start`."""
    depth = 0
    for position in range(start, len(query)):
        depth += (query[position] == "(") - (query[position] == ")")
        if depth == 0:
            return position + 1
    return len(query)


def _phrase_fault(text: str) -> str | None:
    if "\\" in text:
        return "there are no escapes: marks do not count inside a phrase, take the backslash out"
    if "*" in text:
        return "a * inside a phrase is not supported; give the words in full"
    if not text.strip():
        return "this phrase is empty"
    if not Text(text).tokens:
        return "this phrase has no letter or digit"
    return None


def _word_fault(text: str, stem: str) -> str | None:
    for foreign, operator in _FOREIGN_OPERATORS.items():
        if text == foreign:
            return f"{foreign} is not an operator here; write {operator}"
    if glued := _GLUED.fullmatch(text):
        return f"write {glued[1]} {glued[2]}, with a blank; in quotes if you mean the words"
    checks = (
        (text[0] == "+", "every word is required already; take the + out"),
        (text[0] == "!", "! is not an operator here; write NOT"),
        (text[0] in "'‘’`", 'phrases stand in double quotes: "motion to compel"'),
        (text[0] in "<>=", "a comparison needs a field before it, such as amount:>=50M or published:<2d"),
        (text[0] == "@", f"entities with a tag are asked for by entity:{text}"),
        ("=" in text[1:], "a field takes a colon, as in title:motion; put the text in quotes if you mean it"),
        (text[0] == ":", "a colon needs a field right before it, without a blank, as in title:motion"),
        (text[0] == "*", "a word cannot begin with *; give its beginning, as in motion*"),
        ("*" in stem, "a * may only end a word, as in motion*"),
        ("?" in text, "? is not supported as a wildcard; list the forms with OR, or use a prefix such as wom*"),
        ("~" in text, 'a ~ stands after a whole word, as in coinbase~1, or after a phrase, as in "a b"~8'),
        ("^" in text, "weights (^2) mean nothing here: a rule holds or it does not; take it out"),
        ("\\" in text, "there are no escapes; put the text in double quotes and take the backslash out"),
        (any(mark in text for mark in "[]{}"), "a range needs a field before it, such as amount:[1M TO 5M]"),
        (not Text(stem).tokens, f'"{text}" has no letter or digit to look for'),
    )
    return next((message for wrong, message in checks if wrong), None)


def _prefix_fault(stem: str) -> str | None:
    read = Text(stem)
    if read.span(0, len(read.tokens) - 1)[1] != len(stem):
        return "a * must follow a letter or digit of the word it continues"
    if len(read.tokens) == 1 and len(read.tokens[0]) < 2 and read.tokens[0].isascii():
        return "one letter and * would match nearly every text; give two letters or more"
    return None


def _sloppy_fault(words: int, distance: int) -> str | None:
    if words < 2:
        return "a distance needs a phrase of two words or more"
    if distance < words - 1:
        return f"{words} words do not fit into a distance of {distance}; the least is ~{words - 1}"
    if distance > FURTHEST:
        return f"a phrase takes a distance of {FURTHEST} words at most"
    return None


def _spelling_fault(word: str, edits: int) -> str | None:
    if edits not in LEAST_LETTERS:
        return "a near-spelling takes one edit (~1) or two (~2)"
    terms = Text(word).tokens
    if len(terms) != 1 or not terms[0].isalpha():
        return "a near-spelling is for one word of letters only"
    if len(terms[0]) > LONGEST_SPELLING:
        return f"a near-spelling takes a word of {LONGEST_SPELLING} letters at most"
    if len(terms[0]) < LEAST_LETTERS[edits]:
        return f"~{edits} needs a word of {LEAST_LETTERS[edits]} letters or more: too many words are near a short one"
    return None
