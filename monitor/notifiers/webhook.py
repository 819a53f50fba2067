"""The channel kind `webhook`: a signed POST after Standard Webhooks 1.0.0 for each delivery (PROTOCOLS.md 5.13).

The request goes out through the one guarded client that is given; no connection is made here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from monitor.fetching.fields import retry_after
from monitor.message import as_body
from monitor.message.wording import one_line, shortened
from monitor.notifiers import DeliveryFailure, Receipt
from monitor.sources import SourceFailure
from rules.model import Delivery

ANSWER_LIMIT: Final = 1024
"""Bytes of the receiver's answer that are kept."""
_PREFIX: Final = "whsec_"
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS: Final = frozenset(
    {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "content-length", "host"}
)
_BUSY: Final = frozenset({429, 502, 503, 504})
_ATTENTION: Final = frozenset({401, 403, 404, 407})
_CONFIGURED: Final = frozenset({"tls", "blocked-address", "bad-url"})
"""Failures without an answer that only a person can put right."""


class Answer(Protocol):
    """What the receiver said."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class Post(Protocol):
    """The guarded client's way to POST; it follows no redirect and raises SourceFailure when there is no answer."""

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], *, total: float, answer_limit: int
    ) -> Answer: ...


class Webhook:
    """One receiver's address with the secrets that it verifies by."""

    def __init__(
        self,
        *,
        id: str,
        url: str,
        secrets: Sequence[str],
        post: Post,
        headers: Mapping[str, str] | None = None,
        total: float = 15.0,
    ) -> None:
        """Describe the channel.

        Args:
            id: the channel's id.
            url: the receiver's address.
            secrets: `whsec_...`, several while they are rotated; every request is signed with each.
            post: the guarded client's POST.
            headers: fields to send along, e.g. Authorization.
            total: seconds for the whole exchange.

        Raises:
            ValueError: a secret or a header cannot be used; the text never contains the secret.
        """
        if not secrets:
            raise ValueError(f"channel {id}: a webhook needs at least one secret (whsec_...) to sign with")
        self._id = id
        self._url = url
        self._keys = tuple(signing_key(secret) for secret in secrets)
        self._headers = _checked(headers or {})
        self._post = post
        self._total = total

    @property
    def id(self) -> str:
        """The channel's id."""
        return self._id

    def __repr__(self) -> str:
        return f"Webhook(id={self._id!r}, host={self._host!r})"

    async def send(self, delivery: Delivery, *, at: datetime, progress: Mapping[str, Any]) -> Receipt:
        """POST the delivery once, signed for the time `at`; only 2xx is success.

        Raises:
            DeliveryFailure: any other status, or no answer.
        """
        body = as_body(delivery)
        moment = int(at.timestamp())
        sent = {
            **self._headers,
            "Content-Type": "application/json",
            "webhook-id": delivery.key,
            "webhook-timestamp": str(moment),
            "webhook-signature": " ".join(signature(key, delivery.key, moment, body) for key in self._keys),
        }
        try:
            answer = await self._post(self._url, body, sent, total=self._total, answer_limit=ANSWER_LIMIT)
        except SourceFailure as failure:
            raise DeliveryFailure(
                self._without_address(f"{failure.kind}: {failure.reason}"),
                retry_after=failure.retry_after,
                attention=failure.kind in _CONFIGURED,
            ) from failure
        said = self._without_address(_words(answer))
        if 200 <= answer.status < 300:
            return Receipt(detail=said)
        raise self._failure(answer, said, at)

    async def aclose(self) -> None:
        """Do nothing: connections belong to the client."""

    def _failure(self, answer: Answer, said: str, at: datetime) -> DeliveryFailure:
        fields = {name.lower(): value for name, value in answer.headers.items()}
        wait = retry_after(fields.get("retry-after"), at) if answer.status in _BUSY else None
        moved = 300 <= answer.status < 400
        if moved:
            said += _elsewhere(fields.get("location", ""))
        return DeliveryFailure(
            f"{self._host} answered {said}",
            retry_after=wait,
            gone=answer.status == 410,
            attention=moved or answer.status in _ATTENTION,
        )

    @property
    def _host(self) -> str:
        return urlsplit(self._url).hostname or "?"

    def _without_address(self, text: str) -> str:
        """Keep the path and query out of what is shown: in many services they are the secret."""
        parts = urlsplit(self._url)
        text = text.replace(self._url, f"{parts.scheme}://{self._host}/...")
        for secret in (parts.query, parts.path):
            if len(secret) > 8:
                text = text.replace(secret, "...")
        return text


def signing_key(secret: str) -> bytes:
    """Return the key that a secret `whsec_<base64>` stands for.

    Raises:
        ValueError: it is not one; the secret itself is not repeated.
    """
    wanted = 'write whsec_ and 24 to 64 random bytes in base64, e.g. from `echo "whsec_$(openssl rand -base64 32)"`'
    if not secret.startswith(_PREFIX):
        raise ValueError(f"a webhook secret must begin with {_PREFIX}: {wanted}")
    coded = secret.removeprefix(_PREFIX).strip()
    try:
        key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"a webhook secret is not base64 after {_PREFIX}: {wanted}") from error
    if not 24 <= len(key) <= 64:
        raise ValueError(f"a webhook secret has {len(key)} bytes: {wanted}")
    return key


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """Return the `v1` signature of Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, in base64."""
    signed = b".".join((id.encode("utf-8"), str(timestamp).encode("ascii"), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is set by tipstaff itself; take it out of the webhook's headers")
        if not _FIELD_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"the value of the header {name} has characters that a header cannot carry")
    return dict(headers)


def _words(answer: Answer) -> str:
    text = answer.body[:ANSWER_LIMIT].decode("utf-8", "replace")
    return shortened(f"{answer.status} {one_line(text)}".strip(), 300)


def _elsewhere(location: str) -> str:
    try:
        host = one_line(urlsplit(location).hostname or "")
    except ValueError:
        host = ""
    leads = f", leading to {host}" if host else ""
    return f" (a redirect{leads}; it is not followed: put the final address in the config)"
