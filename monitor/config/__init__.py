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
    HealthSettings,
    Network,
    Settings,
    SourceConfig,
    WebhookChannel,
)
from monitor.config.schema import redacted, schema
from monitor.config.secret import Secret, revealed

__all__ = [
    "ChannelConfig",
    "Config",
    "ConfigFaults",
    "ConfigMissing",
    "ConfigWarning",
    "EmailChannel",
    "Fault",
    "HealthSettings",
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
