"""What a notifier kind is: it renders one message for one channel, hands it over, and says what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from rules.model import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The receiver took responsibility. `detail` is its own answer, cleaned and cut."""

    detail: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Recipients that were refused for good, with the server's words; the rest have the message."""


class DeliveryFailure(Exception):
    """The receiver did not take the message; `reason` is fit to be shown.

    Attributes:
        retry_after: seconds the receiver asked us to wait, if it did.
        gone: the receiver wants no more messages at all (HTTP 410): disable the channel.
        park: trying again cannot help (every recipient refused for good).
        progress: what the next attempt must know (e.g. recipients that already have the message).
        attention: a person should look at once (401, 403, 404, certificate), although retries go on.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,
        gone: bool = False,
        park: bool = False,
        attention: bool = False,
        progress: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.gone = gone
        self.park = park
        self.attention = attention
        self.progress: Mapping[str, Any] = progress or {}


class Notifier(Protocol):
    """One configured channel of one kind."""

    @property
    def id(self) -> str: ...

    async def send(self, delivery: Delivery, *, at: datetime, progress: Mapping[str, Any]) -> Receipt:
        """Hand the message over once, or raise DeliveryFailure; any other exception is a fault of ours."""
        ...

    async def aclose(self) -> None: ...
