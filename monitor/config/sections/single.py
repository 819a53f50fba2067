"""The sections that stand once in a config, with a description of every key; those that repeat are in `model`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from monitor.config.addresses import check_contact, check_store
from monitor.config.fields import Allowance, Keep, Limit, Ports, Repeat, Spacing, Spacings, Timeout
from monitor.config.units import AddressRange, parse_allowance


def nothing() -> Mapping[str, Any]:
    """Return an empty mapping that stays empty."""
    return MappingProxyType({})


class Table(BaseModel):
    """A TOML table: unknown keys are faults, values are of their own type, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False)


class Settings(Table):
    """`[tipstaff]`: who runs it, where it remembers, how it logs."""

    contact: Annotated[str, AfterValidator(check_contact)] | None = Field(
        default=None,
        description="Who the watched sites can reach, an e-mail address or web address; sent in the User-Agent. "
        "sec.gov refuses requests without it.",
    )
    store: Annotated[str, AfterValidator(check_store)] = Field(
        default="data/tipstaff.db",
        repr=False,
        description="Where tipstaff remembers: the path of an SQLite file (relative to the config file), "
        "or postgresql://user@host/database.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important events that are logged."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="One line of text an event for people, or one JSON object for machines."
    )


class Network(Table):
    """`[network]`: limits for every request to a source or webhook."""

    allow: tuple[Allowance, ...] = Field(
        default=(),
        description="Private addresses that may be reached all the same, as ADDRESS/PREFIX:PORT, "
        'for example "10.1.2.0/24:443"; everything else that is not public is refused.',
    )
    ports: Ports = Field(default=(80, 443, 8080, 8443), description="Ports that may be reached on public addresses.")
    connect_timeout: Timeout = Field(
        default=timedelta(seconds=10), description="Longest wait for name look-up, connection and TLS."
    )
    read_timeout: Timeout = Field(
        default=timedelta(seconds=15), description="Longest wait for the next piece of an answer."
    )
    total_timeout: Timeout = Field(
        default=timedelta(seconds=30), description="Longest time for one request with all its redirects."
    )
    wire_limit: Limit = Field(default=10_000_000, description="Largest answer as it travels, compressed.")
    decoded_limit: Limit = Field(default=20_000_000, description="Largest answer once it is unpacked.")
    concurrency: int = Field(default=32, ge=1, le=1000, description="Requests under way at once, over all hosts.")
    host_spacing: Spacing = Field(
        default=timedelta(milliseconds=500), description="Shortest time between two requests to one host."
    )
    hosts: Spacings = Field(
        default_factory=nothing,
        description='Other spacings for single hosts and all hosts below them: "sec.gov" = "200ms".',
    )

    @property
    def allowed(self) -> tuple[tuple[AddressRange, int], ...]:
        """`allow` as address ranges with the port that may be reached there."""
        return tuple(parse_allowance(text) for text in self.allow)

    def spacing(self, host: str) -> timedelta:
        """Return the shortest time between two requests to a host: its own, its parent's, or `host_spacing`."""
        labels = host.lower().rstrip(".").split(".")
        for start in range(len(labels)):
            named = self.hosts.get(".".join(labels[start:]))
            if named is not None:
                return named
        return self.host_spacing


class HealthSettings(Table):
    """`[health]`: when and where tipstaff tells about its own troubles."""

    failures: int = Field(
        default=3, ge=1, le=100, description="Failures of a source in a row after which it is told."
    )
    channels: tuple[str, ...] = Field(
        default=(), description="Channels that are told; without it, every channel that is enabled."
    )
    repeat: Repeat = Field(
        default=timedelta(hours=6), description="How long after the first notice a trouble that lasts is told again."
    )


class HistorySettings(Table):
    """`[history]`: how much of the past rules can be tried on."""

    keep: Keep = Field(
        default=timedelta(days=180),
        description="How long the text of a document without an alert is kept for backtests, from 1d; or forever.",
    )
