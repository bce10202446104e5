"""Rate limits by caller, counted before a body is read; never more than the limit in any window.

slowapi and limits bring the limit's grammar and the moving-window strategy; the storage is ours (`rate_storage.py`).
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from limits import (
    RateLimitItem,
    RateLimitItemPerDay,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
    RateLimitItemPerSecond,
    WindowStats,
    parse,
)
from slowapi import Limiter
from slowapi.util import get_remote_address
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.errors import BatchExceedsRateLimit, RateLimited
from src.routes.http.problems import instance_of, note_refusal, problem
from src.routes.middleware.rate_storage import BoundedMemoryStorage
from src.services.identity.caller import DEFAULT_LIMITS, Caller, Limits

LIMIT_OFF = "off"
#: Limits of accounts that are remembered as they are counted.
RATES_REMEMBERED_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left."""

    allowed: bool
    limit: int
    remaining: int
    #: Until the oldest counted hit leaves the window, seconds, rounded up.
    reset_after_s: int
    #: What the limit is counted in, such as `minute`.
    window: str = ""

    def headers(self, wall_s: float) -> dict[str, str]:
        """The headers of the answer; `X-RateLimit-Reset` is in seconds since 1970, as is usual for this name."""
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(math.ceil(wall_s) + self.reset_after_s),
        }
        return headers if self.allowed else {**headers, "retry-after": str(max(1, self.reset_after_s))}


