"""Durations, sizes, rates and addresses as people write them; a number without its unit is refused."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from monitor.config.faults import did_you_mean, kind_of, shown

AddressRange = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST: Final = timedelta(days=3660)
DURATION_PATTERN: Final = r"^\s*(?:[0-9]+(?:\.[0-9]+)?\s*(?:ms|s|m|h|d|w)\s*)+$"
SIZE_PATTERN: Final = r"^\s*[0-9]+(?:\.[0-9]+)?\s*(?:B|KB|MB|GB|KiB|MiB|GiB)\s*$"
RATE_PATTERN: Final = r"^\s*[0-9]+\s*/\s*(?:s|min|h)\s*$"

_DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|w)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_BYTES: Final = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_PER: Final = {"s": 1, "min": 60, "h": 3600}
_ALLOWANCE: Final = re.compile(
    r"^(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<four>[0-9.]+))(?:/(?P<bits>\d{1,3}))?:(?P<port>\d{1,5})$"
)


def wrong(message: str, hint: str = "", *, at: str = "") -> PydanticCustomError:
    """Return the error that a validator raises, with the message and hint that the fault will carry.

    `at` names the key below the validated one that is at fault.
    """
    return PydanticCustomError("tipstaff", "{message}", {"message": message, "hint": hint, "at": at})


def parse_duration(value: Any) -> timedelta:
    """Read "90s", "5m", "1h30m", "500ms", "7d" as a timedelta.

    Raises:
        PydanticCustomError: it is no duration; the hint says how to write one.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise wrong(f"{shown(value)} has no unit", f'write "{value}s", "{value}m" or "{value}h"')
    if not isinstance(value, str):
        raise wrong(f"must be a duration, not {kind_of(value)}", 'write it like "90s", "5m" or "24h"')
    if re.fullmatch(r"\s*[0-9.]+\s*", value):
        number = value.strip()
        raise wrong(f"{shown(value)} has no unit", f'write "{number}s", "{number}m" or "{number}h"')
    if not re.fullmatch(DURATION_PATTERN, value):
        raise wrong(f"{shown(value)} is not a duration", 'units are ms, s, m, h, d, w: "90s", "5m", "1h30m"')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))
    if seconds > LONGEST.total_seconds():
        raise wrong(f"{shown(value)} is longer than ten years")
    return timedelta(seconds=seconds)


def duration(text: str) -> timedelta:
    """Read a duration that somebody typed, such as "24h".

    Raises:
        ValueError: it is none; the text says what is wrong and how to write one.
    """
    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        context = error.context or {}
        raise ValueError("; ".join(filter(None, (context.get("message"), context.get("hint"))))) from None


def format_duration(duration: timedelta) -> str:
    """Return a duration as `parse_duration` reads it."""
    left = round(duration / timedelta(milliseconds=1))
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        size = round(_SECONDS[unit] * 1000)
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(value: Any) -> int:
    """Read "10 MB" or "512 KiB" as a number of bytes.

    Raises:
        PydanticCustomError: it is no size; the hint says how to write one.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise wrong(f"{shown(value)} has no unit", f'write "{value} B", "{value} KB" or "{value} MB"')
    if not isinstance(value, str):
        raise wrong(f"must be a size, not {kind_of(value)}", 'write it like "10 MB" or "512 KiB"')
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", value)
    if found is None:
        raise wrong(f"{shown(value)} is not a size", 'write it like "10 MB" or "512 KiB"')
    number, unit = found.groups()
    if not unit:
        raise wrong(f"{shown(value)} has no unit", f'write "{number} KB" or "{number} MB"')
    factor = {name.casefold(): factor for name, factor in _BYTES.items()}.get(unit.casefold())
    if factor is None:
        raise wrong(
            f"{shown(value)} is not a size: the unit {shown(unit)} is not one of {', '.join(_BYTES)}",
            did_you_mean(unit, _BYTES),
        )
    return round(float(number) * factor)


def format_size(size: int) -> str:
    """Return a number of bytes as `parse_size` reads it."""
    for unit in ("GiB", "GB", "MiB", "MB", "KiB", "KB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]} {unit}"
    return f"{size} B"


def parse_rate(value: Any) -> float:
    """Read "1/s", "30/min" or "100/h" as messages a second.

    Raises:
        PydanticCustomError: it is no rate above zero; the hint says how to write one.
    """
    how = 'write it like "1/s", "30/min" or "100/h"'
    if not isinstance(value, str):
        raise wrong(f"must be a rate, not {kind_of(value)}", how)
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*(s|min|h)\s*", value)
    if found is None:
        raise wrong(f"{shown(value)} is not a rate", how)
    if int(found[1]) == 0:
        raise wrong(f"{shown(value)} would never send anything", how)
    return int(found[1]) / _PER[found[2]]


def format_rate(rate: float) -> str:
    """Return messages a second as `parse_rate` reads them."""
    for unit, seconds in _PER.items():
        count = rate * seconds
        if count >= 1 and abs(count - round(count)) < 1e-9:
            return f"{round(count)}/{unit}"
    return f"{max(round(rate * 3600), 1)}/h"


def parse_allowance(text: str) -> tuple[AddressRange, int]:
    """Read "127.0.0.1/32:18080" or "[fd00::]/8:443" as the addresses and the port that may be reached.

    Raises:
        ValueError: it has no such form; the text says what is wrong.
    """
    found = _ALLOWANCE.match(text)
    if found is None:
        raise ValueError("is not of the form ADDRESS/PREFIX:PORT")
    port = int(found["port"])
    if not 1 <= port <= 65_535:
        raise ValueError(f"has the port {port}, which is not between 1 and 65535")
    address = found["six"] or found["four"]
    try:
        return ipaddress.ip_network(f"{address}/{found['bits']}" if found["bits"] else address), port
    except ValueError as error:
        raise ValueError(f"is no address range: {error}") from None


def path_from(folder: Path, text: str) -> Path:
    """Return a path as it is meant in a file of this folder; `~` is the home of whoever runs tipstaff."""
    try:
        return folder / Path(text).expanduser()
    except RuntimeError:  # no such user, or a user without a home
        return folder / text


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["90s", "5m", "24h"]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["10 MB", "512 KiB"]}),
]
Rate = Annotated[
    float,
    BeforeValidator(parse_rate),
    PlainSerializer(format_rate, return_type=str),
    WithJsonSchema({"type": "string", "pattern": RATE_PATTERN, "examples": ["1/s", "30/min"]}),
]
