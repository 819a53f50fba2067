"""Structured logs without secrets: one line an event, as text or JSON; what is worth logging is decided elsewhere."""

from __future__ import annotations

import base64
import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO
from urllib.parse import quote, quote_plus

FIELD_LIMIT: Final = 4096
"""Characters of one field; more is cut."""

_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]{1,256}@")
_QUERY_SECRET: Final = re.compile(
    r"(?i)([?&][\w.-]*(?:token|secret|key|password|passwd|auth|signature|sig)[\w.-]*=)[^&\s\"']{1,1024}"
)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Redactor:
    """Replaces known secrets, and what looks like one in an address, before a line is written."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: tuple[str, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Add secrets in all the spellings under which they travel (plain, URL-encoded, base64)."""
        spellings = set(self._known)
        for secret in secrets:
            if len(secret) < 4:
                continue
            raw = secret.encode()
            spellings |= {
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                base64.b64encode(raw).decode().rstrip("="),
            }
        self._known = tuple(sorted(spellings, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._known:
            text = text.replace(secret, "[redacted]")
        return _QUERY_SECRET.sub(r"\1[redacted]", _USERINFO.sub("[redacted]@", text))


class _Format(logging.Formatter):
    def __init__(self, redactor: Redactor, *, as_json: bool) -> None:
        super().__init__()
        self._redactor = redactor
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        if self._as_json:
            return json.dumps({k: self._value(v) for k, v in fields.items()}, ensure_ascii=True)
        shown = " ".join(f"{k}={self._word(v)}" for k, v in fields.items() if k not in {"time", "level", "event"})
        line = f"{fields['time']} {fields['level']:7} {fields['event']} {shown}".rstrip()
        return _CONTROLS.sub(" ", self._redactor.clean(line))

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._redactor.clean(str(value)[:FIELD_LIMIT])

    def _word(self, value: Any) -> str:
        text = str(value)[:FIELD_LIMIT]
        return json.dumps(text, ensure_ascii=False) if re.search(r'[\s"=]', text) or not text else text


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    given = getattr(record, "fields", None)
    return given if isinstance(given, Mapping) else {}


class Log:
    """A logger whose events carry named fields: `log.info("round failed", source="sec", kind="dns")`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: Any) -> None:
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: Any) -> None:
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, *, trace: bool = False, **fields: Any) -> None:
        self._logger.error(event, extra={"fields": fields}, exc_info=trace)


class _Stream(logging.StreamHandler[TextIO]):
    """Writes lines and carries on when nobody reads them any more."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], BrokenPipeError | OSError | ValueError):
            return
        super().handleError(record)


def configure(*, level: str, as_json: bool, redactor: Redactor, stream: TextIO | None = None) -> None:
    """Send every event of the program to one stream (stderr unless given) in one format."""
    output = _Stream(stream if stream is not None else sys.stderr)
    output.setFormatter(_Format(redactor, as_json=as_json))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(output)
    root.setLevel(logging.WARNING)
    logging.getLogger("tipstaff").setLevel(_LEVELS[level])
