"""What the tables of a config say about each other: ids that differ, names that exist, addresses within limits.

The checks read tables rather than models, so that a fault in one key of a table hides no fault in another.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from monitor.config.addresses import is_loopback, is_placeholder
from monitor.config.faults import did_you_mean, shown
from monitor.config.model import SHORTEST_INTERVAL, SourceConfig
from monitor.config.sections.single import Network, Settings
from monitor.config.toml.lines import KeyPath
from monitor.config.units import format_duration, parse_duration
from monitor.config.validation import REPEATED, Ledger


def check_ids(ledger: Ledger) -> None:
    """Refuse an id that a section has twice."""
    for section in REPEATED:
        key = "name" if section == "matter" else "id"
        first: dict[str, KeyPath] = {}
        for path, table in ledger.tables(section):
            name = table.get(key)
            if not isinstance(name, str):
                continue
            if name in first:
                message = f"{shown(name)} is used twice: here and at {ledger.place((*first[name], key))}"
                ledger.fault((*path, key), message, f"give each [[{section}]] its own {key}")
            first.setdefault(name, path)


def ids(ledger: Ledger, section: str) -> dict[str, bool]:
    """Return the ids of a section, of faulty tables too, with whether each is enabled."""
    return {
        table["id"]: table.get("enabled") is not False
        for _, table in ledger.tables(section)
        if isinstance(table.get("id"), str)
    }


def check_references(ledger: Ledger) -> None:
    """Refuse names of channels and entities that nothing has, and warn of rules that reach nobody."""
    channels, entities = ids(ledger, "channel"), ids(ledger, "entity")
    for path, rule in ledger.tables("rule"):
        _check_names(ledger, (*path, "channels"), rule.get("channels"), channels, "channel")
        if rule.get("enabled") is not False:
            _warn_of_silence(ledger, path, rule, channels)
    for path, matter in ledger.tables("matter"):
        for side in ("plaintiff", "defendant"):
            _check_names(ledger, (*path, side), matter.get(side), entities, "entity")
    health = ledger.reading.table.get("health")
    if isinstance(health, dict):
        _check_names(ledger, ("health", "channels"), health.get("channels"), channels, "channel")
    if channels and not any(channels.values()):
        ledger.warn(("channel",), "no channel is enabled: alerts are stored but nobody is told")


def _check_names(ledger: Ledger, path: KeyPath, names: object, known: Mapping[str, bool], what: str) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names if isinstance(names, tuple) else ()):
        if not isinstance(name, str):
            continue
        here = (*path, number)
        if name in seen:
            ledger.warn(here, f"{shown(name)} is named twice")
        elif name not in known:
            if not ledger.reading.broken:
                there = f"there is no [[{what}]] with this id"
                ledger.fault(here, f"{shown(name)} is not a known {what}", did_you_mean(name, known) or there)
        elif not known[name]:
            ledger.warn(
                here, f"{shown(name)} is not enabled", f"nothing is sent there until enabled = true in [[{what}]]"
            )
        seen.add(name)


def _warn_of_silence(ledger: Ledger, path: KeyPath, rule: Mapping[str, Any], channels: Mapping[str, bool]) -> None:
    named = rule.get("channels")
    if named is None and not channels:
        ledger.warn(path, "there is no [[channel]]: alerts of this rule are stored but nobody is told")
    elif named == ():
        ledger.warn((*path, "channels"), "is empty: alerts of this rule are stored but nobody is told")


def check_sources(ledger: Ledger, kinds: Collection[str], network: Network) -> None:
    """Refuse unknown kinds and impolite intervals, and warn of addresses that cannot be reached."""
    addresses: dict[str, KeyPath] = {}
    for path, source in ledger.tables("source"):
        kind = source.get("kind", "feed")
        if isinstance(kind, str) and kind not in kinds:
            message = f"{shown(kind)} is not one of {', '.join(kinds)}"
            ledger.fault((*path, "kind"), message, did_you_mean(kind, kinds))
        url = source.get("url")
        if not isinstance(url, str):
            _check_interval(ledger, path, source, "")
            continue
        _check_interval(ledger, path, source, _host(url))
        if source.get("enabled") is False:
            continue
        if url in addresses:
            ledger.warn((*path, "url"), f"is asked by two sources: also at {ledger.place((*addresses[url], 'url'))}")
        addresses.setdefault(url, path)
        _warn_of_refusal(ledger, (*path, "url"), url, network)
        if source.get("insecure") is True:
            ledger.warn((*path, "insecure"), "the certificate is not checked: anybody on the way can forge documents")


def _check_interval(ledger: Ledger, path: KeyPath, source: Mapping[str, Any], host: str) -> None:
    try:
        interval = parse_duration(source.get("interval", SHORTEST_INTERVAL))
    except PydanticCustomError:
        return
    least = timedelta(milliseconds=100) if is_loopback(host) else SHORTEST_INTERVAL
    if interval < least:
        message = f"{format_duration(interval)} is shorter than {format_duration(least)}, the least allowed"
        ledger.fault((*path, "interval"), message, "sites ban those who ask more often")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _warn_of_refusal(ledger: Ledger, path: KeyPath, url: str, network: Network) -> None:
    """Warn of an address that the guard will refuse, as far as that is plain without a look-up."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 443)
    except ValueError:
        return
    host = (parts.hostname or "").lower()
    try:
        address = ipaddress.ip_address("127.0.0.1" if is_loopback(host) and not _is_address(host) else host)
    except ValueError:
        if port not in {*network.ports, *(allowed for _, allowed in network.allowed)}:
            ledger.warn(path, f"port {port} is not open", f"add {port} to ports in [network]")
        return
    if any(port == open_port and address in addresses for addresses, open_port in network.allowed):
        return
    if not address.is_global or port not in network.ports:
        bits = address.max_prefixlen
        shown_address = f"[{address}]" if address.version == 6 else str(address)
        entry = f'"{shown_address}/{bits}:{port}"'
        ledger.warn(path, "will be refused: the address is not public or the port not open", f"allow = [{entry}]")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_channels(ledger: Ledger) -> None:
    """Refuse half a login, and warn of what travels in clear."""
    for path, channel in ledger.tables("channel"):
        if channel.get("kind") == "email":
            _check_login(ledger, path, channel)
        elif isinstance(channel.get("url"), str) and channel.get("enabled") is not False:
            url = str(channel["url"])
            if url.startswith("http://") and not is_loopback(_host(url)):
                ledger.warn((*path, "url"), "is not encrypted: alerts travel in clear", "use https")


