"""JSON Web Tokens (RFC 7519), checked as RFC 8725 says. Imported only where an issuer is set."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError, MissingClaimError
from joserfc.jws import JWSRegistry

from src.services.identity.account_store import ACCOUNT_NAME
from src.services.identity.issuer_keys import IssuerKeys
from src.services.identity.tokens import Token, TokenInvalid, TokenRules
from src.services.kit.lru import LruDict

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
#: How far the clocks of issuer and server may differ, seconds.
CLOCK_SKEW_S = 60
#: Tokens whose signature was checked; others are checked again.
TOKENS_REMEMBERED_MAX = 10_000
KID_LENGTH_MAX = 256
#: Bytes of a header, which may carry a certificate that nobody looks at.
HEADER_BYTES_MAX = 4 * 1024


class JsonWebTokens:
    """Checks JSON Web Tokens. Belongs to the server's loop.

    Args:
        rules: what they must say.
        keys: of the issuer.
        now: the time, aware UTC.
    """

    def __init__(self, rules: TokenRules, keys: IssuerKeys, now: Callable[[], datetime]) -> None:
        self._rules = rules
        self._keys = keys
        self._now = now
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now().timestamp()),
            leeway=CLOCK_SKEW_S,
            iss={"essential": True, "value": rules.issuer},
            aud={"essential": True, "value": rules.audience},
            exp={"essential": True},
        )
        #: By SHA-256 of the token: it, and the generation of the keys that it was checked with.
        self._checked: LruDict[bytes, tuple[Token, int]] = LruDict(TOKENS_REMEMBERED_MAX)

    async def read(self, credential: bytes) -> Token:
        """Check a token, and return what it says.

        Raises:
            TokenInvalid: it is not good.
            IssuerAway: there are no keys to check it with.
        """
        await self._keys.keep_fresh()
        digest = hashlib.sha256(credential).digest()
        token, generation = self._checked.get(digest, (None, 0))
        if token is None or generation != self._keys.generation:
            token = self._token_of(await self._verified(credential))
            self._checked[digest] = token, self._keys.generation
        if self.has_ended(token.expires_at):
            raise TokenInvalid("The token has expired.")
        return token

    def has_ended(self, expires_at: datetime) -> bool:
        """Return whether a token that ends then is no longer accepted."""
        return (self._now() - expires_at).total_seconds() >= CLOCK_SKEW_S

    async def _verified(self, credential: bytes) -> Mapping[str, Any]:
        """Check the signature, and the claims about it; returns all claims."""
        alg, kid = _named_key(credential)
        key = await self._keys.find(kid, alg)
        if key is None:
            raise TokenInvalid("The issuer of the token has no key for it.")
        try:
            claims = jwt.decode(credential, key, registry=_Registry(algorithms=[alg])).claims
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise TokenInvalid("The token has expired.") from None
        except MissingClaimError as error:
            raise TokenInvalid(f"The token has no {error.description or 'exp, iss or aud'}.") from None
        except (JoseError, ValueError, TypeError, RecursionError):
            raise TokenInvalid("The signature of the token, or a claim about its issuer or time, is wrong.") from None
        return claims

    def _token_of(self, claims: Mapping[str, Any]) -> Token:
        claim = claims.get(self._rules.account_claim)
        account = f"{self._rules.account_prefix}{claim}" if isinstance(claim, str) and claim else ""
        if not ACCOUNT_NAME.fullmatch(account):
            raise TokenInvalid(f"The claim {self._rules.account_claim} of the token does not name an account.")
        return Token(account, self._rules.scopes & _scopes_in(claims), _moment(claims["exp"]))


class _Registry(JWSRegistry):
    """The algorithms of `ALGORITHMS` alone; of parameters that are not understood only critical ones matter."""

    max_header_length = HEADER_BYTES_MAX

    def __init__(self, algorithms: list[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        """Return an algorithm, without the warning that EdDSA has newer names (RFC 9864): issuers use this one."""
        return self.algorithms[name]


def _named_key(credential: bytes) -> tuple[str, str | None]:
    """Read algorithm and id of the key in the header of a token; keys that it carries or points to are ignored.

    Raises:
        TokenInvalid: it is none, or of another algorithm.
    """
    try:
        header: Any = jws.extract_compact(credential, registry=_Registry(algorithms=list(ALGORITHMS))).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise TokenInvalid("This is neither a key of this service nor a JSON Web Token.")
    alg, kid = header.get("alg"), header.get("kid")
    if alg not in ALGORITHMS:
        raise TokenInvalid(f"Tokens are signed with {', '.join(ALGORITHMS)}, this one is not.")
    if "crit" in header:
        raise TokenInvalid("The token asks for an extension (crit) that is not supported.")
    if not isinstance(kid, str | None) or len(kid or "") > KID_LENGTH_MAX:
        raise TokenInvalid("The id of the key (kid) is not a text, or too long.")
    return alg, kid


def _scopes_in(claims: Mapping[str, Any]) -> set[str]:
    """Read `scope`, a text (RFC 8693, 4.2), or `scp`, a list; what is not understood gives nothing."""
    given = claims.get("scope")
    if isinstance(given, str):
        return set(given.split())
    given = claims.get("scp")
    return {one for one in given if isinstance(one, str)} if isinstance(given, list) else set()


def _moment(numeric_date: float) -> datetime:
    try:
        return datetime.fromtimestamp(numeric_date, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)
