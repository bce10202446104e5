"""Rate limits that hold over several servers: counted in Redis, and while it is away by each server for itself."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import cast

from limits import RateLimitItem
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from src.routes.middleware.rate_limits import Allowance, RateLimits, allowance
from src.services.identity.caller import DEFAULT_LIMITS, Limits

#: Connecting, and one answer, at most; and waiting for one of the connections.
TIMEOUT_S = 0.25
CONNECTIONS_MAX = 16
#: After a failure nobody asks Redis for so long, and then one request does.
ASKED_AGAIN_AFTER_S = 1.0
KEY_PREFIX = "frg-rate"

log = logging.getLogger(__name__)


class SharedRateLimits(RateLimits):
    """The limits of some paths over all servers with the same Redis; as exact as their clocks agree.

    Each server counts what it let pass as well: while Redis is away, and when it comes back with nothing, no server
    lets more pass than the limit; and whoever has used it up here costs no question. Belongs to one event loop.

    Args:
        limits: `30/minute` or `off`, by path.
        alike: templates of paths, and the path whose limit they share.
        own: by path, which of a caller's own limits goes before.
        storage_url: `redis://` or `rediss://`.
        now_s: seconds from any starting point, never going back.

    Raises:
        ValueError: the URL cannot be read.
    """

    def __init__(
        self,
        limits: Mapping[str, str],
        alike: Mapping[str, str] | None = None,
        own: Mapping[str, Callable[[Limits], str | None]] | None = None,
        *,
        storage_url: str,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(limits, alike, own, now_s)
        self._pool = BlockingConnectionPool.from_url(
            storage_url,
            max_connections=CONNECTIONS_MAX,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        storage = storage_from_string(
            f"async+{storage_url}",
            implementation="redispy",
            key_prefix=KEY_PREFIX,
            wrap_exceptions=True,
            connection_pool=cast("str", self._pool),
        )
        self._shared = MovingWindowRateLimiter(storage)
        self._is_away = False
        self._asked_again_at_s = 0.0

    async def count(self, path: str, caller: str, cost: int = 1, limits: Limits = DEFAULT_LIMITS) -> Allowance | None:
        """Count requests to a path over all servers, all or none; None when there is no limit for it."""
        limited = self._limited(path, limits)
        if limited is None:
            return None
        path, item = limited
        if not self._window.test(item, path, caller, cost=cost) or not self._may_ask():
            return self._hit_here(path, item, caller, cost)
        try:
            counted = await self._count_shared(path, item, caller, cost)
        except (StorageError, OSError) as error:
            await self._went_away(error)
            return self._hit_here(path, item, caller, cost)
        self._came_back()
        if counted.allowed:
            self._window.hit(item, path, caller, cost=cost)
        return counted

    def fits_after_s(self, path: str, caller: str, cost: int, limits: Limits = DEFAULT_LIMITS) -> int:
        """Return in how many seconds so many will fit: after a whole window, as others may have counted."""
        limited = self._limited(path, limits)
        return super().fits_after_s(path, caller, cost, limits) if limited is None else limited[1].get_expiry()

    async def left(self, path: str, caller: str, limits: Limits = DEFAULT_LIMITS) -> Allowance | None:
        """Return what is left for a path over all servers, without counting anything; None when there is no limit."""
        limited = self._limited(path, limits)
        if limited is None or not self._may_ask():
            return await super().left(path, caller, limits)
        path, item = limited
        try:
            stats = await self._shared.get_window_stats(item, path, caller)
        except (StorageError, OSError) as error:
            await self._went_away(error)
            return await super().left(path, caller, limits)
        self._came_back()
        return allowance(item, stats, time.time(), allowed=stats.remaining > 0)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.disconnect()

    async def _count_shared(self, path: str, item: RateLimitItem, caller: str, cost: int) -> Allowance:
        allowed = await self._shared.hit(item, path, caller, cost=cost)
        return allowance(item, await self._shared.get_window_stats(item, path, caller), time.time(), allowed=allowed)

    def _may_ask(self) -> bool:
        """Return whether to try Redis; while it is unavailable, only one request at a time probes it."""
        if not self._is_away:
            return True
        if self._now_s() < self._asked_again_at_s:
            return False
        self._asked_again_at_s = self._now_s() + ASKED_AGAIN_AFTER_S
        return True

    async def _went_away(self, error: Exception) -> None:
        if not self._is_away:
            reason = type(error.storage_error if isinstance(error, StorageError) else error).__name__
            log.warning("Redis cannot be asked (%s): rate limits are counted by this server for itself.", reason)
        self._is_away = True
        self._asked_again_at_s = self._now_s() + ASKED_AGAIN_AFTER_S
        await self._pool.disconnect(inuse_connections=False)

    def _came_back(self) -> None:
        if self._is_away:
            self._is_away = False
            log.info("Rate limits are counted over all servers again.")
