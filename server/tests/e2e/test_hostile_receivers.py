"""Receivers that do everything wrong, side by side, against one real server: what comes of each, to the row."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest

from tests.support.canary import Canary, listening
from tests.support.certificates import make_certificates, server_context
from tests.support.hostile_receivers import ATTEMPTS, RETRY_WAIT_S, Hostile, misbehaviours
from tests.support.processes import server_process
from tests.support.receivers import Receiver
from tests.support.waiting import eventually

TIMEOUT_S = 1.5
RECEIVERS_MIN = 30
SETTLED_WITHIN_S = 60.0
WARM_UP_CALLBACKS = 100
MEMORY_MORE_BYTES_MAX = 16 * 1024 * 1024


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    async with listening(Canary()) as canary:
        yield canary


@pytest.fixture
async def hostile(canary: Canary, tmp_path: Path) -> AsyncIterator[list[Hostile]]:
    """Let them all listen, by turns on both loopback addresses: to one address only a few attempts go at a time."""
    tls = server_context(make_certificates(tmp_path))
    async with AsyncExitStack() as stack:
        receivers = misbehaviours(canary.port, tls)
        for number, receiver in enumerate(receivers):
            host, name = (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"))[number % 2]
            port = await stack.enter_async_context(receiver.listen(host))
            receiver.origin = f"{receiver.scheme}://{name}:{port}"
        yield receivers


async def submit(client: httpx.AsyncClient, origin: str, count: int) -> list[str]:
    body = {"payload": {"num_transactions": 1}, "callback_url": f"{origin}/webhook"}
    answers = [await client.post("/api/async", json=body) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {202}
    return [answer.json()["request_id"] for answer in answers]


async def settled(client: httpx.AsyncClient) -> None:
    """Wait until nothing waits and no callback is owed."""

    async def nothing_is_owed() -> bool:
        await asyncio.sleep(0.1)
        owed = await client.get("/api/requests", params={"callback_status": "PENDING", "limit": 1})
        return bool(owed.json()["requests"] == [])

    await eventually(nothing_is_owed, SETTLED_WITHIN_S)


async def what_is_wrong(client: httpx.AsyncClient, hostile: Hostile, request_id: str) -> str | None:
    """Compare report, callback and log with what has to be; returns the difference in words."""
    detail = (await client.get(f"/api/requests/{request_id}")).json()
    answer = (await client.get(f"/api/requests/{request_id}/callback-logs")).json()
    logs = answer["logs"]
    found = (detail["status"], detail["callback_status"], detail["callback_attempts"], answer["total_attempts"])
    expected = ("COMPLETED", hostile.ends_as, len(hostile.rows), len(hostile.rows))
    if found != expected or [(log["status_code"], log["error_code"]) for log in logs] != hostile.rows:
        return f"{hostile.name}: {found}, {[(log['status_code'], log['error_code']) for log in logs]}"
    return None if are_consistent(logs, hostile.retry_wait_s) else f"{hostile.name}: {logs}"


def are_consistent(logs: Sequence[dict[str, Any]], wait_s: float) -> bool:
    """Tell whether the rows count up, say what went wrong, and announce each next attempt, none after the last."""
    *earlier, last = logs
    return (
        [log["attempt_number"] for log in logs] == list(range(1, len(logs) + 1))
        and all(log["success"] == (log["error_code"] is None) == (log["error_message"] is None) for log in logs)
        and not any(log["success"] for log in earlier)
        and all(seconds(log["attempted_at"], log["next_attempt_at"]) >= wait_s for log in earlier)
        and all(seconds(one["next_attempt_at"], two["attempted_at"]) >= 0 for one, two in pairwise(logs))
        and last["next_attempt_at"] is None
    )


def seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


async def test_every_misbehaviour_ends_as_it_should_and_leaves_nothing_behind(
    data_dir: Path,
    database_url: str,
    hostile: list[Hostile],
    receiver: Receiver,
    canary: Canary,
    record_property: Callable[[str, object], None],
) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "CALLBACK_ALLOWED_ORIGINS": ",".join([receiver.origin, *(one.origin for one in hostile)]),
        "CALLBACK_RETRY_DELAYS": ",".join([str(RETRY_WAIT_S)] * (ATTEMPTS - 1)),
        "CALLBACK_TIMEOUT_SECONDS": str(TIMEOUT_S),
        "SIMULATED_MS_PER_TRANSACTION": "0",
        "RATE_LIMIT_ASYNC": "off",
    }
    with server_process(data_dir, **settings) as server:
        process = psutil.Process(server.pid)
        async with httpx.AsyncClient(base_url=server.base_url, timeout=30) as client:
            await submit(client, receiver.origin, WARM_UP_CALLBACKS)
            await settled(client)
            memory_before = process.memory_info().rss
            owed = [
                (one, request_id) for one in hostile for request_id in await submit(client, one.origin, one.callbacks)
            ]
            await settled(client)
            memory_more_bytes = process.memory_info().rss - memory_before

            wrong = [await what_is_wrong(client, one, request_id) for one, request_id in owed]
            await submit(client, receiver.origin, 1)
            await receiver.got(WARM_UP_CALLBACKS + 1)
            health = await client.get("/api/health")
        assert server.stop() == 0

    attempts = sum(len(one.rows) * one.callbacks for one in hostile)
    record_property(
        "figure",
        f"misbehaving receivers: {len(hostile)}, attempts {attempts}, wrong outcomes {len(wrong) - wrong.count(None)}, "
        f"redirects followed {canary.connections}, memory of the server {memory_more_bytes / 1024**2:+.1f} MB",
    )
    assert [words for words in wrong if words] == []
    assert len(hostile) >= RECEIVERS_MIN
    assert canary.connections == 0
    assert health.json()["status"] == "healthy"
    assert memory_more_bytes < MEMORY_MORE_BYTES_MAX
