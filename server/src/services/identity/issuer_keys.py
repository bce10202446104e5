"""The public keys of the issuer of tokens, as its JWK Set says (RFC 7517)."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from src.errors import IssuerAway
from src.services.outbound.documents import NoDocument

#: Seconds after which the keys are fetched again; while that fails the old ones stay good.
KEYS_KEPT_S = 600.0
#: A key that is not known may be new: the set is fetched again for one, at most so often, seconds.
FETCHED_EVERY_S = 30.0
#: Seconds until the next attempt, while there are no keys at all.
FIRST_FETCHED_EVERY_S = 5.0
#: Seconds that callers wait for the keys of an issuer that answers slowly.
FETCH_TIMEOUT_S = 8.0
KEYS_MAX = 100
RSA_BITS_MIN = 2048

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _IssuerKey:
    kid: str | None
    #: The algorithm it is for; None: any of its type.
    alg: str | None
    key: Key


class IssuerKeys:
    """Keys of the issuer, cached. Belongs to the server's loop.

    Args:
        fetch: fetches the JWK Set.
        clock: a monotonic clock, seconds.
        timeout_s: how long a fetch may take.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = FETCH_TIMEOUT_S,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._timeout_s = timeout_s
        self._keys: Sequence[_IssuerKey] | None = None
        self._document = b""
        self._fetched_s = self._asked_s = float("-inf")
        self._turn = asyncio.Lock()
        #: Grows when the set changes: what was checked with the one before has to be checked again.
        self.generation = 0

    async def find(self, kid: str | None, alg: str) -> Key | None:
        """Return the key of a token; None if the issuer has none for it.

        Args:
            kid: the key's id in the header of the token; None: it names none, which does where there is one only.
            alg: an algorithm of `json_web_tokens.ALGORITHMS`.

        Raises:
            IssuerAway: there are no keys.
        """
        await self.keep_fresh()
        key = self._find(kid, alg)
        if key is None and await self._refresh(FETCHED_EVERY_S):
            key = self._find(kid, alg)
        return key

    async def keep_fresh(self) -> None:
        """Fetch the keys where there are none, or those there are have been kept for `KEYS_KEPT_S`.

        Of the callers one waits for it; the others go on with the keys there are.
        """
        if self._keys is None:
            await self._refresh(FIRST_FETCHED_EVERY_S)
        elif self._is_stale() and not self._turn.locked():
            await self._refresh(FETCHED_EVERY_S)

    def _is_stale(self) -> bool:
        return self._clock() - self._fetched_s > KEYS_KEPT_S

    def _find(self, kid: str | None, alg: str) -> Key | None:
        if self._keys is None:
            wait_s = max(1, round(self._asked_s + FIRST_FETCHED_EVERY_S - self._clock()))
            raise IssuerAway("The keys of the issuer of tokens cannot be fetched.", wait_s)
        found = [
            one.key
            for one in self._keys
            if (kid is None or one.kid == kid) and one.alg in {None, alg} and _suits(one.key, alg)
        ]
        return found[0] if len(found) == 1 or (found and kid is not None) else None

    async def _refresh(self, every_s: float) -> bool:
        """Fetch the set, unless that was tried less than `every_s` ago; returns whether it is newer than before."""
        asked_s = self._asked_s
        async with self._turn:
            if self._asked_s != asked_s:  # somebody else fetched it meanwhile
                return self._fetched_s >= self._asked_s
            if self._clock() - self._asked_s < every_s:
                return False
            self._asked_s = self._clock()
            try:
                async with asyncio.timeout(self._timeout_s):
                    document = await self._fetch()
                keys = _read(document)
            except (NoDocument, TimeoutError, ValueError) as error:
                log.warning("The keys of JWT_ISSUER could not be fetched from JWT_JWKS_URL: %s.", error or "too slow")
                return False
            self._fetched_s = self._clock()
            if document != self._document or self._keys is None:
                self._document, self._keys = document, keys
                self.generation += 1
            return True


def _read(document: bytes) -> list[_IssuerKey]:
    """Read the keys that can check a signature; others are passed over.

    Raises:
        ValueError: this is no JWK Set.
    """
    try:
        members = orjson.loads(document)["keys"]
    except (ValueError, TypeError, KeyError):
        raise ValueError("it is no JWK Set") from None
    if not isinstance(members, list) or len(members) > KEYS_MAX:
        raise ValueError(f"it is no JWK Set of at most {KEYS_MAX} keys")
    return [key for member in members if (key := _key_of(member)) is not None]


def _key_of(member: Any) -> _IssuerKey | None:
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    kinds: dict[Any, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    kind = member.get("kty")
    kid, alg, operations = member.get("kid"), member.get("alg"), member.get("key_ops", ["verify"])
    if not isinstance(kind, str) or kind not in kinds or not isinstance(operations, list) or "verify" not in operations:
        return None
    if not isinstance(kid, str | None) or not isinstance(alg, str | None):
        return None
    try:
        key = kinds[kind].import_key({name: value for name, value in member.items() if name not in {"d", "key_ops"}})
        key.get_op_key("verify")
        if isinstance(key, RSAKey) and key.raw_value.key_size < RSA_BITS_MIN:
            return None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return _IssuerKey(kid, alg, key)


def _suits(key: Key, alg: str) -> bool:
    """Return whether a key is of the type of an algorithm (RFC 7518, 3.1; RFC 8037, 3.1)."""
    match alg:
        case "RS256" | "PS256":
            return isinstance(key, RSAKey)
        case "ES256":
            return isinstance(key, ECKey) and key.curve_name == "P-256"
        case "EdDSA":
            return isinstance(key, OKPKey) and key.curve_name == "Ed25519"
    return False
