"""Submitting batches, and waiting for them."""

from typing import Any

import httpx

from tests.support.service import Service
from tests.support.waiting import eventually


async def post_batch(
    service: Service, *requests: Any, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """Submit a batch of these requests, whatever comes of it."""
    return await service.client.post("/api/batch", json={"requests": list(requests), **body}, headers=headers)


async def submit_batch(service: Service, *requests: Any, **body: Any) -> dict[str, Any]:
    """Submit a batch; returns the response."""
    answer = await post_batch(service, *requests, **body)
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    return accepted


async def batch_state(service: Service, batch_id: str) -> dict[str, Any]:
    """Read how a batch stands."""
    state: dict[str, Any] = (await service.client.get(f"/api/batches/{batch_id}")).json()
    return state


async def batch_completed(service: Service, batch_id: str) -> dict[str, Any]:
    """Wait until every request of a batch has ended."""

    async def completed() -> bool:
        return (await batch_state(service, batch_id))["completed_at"] is not None

    await eventually(completed, 20)
    return await batch_state(service, batch_id)
