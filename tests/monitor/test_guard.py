"""Which addresses and which texts pass the guard."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from monitor.fetching.guard import AddressPolicy, BlockedAddress, GuardingResolver, check_url, read_allowance
from monitor.sources import SourceFailure

FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2620:4f:8000::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2600:1f18::1",
    "2a00:1450::1",
    "3ffe::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert AddressPolicy().objection(address, 443) == "is not a public address"


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes_on_a_web_port_only(address: str) -> None:
    policy = AddressPolicy()
    assert [policy.objection(address, port) for port in (80, 443, 8080, 8443)] == [None] * 4
    assert policy.objection(address, 25) == "is not a web port"
    assert policy.objection(address, 22) == "is not a web port"


def test_an_allowance_holds_for_its_address_and_port_together() -> None:
    policy = AddressPolicy(["127.0.0.1/32:18080", "10.1.2.0/24:443", "[::1]/128:8080", "8.8.8.8:53"])
    assert policy.objection("127.0.0.1", 18080) is None
    assert policy.objection("::ffff:127.0.0.1", 18080) is None
    assert policy.objection("10.1.2.77", 443) is None
    assert policy.objection("::1", 8080) is None
    assert policy.objection("8.8.8.8", 53) is None
    for address, port in (("127.0.0.1", 18081), ("127.0.0.2", 18080), ("10.1.3.1", 443), ("::1", 18080)):
        assert policy.objection(address, port) == "is not a public address"


@pytest.mark.parametrize(
    "entry",
    [
        "127.0.0.1",
        "127.0.0.1/32",
        "127.0.0.1/32:",
        "127.0.0.1/32:http",
        "127.0.0.1/32:0",
        "127.0.0.1/32:65536",
        "127.0.0.1/33:80",
        "127.0.0.1/8:80",
        "localhost:80",
        "::1/128:80",
        "[127.0.0.1]/32:80",
        "",
    ],
)
def test_an_allowance_of_another_form_is_refused_with_an_example(entry: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1/32:18080"):
        read_allowance(entry)


def test_an_allowance_without_a_prefix_is_one_address() -> None:
    assert read_allowance("192.168.7.1:8000") == (ip_network("192.168.7.1/32"), 8000)
    assert read_allowance("[fd00::1]:8000") == (ip_network("fd00::1/128"), 8000)


BAD_URLS = [
    "",
    "feed.xml",
    "//example.org/feed",
    "/etc/passwd",
    "file:///etc/passwd",
    "ftp://example.org/feed",
    "gopher://127.0.0.1:6379/_INFO",
    "javascript:alert(1)",
    "http:/example.org",
    "http:example.org",
    "http://",
    "http:///feed",
    "http://?x",
    "http://user@example.org/",
    "http://user:secret@example.org/",
    "http://example.org@127.0.0.1/",
    "http://127.0.0.1\\@example.org/",
    "http:\\\\example.org\\feed",
    "http://example.org/a b",
    " http://example.org/",
    "http://example.org/\n",
    "http://exa\tmple.org/",
    "http://example.org/\x00",
    "http://example.org/\x7f",
    "http://example.org/\u2028",
    "http://example\u00ad.org/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.1./",
    "http://1.2.3.4.5/",
    "http://256.1.1.1/",
    "http://[::1",
    "http://[fe80::1%25eth0]/",
    "http://[::ffff:127.0.0.1]:port/",
    "http://example.org:0/",
    "http://example.org:65536/",
    "http://exam%70le.org/",
    "http://a..b/",
    "http://-/",
    "http://" + "a" * 64 + ".org/",
    "http://example.org/" + "a" * 5000,
]


@pytest.mark.parametrize("raw", BAD_URLS, ids=ascii)
def test_a_text_that_parsers_might_read_differently_is_no_address(raw: str) -> None:
    with pytest.raises(SourceFailure) as refused:
        check_url(raw)
    assert refused.value.kind == "bad-url"
    assert "secret" not in str(refused.value)


def test_a_checked_address_is_ascii_and_has_lost_its_fragment() -> None:
    target = check_url("HTTPS://B\u00dcCHER.example:8443/\u00e4?q=\u00f6&x=1#part")
    assert target.url == "https://xn--bcher-kva.example:8443/%C3%A4?q=%C3%B6&x=1"
    assert target.origin == ("https", "xn--bcher-kva.example", 8443)
    assert target.shown == "https://xn--bcher-kva.example:8443/%C3%A4"


def test_full_width_dots_cannot_hide_a_literal() -> None:
    assert check_url("http://127\u30020\u30020\u30021/").host == "127.0.0.1"


def answers(*addresses: str):  # type: ignore[no-untyped-def]
    def lookup(_: str) -> Sequence[tuple[int, str]]:
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in addresses]

    return lookup


async def test_a_name_gives_only_checked_addresses() -> None:
    resolver = GuardingResolver(AddressPolicy(), answers("8.8.8.8", "2001:4860:4860::8888", "8.8.8.8"))
    found = await resolver.resolve("news.example", 443)
    assert [(a["host"], a["port"], a["family"]) for a in found] == [
        ("8.8.8.8", 443, socket.AF_INET),
        ("2001:4860:4860::8888", 443, socket.AF_INET6),
    ]
    assert [a["host"] for a in await resolver.resolve("news.example", 443, socket.AF_INET)] == ["8.8.8.8"]


async def test_one_forbidden_answer_forbids_the_name() -> None:
    resolver = GuardingResolver(AddressPolicy(), answers("8.8.8.8", "::ffff:10.0.0.1"))
    with pytest.raises(BlockedAddress, match=r"10\.0\.0\.1"):
        await resolver.resolve("rebinding.example", 443)


async def test_a_name_without_an_address_is_an_os_error() -> None:
    with pytest.raises(OSError, match="no address"):
        await GuardingResolver(AddressPolicy(), answers()).resolve("empty.example", 80)


async def test_names_that_hang_do_not_hold_up_others_and_are_asked_once() -> None:
    release, asked = threading.Event(), []

    def lookup(host: str) -> Sequence[tuple[int, str]]:
        asked.append(host)
        if host.startswith("hanging"):
            release.wait(20)
        return [(socket.AF_INET, "8.8.8.8")]

    resolver = GuardingResolver(AddressPolicy(), lookup)
    stuck = [asyncio.ensure_future(resolver.resolve(f"hanging{n % 50}.example", 80)) for n in range(100)]
    try:
        found = await asyncio.wait_for(resolver.resolve("quick.example", 80), 5)
        assert found[0]["host"] == "8.8.8.8"
        assert len(asked) == 51
    finally:
        release.set()
        await asyncio.gather(*stuck)


async def test_giving_up_on_a_name_leaves_it_to_the_others_who_asked() -> None:
    release = threading.Event()

    def lookup(_: str) -> Sequence[tuple[int, str]]:
        release.wait(20)
        return [(socket.AF_INET, "8.8.8.8")]

    resolver = GuardingResolver(AddressPolicy(), lookup)
    impatient = asyncio.ensure_future(resolver.resolve("slow.example", 80))
    patient = asyncio.ensure_future(resolver.resolve("slow.example", 80))
    await asyncio.sleep(0)
    impatient.cancel()
    release.set()
    assert (await patient)[0]["host"] == "8.8.8.8"
    await asyncio.gather(impatient, return_exceptions=True)
