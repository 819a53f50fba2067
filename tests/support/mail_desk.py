"""An email channel to a local mail server, and the failure of one attempt on it."""

from __future__ import annotations

from typing import Any

import pytest
from deliveries import AT, delivery

from monitor.demo.receivers import MailReceiver
from monitor.notifiers import DeliveryFailure
from monitor.notifiers.email import Email

TO = ("ana@firm.example", "ben@firm.example", "cleo@firm.example")


def channel(server: MailReceiver, **changes: Any) -> Email:
    settings: dict[str, Any] = {
        "id": "desk",
        "host": server.host,
        "port": server.port,
        "tls": "none",
        "sender": "tipstaff <alerts@firm.example>",
        "to": TO,
        "keep": 0.0,
    }
    return Email(**{**settings, **changes})


async def failed(notifier: Email, **progress: Any) -> DeliveryFailure:
    with pytest.raises(DeliveryFailure) as caught:
        await notifier.send(delivery(), at=AT, progress=progress)
    await notifier.aclose()
    return caught.value
