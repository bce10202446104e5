"""`DATABASE_URL` as hosts hand it out, read into what asyncpg takes.

`postgres://`, `postgresql://` and `postgresql+asyncpg://` mean the same, and so do libpq's parameters and SQLAlchemy's.
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
#: What asyncpg reads by itself, from a DSN.
_OF_THE_DRIVER = (
    *("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword", "sslnegotiation", "ssl_min_protocol_version"),
    *("ssl_max_protocol_version", "target_session_attrs", "passfile"),
)
#: What PostgreSQL reads when a session begins.
_OF_THE_SESSION = ("application_name", "options")
#: Without a meaning here. The driver has no channel binding and no GSS encryption, and deadlines are our own; with
#: `sslmode=verify-full` the server is known by its certificate.
_IGNORED = ("channel_binding", "connect_timeout", "fallback_application_name", "prepared_statement_cache_size")
_ALIASES = {"dbname": "database", "ssl": "sslmode"}
_NAMES = {"host", "port", "user", "password", "database", "sslmode", *_OF_THE_DRIVER, *_OF_THE_SESSION, *_IGNORED}
_HOST = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:]*))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where PostgreSQL is and how to get in. Its text never shows the password."""

    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    user: str | None
    database: str | None
    sslmode: str | None
    #: What the URL says about the session.
    session: dict[str, str]
    _password: str | None = field(repr=False)
    _driver: dict[str, str] = field(repr=False)

    @property
    def place(self) -> str:
        """Host and port in words."""
        places = zip(self.hosts, self.ports, strict=True)
        return " or ".join(host if host.startswith("/") else f"{host}, port {port}" for host, port in places)

    def arguments(self) -> dict[str, Any]:
        """Write it as the arguments of `asyncpg.connect`.

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
        if driver.get("sslrootcert") == "system":  # as libpq has it since PostgreSQL 16; asyncpg takes it for a file
            del driver["sslrootcert"]
            given["ssl"] = ssl.create_default_context()
        elif tls is not None:
            driver["sslmode"] = tls
        return {**given, "dsn": f"postgresql://?{urlencode(driver)}"} if driver else given


def read_database_url(text: str) -> DatabaseAddress:
    """Read a URL.

    Raises:
        ValueError: it is none, or has a parameter nobody knows; the sentence never repeats a value.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(f"begin it with {SCHEMES[1]}:// as in postgresql://user:password@host:5432/name")
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
    places = _places(parameters.get("host", ""), parameters.get("port", ""))
    return DatabaseAddress(
        hosts=tuple(host for host, _ in places),
        ports=tuple(port for _, port in places),
        user=parameters.get("user"),
        database=parameters.get("database"),
        sslmode=_ssl_mode(parameters),
        session={name: parameters[name] for name in _OF_THE_SESSION if parameters.get(name)},
        _password=parameters.get("password"),
        _driver={name: parameters[name] for name in _OF_THE_DRIVER if parameters.get(name)},
    )


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("write what stands behind the ? as name=value&name=value") from None
    named = {_ALIASES.get(name, name): value for name, value in pairs}
    for name, _ in pairs:
        if _ALIASES.get(name, name) not in _NAMES:
            known = ", ".join(sorted(_NAMES - set(_IGNORED)))
            shown = name if re.fullmatch(r"\w{1,40}", name, re.ASCII) else "one of them"
            raise ValueError(f"there is no parameter {shown}; take it away. Known are {known}")
    return named


def _places(hosts: str, ports: str) -> list[tuple[str, int]]:
    """Read hosts and ports, each one or several; a host that begins with a slash is a Unix socket's folder."""
    if not hosts:
        return [("localhost", _port(ports))] if ports else []
    given_ports = ports.split(",") if ports else []
    places = []
    for number, host in enumerate(hosts.split(",")):
        match = _HOST.fullmatch(host) if not host.startswith("/") else None
        if match is None and not host.startswith("/"):
            raise ValueError(
                "a host or port in it cannot be read; escape special characters of the password (@ is %40)"
            )
        name, port = (match["v6"] or match["name"], match["port"]) if match else (host, None)
        listed = given_ports[min(number, len(given_ports) - 1)] if given_ports else ""
        places.append((name or "localhost", _port(port or listed)))
    return places


def _port(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_535):
        raise ValueError("the port is a number from 1 to 65535")
    return int(text) if text else PORT


def _ssl_mode(parameters: dict[str, str]) -> str | None:
    mode = {"true": "require", "false": "disable"}.get(parameters.get("sslmode", ""), parameters.get("sslmode"))
    if mode and mode not in SSL_MODES:
        raise ValueError(f"sslmode is one of {', '.join(SSL_MODES)}")
    if parameters.get("sslrootcert") == "system" and mode != "verify-full":
        raise ValueError("sslrootcert=system goes with sslmode=verify-full")
    return mode or None
