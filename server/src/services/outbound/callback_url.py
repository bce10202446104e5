r"""Which callback URLs are accepted: the grammar, the exceptions, the names and the addresses. No network.

One form of a URL is let through, so that no two parsers can read it differently: WHATWG readers turn
`0x7f.1`, `127.1` or circled digits into 127.0.0.1, others look them up as names; `a\@127.0.0.1` is host `a`
to one and 127.0.0.1 to the other. What is stored and dialled is the canonical form alone.
Names are checked again when they have addresses, at each attempt (`callback_guard`).
"""

import re
from dataclasses import dataclass, field, replace
from typing import Protocol

import httpx
from pydantic import AnyHttpUrl, TypeAdapter, ValidationError

from src.errors import ForbiddenCallbackUrl
from src.services.outbound.guard import forbidden_reason, literal_address

URL_CHARS_MAX = 2048
LABEL_CHARS_MAX = 63  # RFC 1035 2.3.4
NAME_CHARS_MAX = 253
WELL_KNOWN_PORTS = frozenset({80, 443})
FREE_PORT_MIN = 1024  # RFC 6335 6: below are the system ports
PORT_MAX = 65535
LOOPBACK_HOST = "127.0.0.1"
SETTING = "CALLBACK_ALLOWED_ORIGINS"

#: RFC 6761 6.3, RFC 6762 3, ICANN's reservation of .internal (2024).
_LOCAL_DOMAINS = ("localhost", "local", "internal")
_METADATA_NAMES = frozenset({"metadata.goog"})  # public by its name, 169.254.169.254 inside Google's cloud

_AUTHORITY = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[^/?]*))?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NOT_PLAIN = re.compile(r"[^\x21-\x7e]|[\"\\]")
_NUMERIC = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")  # the last label makes WHATWG readers see an IPv4 address
_WHATWG = TypeAdapter(AnyHttpUrl)


@dataclass(frozen=True, slots=True)
class CallbackUrl:
    """A URL that keeps the rules, in its canonical form.

    Attributes:
        url: the only form that is stored and dialled.
        receiver: `scheme://host:port`, the port always given; callbacks to one receiver keep their order.
        scheme: `http` or `https`.
        host: a name or an address, lower case, without brackets.
        port: 1 to 65535.
        exempt: the operator vouches for this origin: it may lead to any address.
    """

    url: str
    receiver: str
    scheme: str
    host: str
    port: int
    exempt: bool = False


class Policy(Protocol):
    """Decides which callback URLs are allowed."""

    def check(self, raw: str, /) -> CallbackUrl:
        """The canonical form of a URL that may be called, as far as it can be told without a lookup.

        Raises:
            ForbiddenCallbackUrl: a rule is broken; the sentence names the rule and never repeats the URL.
        """


@dataclass(frozen=True)
class CallbackPolicy:
    """The rules, with this installation's exceptions.

    Args:
        allowed_origins: exact origins as `parse_origin` gives them, let through wherever they lead.
        demo_url: the demo receiver of this server; allowed at this one URL, path and query included.

    Raises:
        ValueError: one of the two is not canonical or not a URL.
    """

    allowed_origins: frozenset[str] = frozenset()
    demo_url: str | None = None
    _demo: CallbackUrl | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not all(parse_origin(origin) == origin for origin in self.allowed_origins):
            raise ValueError("allowed origins are given as parse_origin returns them")
        try:
            demo = _parse(self.demo_url) if self.demo_url is not None else None
        except ForbiddenCallbackUrl as error:
            raise ValueError(f"the demo receiver's URL breaks a rule: {error.detail}") from None
        object.__setattr__(self, "_demo", demo)  # frozen, and parsed only once

    def check(self, raw: str, /) -> CallbackUrl:
        """The canonical form of a URL that may be called, as far as it can be told without a lookup.

        Raises:
            ForbiddenCallbackUrl: a rule is broken; the sentence names the rule and never repeats the URL.
        """
        url = _parse(raw)
        if url.receiver in self.allowed_origins or url == self._demo:
            return replace(url, exempt=True)
        if self._demo is not None and url.receiver == self._demo.receiver:
            raise ForbiddenCallbackUrl(
                "This server may be called back only at the exact URL of its demo receiver.", "demo-receiver"
            )
        _check_port(url.port)
        _check_host(url.host)
        return url


@dataclass(frozen=True, slots=True)
class Loopback:
    """The rule for a program that this server started: it is called back on this machine and nowhere else.

    Args:
        receiver: the one origin, as `CallbackUrl` gives it; None lets every port that needs no privilege through.
    """

    receiver: str | None = None

    def check(self, raw: str, /) -> CallbackUrl:
        """The canonical form of a URL that may be called.

        Raises:
            ForbiddenCallbackUrl: it leads elsewhere.
        """
        url = _parse(raw)
        is_local = (url.scheme, url.host) == ("http", LOOPBACK_HOST) and url.port >= FREE_PORT_MIN
        if not is_local or self.receiver not in (None, url.receiver):
            raise _refused("this caller is called back by its own receiver only", "own-receiver")
        return replace(url, exempt=True)


