"""Parsing of `DATABASE_URL`, as hosting providers hand it out, into arguments for asyncpg.

`postgres://`, `postgresql://` and `postgresql+asyncpg://` are equivalent; libpq's and SQLAlchemy's parameters are
both accepted.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
"""

import re
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg")
PORT = 5432
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: Parameters that asyncpg reads from a DSN itself.
_DRIVER_PARAMETERS = (
    *("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword", "sslnegotiation", "ssl_min_protocol_version"),
    *("ssl_max_protocol_version", "target_session_attrs", "passfile"),
)
#: Parameters of the session, sent to PostgreSQL.
_SESSION_PARAMETERS = ("application_name", "options")
#: Accepted and ignored. The driver supports neither channel binding nor GSS encryption, and the service sets its own
#: timeouts; `sslmode=verify-full` authenticates the server by its certificate.
_IGNORED = ("channel_binding", "connect_timeout", "fallback_application_name", "prepared_statement_cache_size")
_ALIASES = {"dbname": "database", "ssl": "sslmode"}
_NAMES = {
    "host",
    "port",
    "user",
    "password",
    "database",
    "sslmode",
    *_DRIVER_PARAMETERS,
    *_SESSION_PARAMETERS,
    *_IGNORED,
}
_HOST = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:]*))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where PostgreSQL is and how to authenticate. Its `repr` never shows the password."""

    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    user: str | None
    database: str | None
    sslmode: str | None
    #: Session parameters given in the URL.
    session: dict[str, str]
    _password: str | None = field(repr=False)
    _driver: dict[str, str] = field(repr=False)

    @property
    def location(self) -> str:
        """Hosts and ports, for messages."""
        endpoints = zip(self.hosts, self.ports, strict=True)
        return " or ".join(host if host.startswith("/") else f"{host}, port {port}" for host, port in endpoints)

    def arguments(self) -> dict[str, Any]:
        """Convert the address into arguments for `asyncpg.connect`.

        Raises:
            OSError: a certificate file cannot be read.
        """
        driver, tls = dict(self._driver), self.sslmode
        given: dict[str, Any] = {
            "host": list(self.hosts) or None,
            "port": list(self.ports) or None,
            "user": self.user,
            "password": self._password,
            "database": self.database,
        }
        if driver.get("sslrootcert") == "system":  # libpq's, since PostgreSQL 16; asyncpg mistakes it for a file name
            del driver["sslrootcert"]
            given["ssl"] = ssl.create_default_context()
        elif tls is not None:
            driver["sslmode"] = tls
        return {**given, "dsn": f"postgresql://?{urlencode(driver)}"} if driver else given


def read_database_url(text: str) -> DatabaseAddress:
    """Parse a URL.

    Raises:
        ValueError: it is invalid or has an unknown parameter; the message never repeats a value.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(f"it must start with {SCHEMES[1]}:// as in postgresql://user:password@host:5432/name")
    head, _, query = rest.partition("?")
    credentials, _, location = head.rpartition("@")
    hosts, _, database = location.partition("/")
    user, _, password = credentials.partition(":")
    found = {
        "host": unquote(hosts),
        "user": unquote(user),
        "password": unquote(password),
        "database": unquote(database),
    }
    parameters = {**{name: value for name, value in found.items() if value}, **_parameters(query)}
    endpoints = _endpoints(parameters.get("host", ""), parameters.get("port", ""))
    return DatabaseAddress(
        hosts=tuple(host for host, _ in endpoints),
        ports=tuple(port for _, port in endpoints),
        user=parameters.get("user"),
        database=parameters.get("database"),
        sslmode=_ssl_mode(parameters),
        session={name: parameters[name] for name in _SESSION_PARAMETERS if parameters.get(name)},
        _password=parameters.get("password"),
        _driver={name: parameters[name] for name in _DRIVER_PARAMETERS if parameters.get(name)},
    )


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("the part after the ? must have the form name=value&name=value") from None
    named = {_ALIASES.get(name, name): value for name, value in pairs}
    for name, _ in pairs:
        if _ALIASES.get(name, name) not in _NAMES:
            known = ", ".join(sorted(_NAMES - set(_IGNORED)))
            shown = f"parameter {name}" if re.fullmatch(r"\w{1,40}", name, re.ASCII) else "one of its parameters"
            raise ValueError(f"there is no {shown}; remove it. Supported are {known}")
    return named


def _endpoints(hosts: str, ports: str) -> list[tuple[str, int]]:
    """Parse comma-separated hosts and ports. A host that starts with a slash is the folder of a Unix socket."""
    if not hosts:
        return [("localhost", _port(ports))] if ports else []
    given_ports = ports.split(",") if ports else []
    endpoints = []
    for number, host in enumerate(hosts.split(",")):
        match = _HOST.fullmatch(host) if not host.startswith("/") else None
        if match is None and not host.startswith("/"):
            raise ValueError("a host or port in it is invalid; escape special characters of the password (@ is %40)")
        name, port = (match["v6"] or match["name"], match["port"]) if match else (host, None)
        listed = given_ports[min(number, len(given_ports) - 1)] if given_ports else ""
        endpoints.append((name or "localhost", _port(port or listed)))
    return endpoints


def _port(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_535):
        raise ValueError("the port must be a number from 1 to 65535")
    return int(text) if text else PORT


def _ssl_mode(parameters: dict[str, str]) -> str | None:
    mode = {"true": "require", "false": "disable"}.get(parameters.get("sslmode", ""), parameters.get("sslmode"))
    if mode and mode not in SSL_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(SSL_MODES)}")
    if parameters.get("sslrootcert") == "system" and mode != "verify-full":
        raise ValueError("sslrootcert=system requires sslmode=verify-full")
    return mode or None
