"""Tells systemd that the daemon is ready, alive or stopping (sd_notify(3)); without systemd it does nothing."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final

PATIENCE: Final = 0.2
"""Seconds to wait for room in the manager's queue; what finds none is lost, and said again at the next beat."""


class Systemd:
    """The notify socket of the unit, if there is one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        watchdog = environ.get("WATCHDOG_USEC", "")
        self.watchdog: float | None = int(watchdog) / 1e6 if watchdog.isdigit() else None
        """Seconds after which systemd restarts a daemon that said nothing; None where it does not watch."""

    def tell(self, *lines: str) -> None:
        """Send state lines such as `READY=1`, `WATCHDOG=1`, `STOPPING=1`, `STATUS=...`; never raises."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                # A manager that does not read fills its queue; a full queue must not stop the daemon.
                channel.settimeout(PATIENCE)
                channel.connect(address)
                channel.sendall("\n".join(lines).encode())
        except OSError:
            return
