"""Counts HTTP calls and how long they take."""

import time
from collections.abc import Iterable

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.services.metrics.metrics import HttpMetrics

OTHER = "other"
#: Operations with figures of their own.
_OPERATIONS = {
    ("POST", "/api/sync"): "sync",
    ("POST", "/api/async"): "async",
    ("POST", "/api/batch"): "batch",
    ("GET", "/api/events"): OTHER,  # lasts as long as its client stays, which says nothing of reads
}


class MeasureMiddleware:
    """Measures each call, to the last byte of its answer; what no route answers is `other`.

    Args:
        app: what comes after.
        metrics: where calls are counted.
        routes: those of the application, which name calls by their templates.
    """

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes
        self._known: dict[tuple[str, str], str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = 0

        async def send_measured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_measured)
        finally:
            if status:
                self._count(scope, status, time.perf_counter() - began_s)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        if self._known is None:
            self._known = _operations(self._routes)
        method: str = scope["method"]
        # Who is refused before a route was looked for is counted by the path, where that is a template.
        route: str = scope["route"].path if "route" in scope else scope["path"]
        operation = self._known.get((method, route))
        if operation is None:
            route = method = OTHER
        self._metrics.answered(route, method, status, operation or OTHER, seconds)


def _operations(routes: Iterable[BaseRoute]) -> dict[tuple[str, str], str]:
    """Name what each route answers, and which operation that is."""
    known: dict[tuple[str, str], str] = {}
    for route in routes:
        if isinstance(route, Route):
            for method in route.methods or ():
                is_read = method == "GET" and route.path.startswith("/api/")
                known[method, route.path] = _OPERATIONS.get((method, route.path), "read" if is_read else OTHER)
            if ("GET", route.path) in known:
                known["HEAD", route.path] = known["GET", route.path]
    return known
