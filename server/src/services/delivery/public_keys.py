"""The public keys of accounts as JSON Web Keys (RFC 7517, RFC 8037): a receiver verifies without sharing a secret."""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence

import orjson

from src.errors import NotFound
from src.services.delivery.webhook_secrets import public_key_of

KEYS_PATH = "/.well-known/webhook-keys/"
_SET = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)

Jwk = dict[str, str]


class PublicKeys:
    """Finds the keys of a set.

    Args:
        unnamed_sets: the names of the set of the unnamed account, the one to tell first.
        unnamed_keys: its signing keys.
        of_accounts: finds the public keys of a set of a named account; none: there is no such set.
        base_url: prefix of the URLs of sets.
    """

    def __init__(
        self,
        unnamed_sets: Sequence[str],
        unnamed_keys: Sequence[bytes],
        of_accounts: Callable[[str], Awaitable[Sequence[bytes]]],
        base_url: str,
    ) -> None:
        self._unnamed_sets = unnamed_sets
        self._unnamed = [public_key_of(key) for key in unnamed_keys]
        self._of_accounts = of_accounts
        self._base_url = base_url

    def url(self, key_set: str | None) -> str:
        """Return where a set is published; None: that of the unnamed account."""
        return f"{self._base_url}{KEYS_PATH}{key_set or self._unnamed_sets[0]}"

    async def of(self, key_set: str) -> list[Jwk]:
        """Return the keys of a set, newest first.

        Raises:
            NotFound: there is no such set.
            DatabaseAway: PostgreSQL does not respond.
        """
        keys: Sequence[bytes] = []
        if key_set in self._unnamed_sets:
            keys = self._unnamed
        elif _SET.fullmatch(key_set):
            keys = await self._of_accounts(key_set)
        if not keys:
            raise NotFound("There is no set of keys with this name.")
        return [jwk_of(key) for key in keys]


def jwk_of(public_key: bytes) -> Jwk:
    """Return a public key of 32 bytes as a JSON Web Key."""
    named = {"crv": "Ed25519", "kty": "OKP", "x": _encoded(public_key)}
    # The thumbprint: SHA-256 over these members in this order (RFC 7638, 3).
    key_id = _encoded(hashlib.sha256(orjson.dumps(named)).digest())
    return {**named, "kid": key_id, "alg": "EdDSA", "use": "sig"}


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
