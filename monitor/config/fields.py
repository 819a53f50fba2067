"""The kinds of value that keys of a config take, each with its check and its JSON Schema; keys are in `model`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from monitor.config.addresses import check_host, check_mailbox, check_url
from monitor.config.faults import did_you_mean, kind_of, shown
from monitor.config.secret import Secret, SecretValue
from monitor.config.units import (
    DURATION_PATTERN,
    Duration,
    Size,
    format_duration,
    parse_allowance,
    parse_duration,
    wrong,
)
from rules.model import FACTS

ID_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
IDENTIFIERS: Final = ("docket", "cik", "lei", "ticker", "crd")


def _id(value: str) -> str:
    if re.match(ID_PATTERN, value):
        return value
    better = re.sub(r"[^a-z0-9._-]+", "-", value.casefold()).strip("-._")[:64]
    hint = f'write "{better}"' if better else 'write it like "sec-press"'
    raise wrong(f"{shown(value)} is not an id: only a-z, 0-9, '-', '_', '.', at most 64", hint)


def _lang(value: str) -> str:
    if re.fullmatch(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*", value):
        return value.lower()
    raise wrong(f"{shown(value)} is not a language code", 'write it like "en" or "pt-br"')


def _moment(value: Any) -> datetime:
    """Read a TOML date or time, or a text that is one; without an offset it is UTC."""
    at = value
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            raise wrong(f"{shown(value)} is not a time", _LIKE_A_TIME) from None
    if isinstance(at, date) and not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)  # noqa: DTZ001 - the zone comes below
    if not isinstance(at, datetime):
        raise wrong(f"must be a time, not {kind_of(value)}", _LIKE_A_TIME)
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        raise wrong(f"{shown(value)} is not a time", _LIKE_A_TIME) from None


_LIKE_A_TIME: Final = "write it like 2024-03-05 or 2024-03-05T21:04:11Z"


def _ports(ports: tuple[int, ...]) -> tuple[int, ...]:
    for port in ports:
        if not 1 <= port <= 65_535:
            raise wrong(f"{port} is not a port between 1 and 65535")
    return ports


def _allowance(value: str) -> str:
    try:
        parse_allowance(value)
    except ValueError as error:
        raise wrong(f"{shown(value)} {error}", 'write it like "10.1.2.0/24:443" or "[fd00::]/8:443"') from None
    return value


def _first(value: Any) -> timedelta | None:
    if value is None or value == "silent":
        return None
    try:
        return parse_duration(value)
    except PydanticCustomError:
        hint = 'write "silent", or a duration such as "24h"'
        raise wrong(f"{shown(value)} is neither silent nor a duration", _silent_hint(value) or hint) from None


def _silent_hint(value: Any) -> str:
    """Return the hint for a mistyped `silent`."""
    return did_you_mean(value, ["silent"]) if isinstance(value, str) else ""


def _keep(value: Any) -> timedelta | None:
    if value is None or value == "forever":
        return None
    try:
        keep = parse_duration(value)
    except PydanticCustomError:
        hint = 'write "forever", or a duration such as "180d"'
        near = did_you_mean(value, ["forever"]) if isinstance(value, str) else ""
        raise wrong(f"{shown(value)} is neither forever nor a duration", near or hint) from None
    if keep < timedelta(days=1):
        raise wrong(f"{format_duration(keep)} is shorter than 1d, the least allowed")
    return keep


def as_alias(value: Any) -> Any:
    """Return an alias that is written as text alone as the table it stands for."""
    return {"text": value} if isinstance(value, str) else value


def _spacings(value: Any) -> Any:
    if isinstance(value, dict):
        for host, spacing in value.items():
            if isinstance(spacing, dict):
                hint = 'a host name must stand in quotes: "sec.gov" = "200ms"'
                raise wrong("must be a duration, not a table", hint, at=host)
    return value


def _frozen(value: dict[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(value)


def _named_texts(known: tuple[str, ...], what: str) -> Callable[[Any], Any]:
    """Return a check that turns a table of texts and lists of texts into (name, text) pairs."""

    def pairs(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        found: list[tuple[str, str]] = []
        for name, given in value.items():
            if name not in known:
                hint = did_you_mean(name, known) or f"known are {', '.join(known)}"
                raise wrong(f"is not a known {what}", hint, at=name)
            for text in given if isinstance(given, tuple) else (given,):
                if not isinstance(text, str) or not text.strip():
                    raise wrong(f"must be text, or a list of texts, not {kind_of(text)}", at=name)
                found.append((name, text.strip()))
        return tuple(found)

    return pairs


def named_texts_back(pairs: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for scheme, text in pairs:
        table.setdefault(scheme, []).append(text)
    return table


def _first_back(first: timedelta | None) -> str:
    return "silent" if first is None else format_duration(first)


def _keep_back(keep: timedelta | None) -> str:
    return "forever" if keep is None else format_duration(keep)


def _headers_back(headers: Mapping[str, str | Secret]) -> dict[str, Any]:
    return {name: value.reference if isinstance(value, Secret) else value for name, value in headers.items()}


def _interval(value: timedelta) -> timedelta:
    if value > timedelta(days=7):
        raise wrong(f"{format_duration(value)} is longer than 7d, the most allowed")
    return value


def _file_path(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise wrong("is not a path")
    return value


Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Title = Annotated[str, Field(max_length=300)]
Id = Annotated[str, AfterValidator(_id), Field(json_schema_extra={"pattern": ID_PATTERN})]
Tags = tuple[Id, ...]
Url = Annotated[str, AfterValidator(check_url), Field(json_schema_extra={"pattern": "^https?://"})]
Ports = Annotated[tuple[int, ...], AfterValidator(_ports)]
Allowance = Annotated[str, AfterValidator(_allowance)]
Mailbox = Annotated[str, AfterValidator(check_mailbox)]
Header = Annotated[str | SecretValue, Field()]
Headers = Annotated[Mapping[str, Header], AfterValidator(_frozen), PlainSerializer(_headers_back)]
Spacings = Annotated[
    Mapping[Annotated[str, AfterValidator(check_host)], Duration],
    BeforeValidator(_spacings),
    AfterValidator(_frozen),
    PlainSerializer(lambda table: {host: format_duration(spacing) for host, spacing in table.items()}),
]
First = Annotated[
    timedelta | None,
    BeforeValidator(_first),
    PlainSerializer(_first_back, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [{"const": "silent"}, {"type": "string", "pattern": DURATION_PATTERN}],
            "examples": ["silent", "24h"],
        }
    ),
]
Keep = Annotated[
    timedelta | None,
    BeforeValidator(_keep),
    PlainSerializer(_keep_back, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [{"const": "forever"}, {"type": "string", "pattern": DURATION_PATTERN}],
            "examples": ["180d", "forever"],
        }
    ),
]


def _named_texts_schema(known: tuple[str, ...]) -> WithJsonSchema:
    one: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    return WithJsonSchema({"type": "object", "properties": dict.fromkeys(known, one), "additionalProperties": False})


Identifiers = Annotated[
    tuple[tuple[str, str], ...],
    BeforeValidator(_named_texts(IDENTIFIERS, "kind of identifier")),
    PlainSerializer(named_texts_back),
    _named_texts_schema(IDENTIFIERS),
]
Facts = Annotated[
    tuple[tuple[str, str], ...],
    BeforeValidator(_named_texts(FACTS, "field of a document")),
    PlainSerializer(named_texts_back),
    _named_texts_schema(FACTS),
]


def _between(low: timedelta, high: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise wrong(f"{format_duration(value)} is not between {format_duration(low)} and {format_duration(high)}")
        return value

    return AfterValidator(check)


def _bytes_between(low: int, high: int) -> AfterValidator:
    def check(value: int) -> int:
        if not low <= value <= high:
            raise wrong(f"{value} bytes is not between {low} and {high} bytes")
        return value

    return AfterValidator(check)


Timeout = Annotated[Duration, _between(timedelta(milliseconds=10), timedelta(minutes=10))]
Spacing = Annotated[Duration, _between(timedelta(0), timedelta(hours=1))]
Limit = Annotated[Size, _bytes_between(1_000, 1_000_000_000)]
Interval = Annotated[Duration, AfterValidator(_interval)]
Repeat = Annotated[Duration, _between(timedelta(minutes=1), timedelta(days=30))]
FilePath = Annotated[str, AfterValidator(_file_path)]
Lang = Annotated[str, AfterValidator(_lang)]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]
