"""Web, mail and store addresses of a config: their form is checked here; whether they answer is not."""

from __future__ import annotations

import ipaddress
import re
from email.utils import parseaddr
from typing import Final
from urllib.parse import SplitResult, urlsplit

from monitor.config.faults import did_you_mean, shown
from monitor.config.units import wrong
from monitor.message import Mailbox

LONGEST_URL: Final = 4096
STORE_SCHEMES: Final = ("sqlite", "postgresql", "postgresql+psycopg")
PLACEHOLDERS: Final = ("example.com", "example.org", "example.net", "example.edu", "example", "invalid", "test")
"""Reserved names (RFC 2606, RFC 6761): whoever uses one has not filled in their own yet."""
OWN_HEADERS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "if-modified-since",
        "if-none-match",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
"""Headers that tipstaff sets itself."""

_LABEL: Final = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST: Final = re.compile(rf"^{_LABEL}(?:\.{_LABEL})*\.?$")
_TOKEN: Final = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_MAILBOX: Final = re.compile(r"^[^@\s<>,;:\"()\[\]\\]{1,64}@(?P<host>[^@\s<>,;]+)$")
_CREDENTIAL: Final = re.compile(
    r"(?i)^(?:proxy-)?authorization$|^cookie$|token|secret|passw|api[-_]?key|auth[-_]?key"
)


def check_url(value: str) -> str:
    """Return an http or https address that is fit to be asked.

    Raises:
        PydanticCustomError: it is none; user names, passwords and queries are never quoted.
    """
    if len(value) > LONGEST_URL:
        raise wrong(f"the address is longer than {LONGEST_URL} characters")
    if re.search(r"[\s\\\x00-\x1f\x7f]", value):
        raise wrong("the address has a blank, a backslash or a control character in it", "percent-encode it")
    parts = _split(value)
    if parts.scheme not in {"http", "https"}:
        hint = did_you_mean(parts.scheme, ["http", "https"]) if parts.scheme else 'begin it with "https://"'
        raise wrong(f"{_quoted(value)} is not an http or https address", hint or 'begin it with "https://"')
    if "@" in parts.netloc:
        hint = 'put credentials into headers: headers = { Authorization = { env = "NAME" } }'
        raise wrong("the address has a user name or password in it", hint)
    host = parts.hostname or ""
    if not host:
        raise wrong(f"{_quoted(value)} has no host", 'write it like "https://www.sec.gov/news/pressreleases.rss"')
    if not _is_host(host):
        raise wrong(f"{shown(host)} is not a host name or address")
    return value


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        if parts.port == 0:
            raise ValueError
    except ValueError:
        raise wrong(f"{_quoted(value)} is not an address", "its host or port is malformed") from None
    return parts


def _quoted(value: str) -> str:
    """Quote an address without what may be secret in it."""
    return shown(re.sub(r"[?#].*$", "", re.sub(r"^([^/]*//)?[^/]*@", r"\1", value)))


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            return bool(_HOST.match(host.encode("idna").decode("ascii")))
        except UnicodeError:
            return False
    return True


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its name alone, without a look-up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_host(value: str) -> str:
    """Return a host name in lower case.

    Raises:
        PydanticCustomError: it is none.
    """
    if not _is_host(value):
        raise wrong(f"{shown(value)} is not a host name", 'write it like "sec.gov", without scheme and path')
    return value.lower().rstrip(".")


def check_mail_host(value: str) -> str:
    """Return the host name of a mail server.

    Raises:
        PydanticCustomError: it is none, or a port was put behind it.
    """
    name, _, port = value.partition(":")
    if port.isdigit() and _is_host(name):
        raise wrong(f"{shown(value)} has a port in it", f'write host = "{name}" and port = {port}')
    return check_host(value)


def check_mailbox(value: str) -> str:
    """Return `address` or `Name <address>`.

    Raises:
        PydanticCustomError: it is neither.
    """
    _, address = parseaddr(value)
    found = _MAILBOX.match(address)
    formed = found is not None and _is_host(found["host"]) and _whole(value, address)
    if _CONTROLS.search(value) or not formed or not _can_be_given_to_a_server(value):
        hint = 'write "name@example.com" or "Compliance desk <name@example.com>", one address in each text'
        raise wrong(f"{shown(value)} is not a mail address", hint)
    return value


def _can_be_given_to_a_server(value: str) -> bool:
    try:
        Mailbox.parse(value)
    except ValueError:
        return False
    return True


def _whole(value: str, address: str) -> bool:
    """parseaddr is content with the first address it finds; nothing may stand behind it."""
    return value.strip() in {address, f"<{address}>"} or value.rstrip().endswith(f"<{address}>")


def check_contact(value: str) -> str:
    """Return a contact that fits a User-Agent: text with a mail or web address in it.

    Raises:
        PydanticCustomError: there is none in it.
    """
    if _CONTROLS.search(value) or len(value) > 200 or not value.isascii():
        raise wrong("is not one short line of plain letters", 'write it like "Example LLP desk@example.com"')
    if not re.search(r"[^\s@]+@[^\s@]+|https?://\S+", value):
        hint = 'write a mail or web address: "Example LLP desk@example.com"'
        raise wrong(f"{shown(value)} names nobody who can be reached", hint)
    return value


def is_placeholder(contact: str) -> bool:
    """Say whether a contact is one of the reserved example names, which reach nobody."""
    hosts = re.findall(r"(?:@|://)([A-Za-z0-9.-]+)", contact)
    folded = [host.lower().rstrip(".") for host in hosts]
    return any(host == name or host.endswith(f".{name}") for host in folded for name in PLACEHOLDERS)


def check_store(value: str) -> str:
    """Return the path or address of a store; its value is never quoted, it may hold a password.

    Raises:
        PydanticCustomError: it is neither a path nor the address of a database that tipstaff can use.
    """
    if not value.strip() or "\0" in value:
        raise wrong("is empty", 'write a path such as "data/tipstaff.db"')
    scheme, separator, rest = value.partition("://")
    if not separator:
        return value
    if scheme not in STORE_SCHEMES:
        hint = did_you_mean(scheme, STORE_SCHEMES) or 'write a path, or "postgresql://user@host/database"'
        raise wrong(f"{shown(scheme)} is not a kind of database that tipstaff uses", hint)
    if scheme == "sqlite" and not rest.startswith("/"):
        raise wrong("an sqlite address needs three slashes", 'write the path alone: "data/tipstaff.db"')
    if scheme != "sqlite" and not _names_database(value):
        raise wrong("the address names no database", 'write "postgresql://user@host/database"')
    return value


def _names_database(value: str) -> bool:
    try:
        return len(urlsplit(value).path) > 1
    except ValueError:
        return False


def store_password(value: str) -> str | None:
    """Return the password inside the address of a store, as it is written there."""
    if "://" not in value:
        return None
    userinfo, at, _ = value.partition("://")[2].rpartition("@")
    _, colon, password = userinfo.partition(":")
    return password if at and colon and password else None


def header_problem(name: str, value: str | None) -> tuple[str, str] | None:
    """Return what is wrong with a request header (message, hint), or None. The value is never quoted."""
    if not _TOKEN.match(name):
        return "is not the name of a header", "letters, digits and hyphens"
    if name.lower() in OWN_HEADERS:
        return "is a header that tipstaff sets itself", "remove it"
    if value is not None and (_CONTROLS.search(value) or not value.isascii()):
        return "has a line break, a control character or a letter beyond ASCII in its value", ""
    return None


def carries_credential(name: str) -> bool:
    """Say whether a header by its name holds a credential."""
    return _CREDENTIAL.search(name) is not None
