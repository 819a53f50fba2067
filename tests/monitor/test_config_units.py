"""Durations, sizes, rates and address ranges are read as people write them."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from monitor.config.units import (
    duration,
    format_duration,
    format_rate,
    format_size,
    parse_allowance,
    parse_duration,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("24h", 86_400),
        ("7d", 604_800),
        ("500ms", 0.5),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2w", 1_209_600),
        ("0s", 0),
        ("1h 30m", 5400),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value", [5, 5.0, "5", "", "m", "5 minutes", "-5m", "5m-1s", "1e3s", "٥m", True, ["5m"], "99999w"]
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_duration(value)


def test_a_number_without_unit_is_told_to_have_one() -> None:
    with pytest.raises(ValueError, match=r'5 has no unit; write "5s", "5m" or "5h"|\'5\' has no unit; write "5s"'):
        duration("5")


@given(st.integers(0, 10**10))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10 MB", 10_000_000),
        ("512 KiB", 524_288),
        ("1GiB", 2**30),
        ("100 B", 100),
        ("1.5 KB", 1500),
        ("20 mb", 20_000_000),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", [10, "10", "10 MBB", "MB", "-1 MB", "", None, 1.5])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_size(value)


@given(st.integers(0, 2**40))
def test_a_size_is_written_as_it_is_read(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(("text", "rate"), [("1/s", 1.0), ("30/min", 0.5), ("1800/h", 0.5), (" 10 / s ", 10.0)])
def test_a_rate_is_read_as_messages_a_second(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("value", [1, "1", "0/s", "1/m", "-1/s", "1/s/s", "1.5/s"])
def test_what_is_no_rate_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_rate(value)


@given(st.integers(1, 100_000), st.sampled_from(["s", "min", "h"]))
def test_a_rate_is_written_as_it_is_read(count: int, unit: str) -> None:
    rate = parse_rate(f"{count}/{unit}")
    assert parse_rate(format_rate(rate)) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("text", "network", "port"),
    [
        ("127.0.0.1/32:18080", "127.0.0.1/32", 18080),
        ("10.1.2.0/24:443", "10.1.2.0/24", 443),
        ("10.1.2.3:443", "10.1.2.3/32", 443),
        ("[fd00::]/8:443", "fd00::/8", 443),
        ("[::1]:80", "::1/128", 80),
    ],
)
def test_an_address_range_with_a_port_is_read(text: str, network: str, port: int) -> None:
    assert parse_allowance(text) == (ipaddress.ip_network(network), port)


@pytest.mark.parametrize(
    "text",
    ["10.0.0.0/8", "10.0.0.1/8:443", "10.0.0.0/33:1", "::1:80", "a.org:80", "10.0.0.1:0", "10.0.0.1:99999", "*"],
)
def test_what_is_no_address_range_with_a_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is"):
        parse_allowance(text)