class RateLimits:
    """The limits of some paths, counted by this server for itself.

    Args:
        limits: `30/minute` or `off`, by path.
        alike: templates of paths, such as `/api/requests/{request_id}/redeliver`, and the path whose limit they share.
        own: by path, which of a caller's own limits goes before.
        now_s: seconds from any starting point, never going back.
    """

    def __init__(
        self,
        limits: Mapping[str, str],
        alike: Mapping[str, str] | None = None,
        own: Mapping[str, Callable[[Limits], str | None]] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._own = own or {}
        [scheme] = BoundedMemoryStorage.STORAGE_SCHEME
        options: dict[str, Any] = {"now_s": now_s}
        # Callers are named by the middleware: no function of slowapi's is asked.
        self._window = Limiter(
            get_remote_address, strategy="moving-window", storage_uri=f"{scheme}://", storage_options=options
        ).limiter
        self._items: dict[str, RateLimitItem | None] = {path: read_rate(text) for path, text in limits.items()}
        # The router's own expressions: what it would route is what is counted.
        self._alike = [(compile_path(template)[0], path) for template, path in (alike or {}).items()]

    async def count(self, path: str, caller: str, cost: int = 1, limits: Limits = DEFAULT_LIMITS) -> Allowance | None:
        """Count requests to a path wherever requests are counted, all or none; None when there is no limit for it."""
        return self.hit(path, caller, cost, limits)

    def hit(self, path: str, caller: str, cost: int = 1, limits: Limits = DEFAULT_LIMITS) -> Allowance | None:
        """Count requests to a path here, all or none; None when there is no limit for it."""
        limited = self._limited(path, limits)
        return None if limited is None else self._hit_here(*limited, caller, cost)

    def fits_after_s(self, path: str, caller: str, cost: int, limits: Limits = DEFAULT_LIMITS) -> int:
        """Return in how many seconds so many requests at once will fit, if no other is counted until then."""
        limited = self._limited(path, limits)
        assert limited is not None  # noqa: S101  else nothing was refused
        item = limited[1]
        storage = self._window.storage
        assert isinstance(storage, BoundedMemoryStorage)  # noqa: S101  chosen above
        times_s = storage.hits(item.key_for(limited[0], caller), item.get_expiry())
        surplus = min(len(times_s) + cost - item.amount, len(times_s))
        return math.ceil(times_s[surplus - 1] + item.get_expiry() - self._now_s()) if surplus > 0 else 1

    async def left(self, path: str, caller: str, limits: Limits = DEFAULT_LIMITS) -> Allowance | None:
        """Return what is left for a path, without counting anything; None when there is no limit for it."""
        limited = self._limited(path, limits)
        if limited is None:
            return None
        path, item = limited
        stats = self._window.get_window_stats(item, path, caller)
        return allowance(item, stats, self._now_s(), allowed=stats.remaining > 0)

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _limited(self, path: str, limits: Limits) -> tuple[str, RateLimitItem] | None:
        """Find the path that a path is counted as, and the limit of a caller there."""
        if path not in self._items:
            shared = next((limited for pattern, limited in self._alike if pattern.match(path)), None)
            if shared is None:
                return None
            path = shared
        own = self._own[path](limits) if path in self._own else None
        item = self._items[path] if own is None else read_rate(own)
        return None if item is None else (path, item)

    def _hit_here(self, path: str, item: RateLimitItem, caller: str, cost: int) -> Allowance:
        allowed = self._window.hit(item, path, caller, cost=cost)
        return allowance(item, self._window.get_window_stats(item, path, caller), self._now_s(), allowed=allowed)


class _CountedOn(RateLimitItem):
    """A limit that goes on counting where another of its caller ended: a changed limit gives nobody a fresh window."""

    def key_for(self, *identifiers: bytes | str | float) -> str:
        """Return the key of the hits, which the amount and the length of the window are no part of."""
        return "/".join([self.namespace, *map(str, identifiers)])


class _PerSecond(_CountedOn, RateLimitItemPerSecond):
    pass


class _PerMinute(_CountedOn, RateLimitItemPerMinute):
    pass


class _PerHour(_CountedOn, RateLimitItemPerHour):
    pass


class _PerDay(_CountedOn, RateLimitItemPerDay):
    pass


_BY_WINDOW = {kind.GRANULARITY.name: kind for kind in (_PerSecond, _PerMinute, _PerHour, _PerDay)}


@lru_cache(RATES_REMEMBERED_MAX)
def read_rate(text: str) -> RateLimitItem | None:
    """Read a limit as the settings write it; None: `off`."""
    if text == LIMIT_OFF:
        return None
    item = parse(text)
    return _BY_WINDOW[item.GRANULARITY.name](item.amount, item.multiples)


def allowance(item: RateLimitItem, stats: WindowStats, now_s: float, *, allowed: bool) -> Allowance:
    """Return the remaining allowance, by the clock of the statistics."""
    reset_after_s = math.ceil(max(0, stats.reset_time - now_s))
    if stats.remaining < 0:  # the limit was lowered: more than the oldest hit has to leave the window first
        reset_after_s = item.get_expiry()
    return Allowance(allowed, item.amount, max(0, stats.remaining), reset_after_s, item.GRANULARITY.name)


class Counted:
    """What was counted of one HTTP call; a batch counts its further entries here.

    Args:
        left: what its caller has left.
        limits: the limits.
        path: the path of the call.
        caller: its caller.
    """

    def __init__(self, left: Allowance, limits: RateLimits, path: str, caller: Caller) -> None:
        self.left = left
        self._limits = limits
        self._path = path
        self._caller = caller

    async def more(self, number: int) -> None:
        """Count so many requests beside this one: all of them or none.

        Raises:
            BatchExceedsRateLimit: they would never fit.
            RateLimited: they do not fit now.
        """
        together = number + 1
        if together > self.left.limit:
            raise BatchExceedsRateLimit(
                f"A batch of {together:,} never fits: you may submit {self.left.limit:,} requests a {self.left.window},"
                " and each entry counts (RATE_LIMIT_ASYNC). Send smaller batches."
            )
        name, own = self._caller.name, self._caller.limits
        left = await self._limits.count(self._path, name, number, own) if number else None
        if left is None:
            return
        if not left.allowed:
            after_s = max(1, self._limits.fits_after_s(self._path, name, together, own))
            raise RateLimited(
                f"You may submit {left.limit:,} requests a {left.window}, each entry of a batch counts, and"
                f" {left.remaining:,} are left; try again in {after_s} s.",
                after_s,
            )
        self.left = left


def counted_of(scope: Scope) -> Counted | None:
    """Return what was counted of a call; None when nothing limits it."""
    counted: Counted | None = scope.get("counted")
    return counted


class RateLimitMiddleware:
    """Counts every POST to a limited path, also one whose body turns out to be invalid.

    Args:
        app: what comes after.
        limits: how often.
    """

    def __init__(self, app: ASGIApp, *, limits: RateLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429, or pass on and tell in the answer's headers what is left."""
        left = await self._count(scope["path"], scope["caller"]) if scope.get("method") == "POST" else None
        if left is None:
            await self._app(scope, receive, send)
            return
        counted = scope["counted"] = Counted(left, self._limits, scope["path"], scope["caller"])
        headers = left.headers(time.time())
        if not left.allowed:
            detail = (
                f"You may do this {left.limit:,} times a {left.window}, counted with every other submission"
                f" of its kind; try again in {headers['retry-after']} s."
            )
            note_refusal(scope, "rate-limited")
            await problem(429, "rate-limited", detail, instance_of(scope), headers=headers)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = headers if counted.left is left else counted.left.headers(time.time())
                added = [(name.encode("ascii"), value.encode("ascii")) for name, value in told.items()]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    async def _count(self, path: str, caller: Caller) -> Allowance | None:
        return await self._limits.count(path, caller.name, 1, caller.limits) if caller.limits.rates else None
