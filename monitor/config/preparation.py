"""What a config points to outside its files (secrets, certificates, overrides) is fetched before models are made.

A reference that leads nowhere is a fault at its own line; in its place stands a secret that cannot be revealed,
so that the rest of the table is checked all the same.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from monitor.config.addresses import carries_credential, header_problem, store_password
from monitor.config.faults import kind_of
from monitor.config.secret import Secret, SecretFault, Surroundings, is_reference, read_secret
from monitor.config.toml.lines import KeyPath
from monitor.config.units import path_from
from monitor.config.validation import Ledger

ENVIRONMENT: Final[Mapping[str, str]] = {
    "TIPSTAFF_STORE": "store",
    "TIPSTAFF_CONTACT": "contact",
    "TIPSTAFF_LOG_LEVEL": "log_level",
    "TIPSTAFF_LOG_FORMAT": "log_format",
}
"""Variables that stand above the file, with the key of [tipstaff] that they replace."""
OPTIONS: Final = tuple(ENVIRONMENT.values())
_WHSEC: Final = "whsec_"
_HOW_TO_SIGN: Final = (
    "make one: python3 -c \"import base64,os;print('whsec_'+base64.b64encode(os.urandom(32)).decode())\""
)


class Preparation:
    """One pass over the tables of a config that puts what they refer to in the place of the references."""

    def __init__(self, ledger: Ledger, environ: Mapping[str, str], *, secrets: bool) -> None:
        self.ledger = ledger
        self.environ = environ
        self.secrets = secrets
        self.secret_values: set[str] = set()
        self.files: list[Path] = []
        """Secret files and certificates, which are to be watched like the config itself."""

    def override(self, options: Mapping[str, str]) -> None:
        """Put environment variables and, above them, command line options in the place of what the file says."""
        settings = self.ledger.reading.table.setdefault("tipstaff", {})
        if not isinstance(settings, dict):
            return
        given = [(f"${name}", key, self.environ.get(name, "")) for name, key in ENVIRONMENT.items()]
        given += [(f"--{key.replace('_', '-')}", key, options.get(key, "")) for key in OPTIONS]
        for name, key, value in given:
            if value:
                settings[key] = value
                self.ledger.overridden["tipstaff", key] = name

    def fetch(self) -> None:
        """Look up every secret and certificate of the sources and channels that are enabled."""
        for path, source in self.ledger.tables("source"):
            self._headers(path, source)
            self._certificates(path, source)
        for path, channel in self.ledger.tables("channel"):
            self._headers(path, channel)
            self._certificates(path, channel)
            if channel.get("kind") == "email":
                self._replace(path, channel, "password")
            elif channel.get("kind") == "webhook":
                self._signing(path, channel)
        self._store()

    def _signing(self, path: KeyPath, channel: dict[str, Any]) -> None:
        self._replace(path, channel, "secret", signing=True)
        several = channel.get("secrets")
        if isinstance(several, tuple):
            numbered = enumerate(several)
            channel["secrets"] = tuple(self._secret((*path, "secrets", n), v, channel, True) for n, v in numbered)
        if "secret" in channel and several:
            self.ledger.fault((*path, "secrets"), "stands beside secret", "keep one of secret and secrets")
        elif "secret" not in channel and not several:
            self.ledger.fault((*path, "secret"), "is missing: every webhook is signed", _HOW_TO_SIGN)

    def _headers(self, path: KeyPath, table: dict[str, Any]) -> None:
        headers = table.get("headers")
        if not isinstance(headers, dict):
            return
        for name, value in headers.items():
            here = (*path, "headers", name)
            if is_reference(value) or (isinstance(value, str) and carries_credential(name)):
                headers[name] = self._secret(here, value, table)
            elif not isinstance(value, str):
                self.ledger.fault(here, f"must be text or a secret, not {kind_of(value)}")
                headers[name] = ""
            found = headers[name]
            problem = header_problem(name, found.value if isinstance(found, Secret) else found)
            if problem is not None:
                self.ledger.fault(here, *problem)

    def _replace(self, path: KeyPath, table: dict[str, Any], key: str, *, signing: bool = False) -> None:
        if key in table:
            table[key] = self._secret((*path, key), table[key], table, signing)

    def _secret(self, path: KeyPath, value: object, table: Mapping[str, Any], signing: bool = False) -> Secret:
        surroundings = self._surroundings(path, wanted=self.secrets and table.get("enabled") is not False)
        try:
            secret = read_secret(value, surroundings)
        except SecretFault as fault:
            self.ledger.fault((*path, fault.key) if fault.key else path, fault.message, fault.hint)
            return Secret("env", "?")
        if secret.origin == "file":
            self.files.append(path_from(surroundings.folder, secret.name))
        if secret.value is not None:
            self.secret_values.add(secret.value)
            if signing and not is_signing_secret(secret.value):
                message = f"{secret} is not a signing secret: {_WHSEC} and 24 to 64 bytes in base64"
                self.ledger.fault(path, message, _HOW_TO_SIGN)
        if secret.caution:
            self.ledger.warn(path, secret.caution)
        return secret

    def _surroundings(self, path: KeyPath, *, wanted: bool) -> Surroundings:
        origin = self.ledger.reading.origin(path)
        file = origin[0] if origin else self.ledger.reading.files[0]
        return Surroundings(
            environ=self.environ, folder=file.path.absolute().parent, exposed=file.exposed, wanted=wanted
        )

    def _certificates(self, path: KeyPath, table: dict[str, Any]) -> None:
        named = table.get("ca_file")
        if not isinstance(named, str) or not named.strip() or "\0" in named:
            return
        here = (*path, "ca_file")
        file = path_from(self._surroundings(here, wanted=False).folder, named)
        table["ca_file"] = str(file)
        self.files.append(file)
        if table.get("enabled") is False:
            return
        try:
            text = file.read_bytes()
        except OSError as error:
            self.ledger.fault(here, f"{file} cannot be read: {error.strerror or error}")
            return
        if b"-----BEGIN CERTIFICATE-----" not in text:
            self.ledger.fault(here, f"{file} has no certificate in PEM form")

    def _store(self) -> None:
        settings = self.ledger.reading.table.get("tipstaff")
        store = settings.get("store") if isinstance(settings, dict) else None
        password = store_password(store) if isinstance(store, str) else None
        if not isinstance(store, str) or password is None:
            return
        self.secret_values |= {store, password}
        path: KeyPath = ("tipstaff", "store")
        if path in self.ledger.overridden:
            return
        better = "set TIPSTAFF_STORE instead, or keep the password in ~/.pgpass"
        if self._surroundings(path, wanted=False).exposed:
            self.ledger.fault(path, "has a password in it, in a file that others can read", better)
        else:
            self.ledger.warn(path, "has a password in it", better)


def is_signing_secret(value: str) -> bool:
    """Say whether a text is a signing secret of Standard Webhooks 1.0.0: whsec_ and 24 to 64 bytes in base64."""
    try:
        return value.startswith(_WHSEC) and 24 <= len(base64.b64decode(value[len(_WHSEC) :], validate=True)) <= 64
    except (binascii.Error, ValueError):
        return False


def store_address(store: str, folder: Path) -> str:
    """Return where the store is: an address as it stands, a path made absolute."""
    return store if "://" in store else str(path_from(folder.absolute(), store))
