"""PostgreSQL goes away and comes back: clear answers meanwhile, and everything recovers by itself."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.postgres.embedded import EmbeddedPostgres
from tests.support.receivers import Receiver
from tests.support.service import running_service
from tests.support.waiting import eventually


@pytest.fixture
def own_postgres(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    """Give a server that the test may stop."""
    server = EmbeddedPostgres(data_dir)
    yield server
    server.stop()


async def test_without_the_database_every_answer_is_a_503_in_time_and_the_service_recovers(
    own_postgres: EmbeddedPostgres, tmp_path: Path, receiver: Receiver
) -> None:
    url = await asyncio.to_thread(own_postgres.start)
    async with running_service(url, tmp_path / "data", callback_allowed_origins=(receiver.origin,)) as service:
        before = await service.submit(receiver.url)
        await service.callback_ended(before["request_id"])
        await asyncio.to_thread(own_postgres.stop)

        started_s = time.monotonic()
        body = {"payload": {}, "callback_url": receiver.url}
        answers = [
            await service.client.post("/api/async", json=body, headers={"X-Idempotency-Key": "k"}),
            await service.client.post("/api/sync", json={}),
            await service.client.get("/api/requests"),
            await service.client.get(f"/api/requests/{before['request_id']}"),
        ]
        longest_s = time.monotonic() - started_s
        health = await service.client.get("/api/health")

        await asyncio.to_thread(own_postgres.start)

        async def accepts() -> bool:
            answer = await service.client.post("/api/async", json=body, headers={"X-Idempotency-Key": "k"})
            return answer.status_code in {200, 202}

        await eventually(accepts, within_s=5)
        await receiver.got(2, within_s=10)

    assert [answer.status_code for answer in answers] == [503] * 4
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert longest_s < 5
    assert health.status_code == 503
    assert health.json()["database"]["connected"] is False
    assert receiver.positions == [1, 2]
