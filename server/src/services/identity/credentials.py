"""What a call presents to say who makes it: a key, in one of two headers (RFC 6750, 2.1)."""

from collections.abc import Iterable

from src.services.identity.key_format import ReadKey, read_key

AUTHORIZATION = b"authorization"
API_KEY = b"x-api-key"
_HEADERS = frozenset({AUTHORIZATION, API_KEY})
#: Bytes; a longer credential is not looked at.
CREDENTIAL_BYTES_MAX = 8 * 1024


class AmbiguousCredentials(ValueError):
    """Credentials were sent in both headers, or twice in one."""


class MalformedCredentials(ValueError):
    """Something was sent that cannot be a key."""


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the credential in the headers of a call, unread; None if there is none.

    Args:
        headers: names in lower case, and values.

    Raises:
        AmbiguousCredentials: there are several.
        MalformedCredentials: the scheme is not Bearer, nothing follows it, or it is too long.
    """
    given = [(name, value) for name, value in headers if name in _HEADERS]
    if not given:
        return None
    if len(given) > 1:
        raise AmbiguousCredentials("Send the key once, as Authorization: Bearer or as X-API-Key.")
    [(name, value)] = given
    credential = value.strip(b" \t")
    if name == AUTHORIZATION:
        scheme, _, credential = credential.partition(b" ")
        credential = credential.strip(b" \t")
        if scheme.lower() != b"bearer":
            raise MalformedCredentials("Send the key as Authorization: Bearer.")
    if not credential or len(credential) > CREDENTIAL_BYTES_MAX:
        raise MalformedCredentials("There is no key where one is announced.")
    return credential


def key_in(credential: bytes) -> ReadKey:
    """Read a credential as a key.

    Raises:
        MalformedKey: it is none.
    """
    return read_key(credential.decode("latin-1"))
