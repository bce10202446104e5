"""Nothing acknowledged is lost, and nothing overtakes: real processes, real signals."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from src.services.delivery.signing_secrets import kept_secret
from tests.support.processes import ServerProcess, server_process
from tests.support.receivers import Receiver
from tests.support.waiting import eventually


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def settings(receivers: Sequence[Receiver], **others: str) -> dict[str, str]:
    origins = ",".join(receiver.origin for receiver in receivers)
    limits_off = {"RATE_LIMIT_ASYNC": "off", "RATE_LIMIT_SYNC": "off"}
    return {"CALLBACK_ALLOWED_ORIGINS": origins, "SIMULATED_MS_PER_TRANSACTION": "0", **limits_off, **others}


async def post_all(server: ServerProcess, urls: Sequence[str], clients: int) -> list[dict[str, Any]]:
    """Post one request for each URL from so many clients; returns the answers."""
    answers: list[dict[str, Any]] = []
    waiting = iter(urls)
    async with httpx.AsyncClient(base_url=server.base_url, timeout=30) as client:

        async def post() -> None:
            for url in waiting:
                body = {"payload": {"num_transactions": 50}, "callback_url": url}
                answer = await client.post("/api/async", json=body)
                assert answer.status_code == 202, answer.text
                answers.append(answer.json())

        await asyncio.gather(*(post() for _ in range(clients)))
    return answers


async def all_requests(server: ServerProcess) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = []
    url: str | None = "/api/requests?limit=200"
    async with httpx.AsyncClient(base_url=server.base_url) as client:
        while url:
            answer = await client.get(url)
            requests += answer.json()["requests"]
            url = answer.links["next"]["url"] if "next" in answer.links else None
    return requests


async def test_five_hundred_requests_from_sixteen_clients_are_delivered_in_order(
    data_dir: Path, database_url: str, receivers: list[Receiver], processes: ExitStack
) -> None:
    server = processes.enter_context(server_process(data_dir, **settings(receivers, DATABASE_URL=database_url)))
    answers = await post_all(server, [receivers[number % 4].url for number in range(500)], clients=16)
    await eventually(lambda: sum(len(receiver.callbacks) for receiver in receivers) >= 500, within_s=60)
    requests = sorted(await all_requests(server), key=lambda request: request["queue_position"])
    webhook = Webhook(kept_secret(data_dir))
    callbacks = [callback for receiver in receivers for callback in receiver.callbacks]

    assert sorted(answer["queue_position"] for answer in answers) == list(range(1, 501))
    assert [request["queue_position"] for request in requests] == list(range(1, 501))
    assert [request["completed_at"] for request in requests] == sorted(r["completed_at"] for r in requests)
    assert sorted(callback.position for callback in callbacks) == list(range(1, 501))
    assert all(receiver.positions == sorted(receiver.positions) for receiver in receivers)
    assert all(webhook.verify(callback.raw, callback.headers) for callback in callbacks)


@pytest.mark.parametrize("killed_while", ["waiting", "generating", "delivering"])
async def test_kill_nine_loses_nothing_that_was_acknowledged(
    data_dir: Path, database_url: str, receivers: list[Receiver], processes: ExitStack, killed_while: str
) -> None:
    """Die with 200 requests acknowledged; after the next start all of them are delivered, in order."""
    database = {"DATABASE_URL": database_url}
    never_ending = {"SIMULATED_MS_PER_TRANSACTION": "1000", "SIMULATED_MAX_SECONDS": "30"}
    others = database | (never_ending if killed_while == "waiting" else {})
    if killed_while == "delivering":
        for receiver in receivers:
            receiver.answer = lambda number, _callback: None if number == 20 else 200
    server = processes.enter_context(server_process(data_dir, **settings(receivers, **others)))
    answers = await post_all(server, [receivers[number % 4].url for number in range(200)], clients=16)
    if killed_while == "delivering":
        await eventually(lambda: all(len(receiver.callbacks) > 20 for receiver in receivers))
    await asyncio.to_thread(server.kill)
    for receiver in receivers:
        receiver.answer = lambda _number, _callback: 200

    processes.enter_context(server_process(data_dir, **settings(receivers, **database)))
    expected = {answer["request_id"] for answer in answers}

    def delivered() -> set[str]:
        return {callback.body["request_id"] for receiver in receivers for callback in receiver.callbacks}

    await eventually(lambda: delivered() >= expected, within_s=60)
    for receiver in receivers:
        first_seen = list(dict.fromkeys(receiver.positions))
        assert first_seen == sorted(first_seen)
        assert len({callback.headers["webhook-id"] for callback in receiver.callbacks}) == len(first_seen)


async def test_sigterm_stops_everything_within_seconds_and_loses_nothing(
    data_dir: Path, receivers: list[Receiver], processes: ExitStack
) -> None:
    for receiver in receivers:
        receiver.answer = lambda _number, _callback: None
    server = processes.enter_context(server_process(data_dir, **settings(receivers)))
    answers = await post_all(server, [receivers[number % 4].url for number in range(40)], clients=4)
    await eventually(lambda: all(receiver.callbacks for receiver in receivers))

    assert await asyncio.to_thread(server.stop) == 0

    for receiver in receivers:
        receiver.answer = lambda _number, _callback: 200
        receiver.callbacks.clear()
    processes.enter_context(server_process(data_dir, **settings(receivers)))
    await eventually(lambda: sum(len(receiver.callbacks) for receiver in receivers) >= len(answers))

    assert sorted(position for receiver in receivers for position in receiver.positions) == list(range(1, 41))