def parse_origin(text: str) -> str:
    """One exact origin of the setting, in the canonical form `scheme://host:port`.

    Raises:
        ValueError: it is something else, such as a URL with a path or a wildcard.
    """
    example = "write it like http://127.0.0.1:9001"
    scheme, found, authority = text.partition("://")
    if not found or scheme.lower() not in {"http", "https"}:
        raise ValueError(f"an allowed origin begins with http:// or https://; {example}")
    if not _AUTHORITY.fullmatch(authority):
        raise ValueError(
            "an allowed origin is only scheme, host and port, without a path, a query, a wildcard "
            f"or user info; {example}"
        )
    try:
        return _parse(text).receiver
    except ForbiddenCallbackUrl as error:
        raise ValueError(f"an allowed origin breaks a rule: {error.detail} {example}") from None


def _parse(raw: str) -> CallbackUrl:
    """The grammar alone: what an allowed origin has to keep as well."""
    authority = _authority(raw)
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise _refused("its host must be given once and plainly", "host")
    if (given := match["port"]) is not None and not (_PORT.fullmatch(given) and int(given) <= PORT_MAX):
        raise _refused(f"its port must be a plain number from 1 to {PORT_MAX}", "port")
    try:
        read = _WHATWG.validate_python(raw)
    except ValidationError:
        raise _refused("its host is not valid", "host") from None
    url, host, port = _with_query_as_written(str(read), raw), (read.host or "").strip("[]"), read.port or 0
    if len(url) > URL_CHARS_MAX:
        raise _refused(f"in its escaped form it is longer than {URL_CHARS_MAX} characters", "length")
    _check_spelling(match["name"], host)
    _check_second_reader(url, read.scheme, host, port)
    name = f"[{host}]" if ":" in host else host
    return CallbackUrl(url, f"{read.scheme}://{name}:{port}", read.scheme, host, port)


def _with_query_as_written(url: str, raw: str) -> str:
    """Undo the one escape that the standards disagree on: WHATWG makes `%27` of a `'` in a query.

    RFC 3986 (sections 3.4, 2.2) lets it stand, and to a receiver that compares or signs its URL the two differ.
    """
    before, mark, escaped = url.partition("?")
    query = raw.partition("?")[2].replace("<", "%3C").replace(">", "%3E")
    if query.replace("'", "%27") != escaped:
        raise _refused("two URL parsers disagree on it", "ambiguous")
    return before + mark + query if query else before  # aiohttp does not send the mark of an empty query


def _authority(raw: str) -> str:
    if len(raw) > URL_CHARS_MAX:
        raise _refused(f"it is longer than {URL_CHARS_MAX} characters", "length")
    if _NOT_PLAIN.search(raw):
        raise _refused("it holds characters other than plain visible ASCII", "characters")
    scheme, _, rest = raw.partition("://")
    if scheme.lower() not in {"http", "https"}:
        raise _refused("its scheme must be http or https", "scheme")
    if "#" in rest:
        raise _refused("it must not have a fragment", "fragment")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    if "@" in authority:
        raise _refused("it must not carry a user name or password", "user-info")
    return authority


def _check_spelling(given: str, host: str) -> None:
    """An address must be written as itself, and a name must be one (RFC 1035 2.3.1, RFC 3986 3.2.2)."""
    if given.startswith("["):
        return  # the pattern leaves nothing but an IPv6 address; its zeros may be written in any way
    if given.lower() != host:
        raise _refused("its host is an address in an unusual spelling", "host")
    labels = host.split(".")
    if len(host) > NAME_CHARS_MAX or not all(1 <= len(label) <= LABEL_CHARS_MAX for label in labels):
        raise _refused("its host has an empty or too long part", "host")
    if _NUMERIC.fullmatch(labels[-1]) and literal_address(host) is None:
        raise _refused("its host ends in a number without being an address", "host")


def _check_second_reader(url: str, scheme: str, host: str, port: int) -> None:
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise _refused("two URL parsers disagree on it", "ambiguous") from None
    second = (read.scheme, read.raw_host.decode(), read.port or {"http": 80, "https": 443}[scheme])
    if second != (scheme, host, port) or str(read) != url:
        raise _refused("two URL parsers disagree on it", "ambiguous")


def _check_port(port: int) -> None:
    if port not in WELL_KNOWN_PORTS and port < FREE_PORT_MIN:
        raise _refused(f"its port must be 80, 443 or at least {FREE_PORT_MIN}", "port", SETTING)


def _check_host(host: str) -> None:
    address = literal_address(host)
    if address is not None:
        if word := forbidden_reason(address):
            raise _refused(f"its address is not a public one ({word})", word, SETTING)
        return
    if "." not in host or host.rpartition(".")[2] in _LOCAL_DOMAINS or host in _METADATA_NAMES:
        raise _refused("its host is a name of the local machine or network", "local-name", SETTING)


def _refused(what: str, rule: str, setting: str | None = None) -> ForbiddenCallbackUrl:
    remedy = f"; the operator can allow its exact origin in {setting}" if setting else ""
    return ForbiddenCallbackUrl(f"The callback URL is not allowed: {what}{remedy}.", rule, setting)
