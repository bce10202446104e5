"""Says who is calling and whether they may, before anything is counted: `scope["caller"]`.

RFC 6750 says how a key is sent and refused, RFC 9110, 11.6.1 what `WWW-Authenticate` is.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from hmac import compare_digest
from typing import TypeVar

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from src.addresses import ADDRESSES_REMEMBERED_MAX, Network
from src.errors import Unavailable
from src.routes.http.callers import caller_of
from src.routes.http.links import carries_link
from src.routes.http.problems import INSTANCE_LENGTH_MAX, REALM, instance_of, note_refusal, problem, scope_challenge
from src.routes.http.refusing import refuse
from src.routes.http.scopes import PUBLIC, Access, access_to
from src.routes.middleware.rate_limits import Allowance
from src.services.identity.authenticator import MALFORMED, Authenticator, CredentialRefused
from src.services.identity.caller import Caller, Kind
from src.services.identity.credentials import (
    API_KEY,
    AUTHORIZATION,
    SCHEMES_OF_OTHERS,
    AmbiguousCredentials,
    MalformedCredentials,
    presented,
    ticket_in,
)
from src.services.identity.key_format import PREFIX
from src.services.outbound.callback_url import Policy
from src.services.requests.read_slots import reading_caller

METRICS_PATH = "/metrics"
#: Event streams, which a ticket opens.
STREAM_PATHS = frozenset({"/api/ws", "/api/events"})

log = logging.getLogger(__name__)

T = TypeVar("T")


def authenticator_of(scope: Scope) -> Authenticator | None:
    """Return the authenticator of the running application; None before it has started."""
    parts = getattr(scope["app"].state, "parts", None)
    return parts.identity.authenticator if parts else None


class _Refused(Exception):
    """The call is answered here."""

    def __init__(self, response: Response, slug: str, key_id: str | None = None) -> None:
        super().__init__(slug)
        self.response = response
        self.slug = slug
        self.key_id = key_id


class IdentityMiddleware:
    """Finds the caller of each HTTP call: whoever presents a key, else the client's address.

    Args:
        app: what comes after.
        trusted_proxies: whose X-Forwarded-For counts.
        callback_policy: where whoever is known by an address may be called back.
        required: whether credentials are required.
        run_header: the header with the token of a load generator, in lower case.
        run_of: its caller; None for a token that nobody has.
        metrics_token: what `GET /metrics` accepts besides a key; empty: nothing.
        count_failure: counts a refused credential by address.
        authenticator: returns what recognises keys.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_proxies: Sequence[Network],
        callback_policy: Policy,
        required: bool,
        run_header: bytes,
        run_of: Callable[[bytes], Caller | None],
        metrics_token: bytes,
        count_failure: Callable[[str], Awaitable[Allowance | None]],
        authenticator: Callable[[Scope], Authenticator | None] = authenticator_of,
    ) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies
        self._required = required
        self._run_header = run_header
        self._run_of = run_of
        self._metrics_token = metrics_token
        self._count_failure = count_failure
        self._authenticator = authenticator
        self._of_interest = frozenset({run_header, AUTHORIZATION, API_KEY})
        # The same few callers call again and again.
        self._of_address = lru_cache(ADDRESSES_REMEMBERED_MAX)(
            partial(Caller.of_address, callback_policy=callback_policy)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the caller and pass on, or refuse."""
        if scope["type"] != "lifespan":
            scope["address"] = address = caller_of(scope, self._trusted_proxies)
            try:
                scope["caller"] = caller = await self._admit(scope, address)
            except _Refused as refused:
                _note(scope, address, refused)
                await refuse(scope, receive, send, refused.response)
                return
            reading_caller.set(caller.name)
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope, address: str) -> Caller:
        if scope["path"].endswith("\n"):
            # The router's expressions end with `$`, which also matches before a line feed at the end: it would find an
            # operation that no table of scopes and limits does.
            response = problem(404, "not-found", "There is nothing at this path.", instance_of(scope))
            raise _Refused(response, "not-found")
        access = access_to(scope.get("method", "WS"), scope["path"])
        if access is PUBLIC or (access.by_link and carries_link(scope)):
            return self._of_address(address, alone=False)
        caller = await self._identified(scope, address)
        if caller is None:
            if self._required or (scope["path"] == METRICS_PATH and self._metrics_token):
                detail = "Send a key: Authorization: Bearer …"
                raise _Refused(_unauthorized(scope, "key-missing", detail, REALM), "key-missing")
            authenticator = self._authenticator(scope)
            caller = self._of_address(address, alone=authenticator is not None and authenticator.alone)
        is_open = access.in_open_mode and caller.kind is Kind.ADDRESS
        if is_open or access.scope is None or access.scope in caller.scopes:
            return caller
        raise _Refused(_scope_missing(scope, access), "scope-missing", caller.key_id)

    async def _identified(self, scope: Scope, address: str) -> Caller | None:
        """Return the caller of a credential; None if none was sent."""
        sent = [pair for pair in scope["headers"] if pair[0] in self._of_interest]
        query = scope["query_string"] if scope["path"] in STREAM_PATHS else b""
        if not sent and not query:
            return None
        for name, value in sent:
            if name == self._run_header and (run := self._run_of(value)):
                return run
        try:
            credential = presented(sent, () if self._required else SCHEMES_OF_OTHERS)
            ticket = ticket_in(query, also_sent=credential)
            if ticket is not None:
                return await _answered(scope, self._started(scope).redeem(ticket))
            return None if credential is None else await self._caller_of(scope, credential, address)
        except AmbiguousCredentials as error:
            response = problem(400, "malformed-request", str(error), instance_of(scope))
            raise await self._failed(scope, address, response, "malformed-request") from None
        except MalformedCredentials as error:
            failure = CredentialRefused(MALFORMED, str(error))
        except CredentialRefused as refusal:
            failure = refusal
        response = _unauthorized(scope, failure.slug, failure.detail, f'{REALM}, error="invalid_token"')
        raise await self._failed(scope, address, response, failure.slug, failure.key_id)

    async def _caller_of(self, scope: Scope, credential: bytes, address: str) -> Caller:
        if scope["path"] == METRICS_PATH and self._metrics_token and not credential.startswith(PREFIX.encode()):
            return self._scraper(credential, address)
        return await _answered(scope, self._started(scope).identify(credential))

    def _started(self, scope: Scope) -> Authenticator:
        authenticator = self._authenticator(scope)
        if authenticator is None:
            raise _unavailable(scope, "The server has not started.", 1)
        return authenticator

    def _scraper(self, credential: bytes, address: str) -> Caller:
        """Return the caller with the token of the settings, whom the scope of the operation is not asked of."""
        if not compare_digest(credential, self._metrics_token):
            raise CredentialRefused("token-invalid", "This is not METRICS_TOKEN of the server's settings.")
        return self._of_address(address)

    async def _failed(
        self, scope: Scope, address: str, response: Response, slug: str, key_id: str | None = None
    ) -> _Refused:
        """Count a refused credential; beyond the limit the answer is 429, whatever was wrong."""
        left = await self._count_failure(address)
        if left is None or left.allowed:
            return _Refused(response, slug, key_id)
        detail = f"Too many refused credentials from this address; try again in {max(1, left.reset_after_s)} s."
        headers = left.headers(time.time())
        return _Refused(problem(429, "rate-limited", detail, instance_of(scope), headers=headers), slug, key_id)


async def _answered(scope: Scope, asked: Awaitable[T]) -> T:
    """Wait for what may need the database, or the issuer of tokens."""
    try:
        return await asked
    except Unavailable as away:
        raise _unavailable(scope, away.detail, away.retry_after_s) from None


def _unauthorized(scope: Scope, slug: str, detail: str, challenge: str) -> Response:
    return problem(401, slug, detail, instance_of(scope), headers={"www-authenticate": challenge})


def _scope_missing(scope: Scope, access: Access) -> Response:
    detail = f"This asks for the scope {access.scope}."
    headers = {"www-authenticate": scope_challenge(str(access.scope))}
    return problem(403, "scope-missing", detail, instance_of(scope), headers=headers, scope=str(access.scope))


def _unavailable(scope: Scope, detail: str, retry_after_s: int) -> _Refused:
    headers = {"retry-after": str(retry_after_s)}
    return _Refused(problem(503, "unavailable", detail, instance_of(scope), headers=headers), "unavailable")


def _note(scope: Scope, address: str, refused: _Refused) -> None:
    """Log a refusal, and tell the observers of a refused submission; never the credential."""
    if scope["type"] == "http":
        note_refusal(scope, refused.slug)
    key = f", key {refused.key_id}" if refused.key_id else ""
    path = instance_of(scope)[:INSTANCE_LENGTH_MAX]
    log.info("%s %s was refused to %s: %s%s.", scope.get("method", "WS"), path, address, refused.slug, key)
