"""The config: TOML files in, one frozen `Config` or all of their faults out; nothing here acts on what it says.

`find` says which file, `load` reads it, `schema` describes it to editors, `redacted` shows it to people.
"""

from __future__ import annotations

from monitor.config.faults import ConfigFaults, ConfigMissing, ConfigWarning, Fault
from monitor.config.loading import find, load, places
from monitor.config.model import (
    ChannelConfig,
    Config,
    EmailChannel,
    SourceConfig,
    WebhookChannel,
)
from monitor.config.schema import redacted, schema
from monitor.config.secret import Secret, revealed
from monitor.config.sections.single import HealthSettings, HistorySettings, Network, Settings

__all__ = [
    "ChannelConfig",
    "Config",
    "ConfigFaults",
    "ConfigMissing",
    "ConfigWarning",
    "EmailChannel",
    "Fault",
    "HealthSettings",
    "HistorySettings",
    "Network",
    "Secret",
    "Settings",
    "SourceConfig",
    "WebhookChannel",
    "find",
    "load",
    "places",
    "redacted",
    "revealed",
    "schema",
]
