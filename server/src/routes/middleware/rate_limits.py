"""Rate limits by caller, counted before a body is read; never more than the limit in any window.

slowapi and limits bring the limit's grammar and the moving-window strategy. Their in-memory storage keeps every
key for ever, follows the wall clock and starts a thread for each burst of hits, so the storage is ours.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from limits import RateLimitItem, parse
from limits.storage import MovingWindowSupport, Storage
from slowapi import Limiter
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.addresses import Network
from src.routes.http.callers import caller_of
from src.routes.http.problems import instance_of, problem
from src.services.benchmarks.gate import BenchmarkGate, BenchmarkPass
from src.services.requests.read_slots import reading_caller

LIMIT_OFF = "off"
#: Callers remembered at most; the one that was quiet longest is forgotten first.
CALLERS_MAX = 20_000
BENCHMARK_TOKEN_HEADER = b"x-benchmark-token"
#: What a benchmark's requests are stored under, whatever address they come from.
BENCHMARK_CALLER = "benchmark"


class BoundedMemoryStorage(Storage, MovingWindowSupport):
    """The times of recent hits, for a bounded number of keys, on the monotonic clock. Used on one thread."""

    STORAGE_SCHEME = ["bounded-memory"]  # noqa: RUF012  the base class declares it so

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self.now_s: Callable[[], float] = time.monotonic
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits unless that makes more than `limit` in the last `expiry` seconds."""
        hits = self._recent(key, expiry)
        if len(hits) + amount > limit:
            return False
        hits.extend([self.now_s()] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """Tell when the oldest hit that still counts was made, and how many count."""
        hits = self._recent(key, expiry)
        return (hits[0] if hits else self.now_s()), len(hits)

    def _recent(self, key: str, expiry: int) -> deque[float]:
        hits = self._hits.setdefault(key, deque())
        self._hits.move_to_end(key)
        if len(self._hits) > CALLERS_MAX:
            self._hits.popitem(last=False)
        # A hit counts for the whole closed window: at exactly `expiry` seconds it still does.
        while hits and hits[0] < self.now_s() - expiry:
            hits.popleft()
        return hits

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing here fails."""
        return ValueError

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget every caller; returns how many that were."""
        count = len(self._hits)
        self._hits.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one caller."""
        self._hits.pop(key, None)

    def get(self, key: str) -> int:
        """Count the hits that are remembered for a key."""
        return len(self._hits.get(key, ()))

    def get_expiry(self, key: str) -> float:
        """Tell when the newest hit was made; moving windows do not use it."""
        hits = self._hits.get(key)
        return hits[-1] if hits else self.now_s()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Refuse: fixed windows let twice the limit through around their edges."""
        raise NotImplementedError("only moving windows are supported")


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
    """The limits of some paths.

    Args:
        limits: `30/minute` or `off`, by path.
        alike: templates of paths, such as `/api/requests/{request_id}/redeliver`, and the path whose limit they share.
        now_s: seconds from any starting point, never going back.
    """

    def __init__(
        self,
        limits: Mapping[str, str],
        alike: Mapping[str, str] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        limiter = Limiter(key_func=_unused, strategy="moving-window", storage_uri="bounded-memory://")
        self._storage = cast("BoundedMemoryStorage", limiter.limiter.storage)
        self._storage.now_s = self._now_s = now_s
        self._items: dict[str, RateLimitItem] = {
            path: parse(text) for path, text in limits.items() if text != LIMIT_OFF
        }
        # The router's own expressions: what it would route is what is counted.
        self._alike = [
            (compile_path(template)[0], path) for template, path in (alike or {}).items() if path in self._items
        ]

    def hit(self, path: str, caller: str) -> Allowance | None:
        """Count a request to a path; None when there is no limit for it."""
        item = self._items.get(path)
        if item is None:
            shared = next((limited for pattern, limited in self._alike if pattern.match(path)), None)
            if shared is None:
                return None
            path, item = shared, self._items[shared]
        # What the strategy's `hit` and `get_window_stats` do, but the key is written once.
        window = (item.key_for(path, caller), item.amount, item.get_expiry())
        allowed = self._storage.acquire_entry(*window)
        oldest_s, counted = self._storage.get_moving_window(*window)
        reset_after_s = math.ceil(max(0, oldest_s + item.get_expiry() - self._now_s()))
        return Allowance(allowed, item.amount, max(0, item.amount - counted), reset_after_s, item.GRANULARITY.name)


class RateLimitMiddleware:
    """Counts every POST to a limited path, also one whose body turns out to be invalid; names the caller.

    Args:
        app: what comes after.
        limits: how often.
        trusted_proxies: whose X-Forwarded-For counts.
        benchmarks: lets the load generator pass that this server runs.
    """

    def __init__(
        self, app: ASGIApp, *, limits: RateLimits, trusted_proxies: Sequence[Network], benchmarks: BenchmarkGate
    ) -> None:
        self._app = app
        self._limits = limits
        self._trusted_proxies = trusted_proxies
        self._benchmarks = benchmarks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429, or pass on and tell in the answer's headers what is left."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope["benchmark"] = self._benchmark_of(scope)
        if scope["benchmark"]:
            scope["caller"] = BENCHMARK_CALLER
            reading_caller.set(BENCHMARK_CALLER)
            await self._app(scope, receive, send)
            return
        scope["caller"] = caller_of(scope, self._trusted_proxies)
        reading_caller.set(scope["caller"])
        allowance = self._limits.hit(scope["path"], scope["caller"]) if scope.get("method") == "POST" else None
        if allowance is None:
            await self._app(scope, receive, send)
            return
        headers = allowance.headers(time.time())
        if not allowance.allowed:
            detail = (
                f"You may do this {allowance.limit:,} times a {allowance.window}, counted with every other submission"
                f" of its kind; try again in {headers['retry-after']} s."
            )
            await problem(429, "rate-limited", detail, instance_of(scope), headers=headers)(scope, receive, send)
            return

        added = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _benchmark_of(self, scope: Scope) -> BenchmarkPass | None:
        token = next((value for name, value in scope["headers"] if name == BENCHMARK_TOKEN_HEADER), None)
        return self._benchmarks.check(token) if token else None


def _unused() -> str:
    """Callers are named by the middleware."""
    raise AssertionError
