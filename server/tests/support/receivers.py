"""Receivers of callbacks, on free ports of 127.0.0.1: good ones, and ones that misbehave."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.waiting import eventually


@dataclass(frozen=True)
class Callback:
    """One callback as it arrived."""

    arrived_s: float
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.raw)
        return parsed

    @property
    def position(self) -> int:
        position: int = self.body["queue_position"]
        return position


@dataclass
class Receiver:
    """A receiver that records everything, and responds as configured."""

    origin: str = ""
    #: Decides the status of the n-th callback (from 0); None: never answer.
    answer: Callable[[int, Callback], int | None] = lambda _number, _callback: 200
    answer_headers: dict[str, str] = field(default_factory=dict)
    callbacks: list[Callback] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.origin}/webhook"

    @property
    def positions(self) -> list[int]:
        return [callback.position for callback in self.callbacks]

    async def got(self, count: int, within_s: float = 20) -> None:
        """Wait until so many callbacks arrived."""
        await eventually(lambda: len(self.callbacks) >= count, within_s)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        callback = Callback(time.monotonic(), dict(request.headers), await request.read())
        number = len(self.callbacks)
        self.callbacks.append(callback)
        status = self.answer(number, callback)
        if status is None:
            await asyncio.sleep(3600)
        return web.Response(status=status or 200, headers=self.answer_headers, text="seen")


@asynccontextmanager
async def serving(receiver: Receiver) -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port."""
    app = web.Application()
    app.router.add_post("/webhook", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.origin = f"http://127.0.0.1:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