def _check_login(ledger: Ledger, path: KeyPath, channel: Mapping[str, Any]) -> None:
    has = {key: key in channel for key in ("username", "password")}
    if has["username"] != has["password"]:
        given, absent = ("username", "password") if has["username"] else ("password", "username")
        ledger.fault((*path, given), f"stands without {absent}", f"add {absent}, or remove {given}")
    host = channel.get("host")
    if has["password"] and channel.get("tls") == "none" and isinstance(host, str) and not is_loopback(host.lower()):
        ledger.warn((*path, "tls"), "the password travels in clear", 'use tls = "starttls" or "tls"')


def check_examples(ledger: Ledger) -> None:
    """Refuse an example without a text to try the rule on."""
    for path, rule in ledger.tables("rule"):
        examples = rule.get("example")
        for number, example in enumerate(examples if isinstance(examples, tuple) else ()):
            if isinstance(example, dict) and not example.get("title") and not example.get("text"):
                ledger.fault((*path, "example", number), "has neither title nor text", "add text = ...")


def check_contact(ledger: Ledger, settings: Settings, sources: Iterable[SourceConfig]) -> Settings:
    """Return the settings without a contact that reaches nobody, and warn when somebody insists on one."""
    contact = settings.contact
    path: KeyPath = ("tipstaff", "contact")
    placeholder = contact is not None and is_placeholder(contact)
    if contact is None or placeholder:
        strict = [s.id for s in sources if s.enabled and (s.host == "sec.gov" or s.host.endswith(".sec.gov"))]
        reason = f"{shown(contact)} is a placeholder" if placeholder else "is not set"
        if strict:
            verdict = f"{reason}: sec.gov refuses requests without a contact, so these sources will fail"
            ledger.warn(path, f"{verdict}: {', '.join(strict)}", "set your own address here or in TIPSTAFF_CONTACT")
        elif placeholder:
            ledger.warn(path, f"{reason} and counts as not set", "set your own address")
    return settings.model_copy(update={"contact": None}) if placeholder else settings
