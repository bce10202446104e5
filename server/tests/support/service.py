"""The whole service in this process: real parts, HTTP directly into the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from src.app import create_app
from src.config import Settings
from src.services.outbound.transport import Network
from src.services.parts import Parts
from tests.support.sealed_network import trusted
from tests.support.waiting import eventually

#: What servers on one database have in common.
SECRETS_KEY = "c2VjcmV0cyBvZiB0ZXN0cywgMzIgYnl0ZXMgZWFjaC4="


@dataclass
class Service:
    """A running service."""

    app: FastAPI
    client: httpx.AsyncClient
    parts: Parts
    settings: Settings

    async def submit(self, callback_url: str, headers: dict[str, str] | None = None, **payload: Any) -> dict[str, Any]:
        """Submit an async report; returns the response."""
        body = {"payload": payload, "callback_url": callback_url}
        answer = await self.client.post("/api/async", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    async def detail(self, request_id: str) -> dict[str, Any]:
        """Read everything about a request."""
        detail: dict[str, Any] = (await self.client.get(f"/api/requests/{request_id}")).json()
        return detail

    async def logs(self, request_id: str) -> list[dict[str, Any]]:
        """Read the callback log of a request."""
        logs: list[dict[str, Any]] = (await self.client.get(f"/api/requests/{request_id}/callback-logs")).json()["logs"]
        return logs

    async def count(self) -> int:
        """Count the stored requests (up to 200)."""
        return len((await self.client.get("/api/requests", params={"limit": 200})).json()["requests"])

    async def callback_ended(self, request_id: str, within_s: float = 20) -> dict[str, Any]:
        """Wait until a callback is acknowledged or given up."""

        async def ended() -> bool:
            return (await self.detail(request_id))["callback_status"] in {"SUCCESS", "FAILED"}

        await eventually(ended, within_s)
        return await self.detail(request_id)


@asynccontextmanager
async def running_service(
    database_url: str, data_dir: Path, network: Network | None = None, **settings: Any
) -> AsyncIterator[Service]:
    """Run the service; simulated work and rate limits are off, and retries quick, unless settings say otherwise."""
    chosen = Settings(
        _env_file=None,
        **{
            "database_url": database_url,
            "data_dir": data_dir,
            "simulated_ms_per_transaction": 0,
            "rate_limit_sync": "off",
            "rate_limit_async": "off",
            "callback_retry_delays": (0.02, 0.04, 0.08),
            "secrets_key": (SECRETS_KEY,),
            **settings,
        },
    )
    app = create_app(chosen, network or Network(tls=trusted))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client,
    ):
        yield Service(app, client, app.state.parts, chosen)
