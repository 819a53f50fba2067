"""Secrets of a config: where they come from and how they are kept out of sight; not what they are for."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import InstanceOf, PlainSerializer, WithJsonSchema

from monitor.config.faults import did_you_mean, kind_of, shown
from monitor.config.units import path_from

LIMIT: Final = 65_536
"""Bytes of a secret file; a longer one is a mistake in the path."""
ORIGINS: Final = ("env", "file", "credential")
HIDDEN: Final = "(hidden)"
READABLE_BY_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH


class SecretFault(Exception):
    """A secret cannot be had; says why and what to do, never what it is. `key` names a part of the reference."""

    def __init__(self, message: str, hint: str = "", *, key: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.key = key


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that must not be seen: neither `repr` nor `str` nor a dump shows it; `reveal` does."""

    origin: str
    """Where it comes from: `env`, `file`, `credential`, or `literal`."""
    name: str = ""
    """The variable, path or credential; empty for a literal."""
    value: str | None = field(default=None)
    caution: str = ""
    """Why its owner should be warned, or empty."""

    def reveal(self) -> str:
        """Return the secret itself, for the one place that hands it over.

        Raises:
            SecretFault: it was not read, because its channel is off or secrets were not asked for.
        """
        if self.value is None:
            raise SecretFault(f"the secret from {self} was not read")
        return self.value

    @property
    def available(self) -> bool:
        """Whether `reveal` has something to give."""
        return self.value is not None

    @property
    def reference(self) -> str | dict[str, str]:
        """What `config show` prints in its place: the reference, never the value."""
        return HIDDEN if self.origin == "literal" else {self.origin: self.name}

    def __repr__(self) -> str:
        return f"Secret({self})"

    def __str__(self) -> str:
        return f"{self.origin} {self.name}" if self.name else "a literal in the config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where references are looked up: the environment, and the folder and mode of the file they stand in."""

    environ: Mapping[str, str]
    folder: Path
    exposed: bool
    """The config file can be read by the group or by everybody."""
    wanted: bool = True
    """False: only the form of references is checked, nothing is looked up."""


def is_reference(value: object) -> bool:
    """Say whether a TOML value is a table that points to a secret."""
    return isinstance(value, dict)


def read_secret(value: object, surroundings: Surroundings) -> Secret:
    """Return the secret that a TOML value is or points to.

    Raises:
        SecretFault: the value is neither text nor a reference, or what it refers to cannot be had.
    """
    if isinstance(value, str):
        return _literal(value, surroundings)
    if not isinstance(value, dict):
        raise SecretFault(f"must be a secret, not {kind_of(value)}", _HOW)
    origin, name = _reference(value)
    if not surroundings.wanted:
        return Secret(origin, name)
    if origin == "env":
        return Secret(origin, name, _from_environment(name, surroundings.environ))
    path = _credential(name, surroundings) if origin == "credential" else path_from(surroundings.folder, name)
    text, others = _from_file(path)
    caution = ""
    if others and origin == "file":
        caution = f"{path} can be read by others (mode {others}); run: chmod 600 {path}"
    return Secret(origin, name, text, caution)


_HOW: Final = 'write { env = "NAME" }, { file = "path" } or { credential = "name" }'


def _literal(value: str, surroundings: Surroundings) -> Secret:
    if not value:
        raise SecretFault("is empty", _HOW)
    if surroundings.exposed:
        raise SecretFault(
            "is written out in a file that others can read", f"{_HOW}, or make the file private: chmod 600"
        )
    return Secret("literal", "", value, f"the secret is written out in the config; better {_HOW}")


def _reference(value: Mapping[str, Any]) -> tuple[str, str]:
    for key in value:
        if key not in ORIGINS:
            raise SecretFault("is not a known key", did_you_mean(key, ORIGINS) or _HOW, key=key)
    if len(value) != 1:
        raise SecretFault("must name exactly one of env, file, credential", _HOW)
    origin, name = next(iter(value.items()))
    if not isinstance(name, str) or not name or "\0" in name:
        raise SecretFault("must be a name", _HOW, key=origin)
    return origin, name


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise SecretFault(f"the environment variable {name} is not set", f"set {name}, or use {{ file = ... }}")
    if not environ[name]:
        raise SecretFault(f"the environment variable {name} is empty", f"set {name}")
    return environ[name]


def _credential(name: str, surroundings: Surroundings) -> Path:
    folder = surroundings.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise SecretFault(
            f"the credential {name} is not there: $CREDENTIALS_DIRECTORY is not set",
            f"add LoadCredential={name}:/path to the systemd unit",
        )
    if "/" in name or name in {".", ".."}:
        raise SecretFault(f"{shown(name)} is not the name of a credential", "a credential has no slash in its name")
    return Path(folder) / name


def _from_file(path: Path) -> tuple[str, str]:
    """Return a file's text without one trailing line break, and its mode where others can read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(LIMIT + 1)
    except OSError as error:
        raise SecretFault(f"the secret file {path} cannot be read: {error.strerror or error}") from None
    if len(raw) > LIMIT:
        raise SecretFault(f"the secret file {path} is longer than {LIMIT} bytes", "is it the right file?")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise SecretFault(f"the secret file {path} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SecretFault(f"the secret file {path} is empty")
    exposed = os.name == "posix" and mode & READABLE_BY_OTHERS
    return text, f"{mode:04o}" if exposed else ""


def _dump(secret: Secret) -> str | dict[str, str]:
    return secret.reference


REFERENCE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "env": {"type": "string", "minLength": 1, "description": "Name of an environment variable."},
        "file": {
            "type": "string",
            "minLength": 1,
            "description": "Path of a file, relative to the config file; one trailing line break is dropped.",
        },
        "credential": {"type": "string", "minLength": 1, "description": "Name of a systemd credential."},
    },
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}

SecretValue = Annotated[
    InstanceOf[Secret],
    PlainSerializer(_dump),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, REFERENCE_SCHEMA]}),
]


def revealed(value: str | Secret) -> str:
    """Return a header's value, a secret or not.

    Raises:
        SecretFault: it is a secret that was not read.
    """
    return value.reveal() if isinstance(value, Secret) else value
