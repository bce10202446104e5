"""Serves an application of this process on a real socket, as uvicorn does in production."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from src.http_server.protocol import LimitedHttpProtocol, limited_protocol
from tests.support.waiting import eventually


@asynccontextmanager
async def over_http(app: ASGIApp, port: int, protocol: type[LimitedHttpProtocol] | None = None) -> AsyncIterator[None]:
    """Serve an application on 127.0.0.1; the caller runs its lifespan."""
    http = protocol or limited_protocol()
    options: dict[str, Any] = {"http": http, "lifespan": "off"}
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, **options)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # this process is pytest's
    running = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await running
