"""What a call presents to say who makes it: a key, in one of two headers (RFC 6750, 2.1), or a ticket of a stream."""

from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl

from src.services.identity.key_format import ReadKey, read_key

AUTHORIZATION = b"authorization"
API_KEY = b"x-api-key"
#: The query parameter of event streams, where a browser can send no header.
TICKET = b"ticket"
_HEADERS = frozenset({AUTHORIZATION, API_KEY})
#: Schemes that a proxy in front may ask for, and forward; where no key is required they are not ours to judge.
SCHEMES_OF_OTHERS = frozenset({b"basic", b"digest", b"negotiate", b"ntlm"})
#: Bytes; a longer credential is not looked at.
CREDENTIAL_BYTES_MAX = 8 * 1024


class AmbiguousCredentials(ValueError):
    """Credentials were sent in both headers, or twice in one."""


class MalformedCredentials(ValueError):
    """Something was sent that cannot be a key."""


def presented(headers: Iterable[tuple[bytes, bytes]], not_ours: Collection[bytes] = ()) -> bytes | None:
    """Return the credential in the headers of a call, unread; None if there is none.

    Args:
        headers: names in lower case, and values.
        not_ours: schemes of `Authorization`, in lower case, that are passed over.

    Raises:
        AmbiguousCredentials: there are several.
        MalformedCredentials: the scheme is not Bearer, nothing follows it, or it is too long.
    """
    given = [
        (name, value)
        for name, value in headers
        if name in _HEADERS and not (not_ours and name == AUTHORIZATION and _scheme_of(value) in not_ours)
    ]
    if not given:
        return None
    if len(given) > 1:
        raise AmbiguousCredentials("Send the key once, as Authorization: Bearer or as X-API-Key.")
    [(name, value)] = given
    credential = value.strip(b" \t")
    if name == AUTHORIZATION:
        credential = credential.partition(b" ")[2].strip(b" \t")
        if _scheme_of(value) != b"bearer":
            raise MalformedCredentials("Send the key as Authorization: Bearer.")
    if not credential or len(credential) > CREDENTIAL_BYTES_MAX:
        raise MalformedCredentials("There is no key where one is announced.")
    return credential


def _scheme_of(authorization: bytes) -> bytes:
    return authorization.strip(b" \t").partition(b" ")[0].lower()


def ticket_in(query: bytes, also_sent: bytes | None = None) -> str | None:
    """Return the ticket in the query of an event stream; None if there is none.

    Args:
        query: the query of the call.
        also_sent: the credential in its headers.

    Raises:
        AmbiguousCredentials: there are several tickets, or a key as well.
    """
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if TICKET in query else []
    given = [value for name, value in pairs if name == TICKET.decode()]
    if len(given) > 1 or (given and also_sent is not None):
        raise AmbiguousCredentials("Send one ticket, without a key.")
    return given[0] if given else None


def key_in(credential: bytes) -> ReadKey:
    """Read a credential as a key.

    Raises:
        MalformedKey: it is none.
    """
    return read_key(credential.decode("latin-1"))
