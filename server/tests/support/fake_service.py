"""A fake service with the real API that treats each callback as the test decides, so that the truth is known."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web

from src.services.delivery.signing import Signer, new_secret

WHEN = "2026-01-31T09:30:00.{ms:03}Z"


@dataclass
class FakeService:
    """Accepts async requests, and calls back in the order of acceptance. Requests are counted from 0."""

    #: Those that are never called back, called twice, called just before the one ahead of them, signed badly.
    dropped: frozenset[int] = frozenset()
    doubled: frozenset[int] = frozenset()
    hurried: frozenset[int] = frozenset()
    forged: frozenset[int] = frozenset()
    #: Decides the answer to a POST by its number; None: accept it.
    refuse: Callable[[int], web.Response | None] = lambda _number: None
    #: Whether requests can be read.
    tells: bool = True
    secret: str = field(default_factory=new_secret)
    url: str = ""
    accepted: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    posts: int = 0
    _states: dict[str, str] = field(default_factory=dict)
    _waiting: asyncio.Queue[tuple[int, str]] = field(default_factory=asyncio.Queue)

    def ids(self, numbers: frozenset[int]) -> list[str]:
        """The ids of the requests of these numbers."""
        return [self.accepted[number] for number in sorted(numbers)]

    async def post(self, request: web.Request) -> web.Response:
        number, self.posts = self.posts, self.posts + 1
        self.headers.append(dict(request.headers))
        if refused := self.refuse(number):
            return refused
        request_id = str(uuid4())
        self.accepted.append(request_id)
        if request.path == "/api/sync":
            return web.json_response({"request_id": request_id})
        self._states[request_id] = "PENDING"
        self._waiting.put_nowait((len(self.accepted) - 1, (await request.json())["callback_url"]))
        return web.json_response({"request_id": request_id, "queue_position": len(self.accepted)}, status=202)

    async def get(self, request: web.Request) -> web.Response:
        state = self._states.get(request.match_info["id"]) if self.tells else None
        if state is None:
            return web.Response(status=404)
        times = {
            f"{name}_at": WHEN.format(ms=ms) for name, ms in (("created", 0), ("started", 250), ("completed", 300))
        }
        return web.json_response({"status": "COMPLETED", "callback_status": state, **times})

    async def deliver(self) -> None:
        """Send callbacks until cancelled."""
        async with aiohttp.ClientSession() as session:
            held: tuple[int, str] | None = None
            while True:
                number, url = await self._waiting.get()
                if number + 1 in self.hurried:
                    held = number, url
                    continue
                await self._call(session, number, url)
                if held is not None:
                    await self._call(session, *held)
                    held = None

    async def _call(self, session: aiohttp.ClientSession, number: int, url: str) -> None:
        request_id = self.accepted[number]
        if number in self.dropped:
            self._states[request_id] = "SUCCESS"
            return
        body = json.dumps({"request_id": request_id, "queue_position": number + 1}).encode()
        signer = Signer([new_secret() if number in self.forged else self.secret])
        headers = signer.headers(f"msg_{request_id.replace('-', '')}", int(time.time()), body)
        for _ in range(2 if number in self.doubled else 1):
            async with session.post(url, data=body, headers=headers) as answer:
                self._states[request_id] = "SUCCESS" if answer.status == 200 else "FAILED"


@asynccontextmanager
async def faking(service: FakeService) -> AsyncIterator[FakeService]:
    """Serve it on a free port."""
    app = web.Application()
    app.router.add_post("/api/{mode}", service.post)
    app.router.add_get("/api/requests/{id}", service.get)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    delivering = asyncio.create_task(service.deliver())
    try:
        yield service
    finally:
        delivering.cancel()
        await asyncio.wait({delivering})
        await runner.cleanup()


def problem(status: int, detail: str) -> web.Response:
    """An error as the contract describes it."""
    body: dict[str, Any] = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail}
    return web.json_response(body, status=status, content_type="application/problem+json")
