"""Says who is calling, before anything is counted: `scope["caller"]`."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial

from starlette.types import ASGIApp, Receive, Scope, Send

from src.addresses import ADDRESSES_REMEMBERED_MAX, Network
from src.routes.http.callers import caller_of
from src.services.identity.caller import Caller
from src.services.outbound.callback_url import Policy
from src.services.requests.read_slots import reading_caller


class IdentityMiddleware:
    """Finds the caller of each HTTP call: whoever bears a token that is known, else the client's address.

    Args:
        app: what comes after.
        trusted_proxies: whose X-Forwarded-For counts.
        callback_policy: where whoever is known by an address may be called back.
        bearers: headers with tokens, in lower case, and who bears which; None for a token that nobody has.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_proxies: Sequence[Network],
        callback_policy: Policy,
        bearers: Mapping[bytes, Callable[[bytes], Caller | None]],
    ) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies
        self._bearers = bearers
        # The same few callers call again and again.
        self._of_address = lru_cache(ADDRESSES_REMEMBERED_MAX)(
            partial(Caller.of_address, callback_policy=callback_policy)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the caller and pass on."""
        if scope["type"] != "lifespan":
            scope["caller"] = caller = self._bearer_in(scope) or self._of_address(
                caller_of(scope, self._trusted_proxies)
            )
            reading_caller.set(caller.name)
        await self._app(scope, receive, send)

    def _bearer_in(self, scope: Scope) -> Caller | None:
        given = ((self._bearers[name], value) for name, value in scope["headers"] if name in self._bearers)
        who_bears, token = next(given, (None, b""))
        return who_bears(token) if who_bears else None
