"""`Prefer: wait=N`: one call instead of asking again and again."""

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.receivers import Receiver
from tests.support.service import Service, running_service
from tests.support.waiting import eventually

WAIT = {"prefer": "wait=20"}
#: For tests in which no report ends by itself.
SLOW: dict[str, Any] = {"simulated_ms_per_transaction": 1_000, "simulated_max_seconds": 60}
ROWS = 60


async def post(service: Service, receiver: Receiver, headers: dict[str, str], **payload: Any) -> httpx.Response:
    body = {"payload": payload, "callback_url": receiver.url}
    return await service.client.post("/api/async", json=body, headers=headers)


async def test_the_result_comes_with_the_answer_and_the_callback_all_the_same(
    service: Service, receiver: Receiver
) -> None:
    answer = await post(service, receiver, WAIT)
    result = answer.json()
    ended = await service.callback_ended(result["request_id"])

    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.headers["location"] == f"/api/requests/{result['request_id']}"
    assert (result["mode"], result["status"]) == ("async", "completed")
    assert result == (await service.detail(result["request_id"]))["result_payload"]
    assert ended["callback_status"] == "SUCCESS"


async def test_without_the_header_nothing_waits_and_nothing_is_said(service: Service, receiver: Receiver) -> None:
    for headers in ({}, {"prefer": "wait=soon"}, {"prefer": "respond-async"}):
        answer = await post(service, receiver, headers)

        assert answer.status_code == 202
        assert "preference-applied" not in answer.headers


async def test_a_repeat_under_the_key_waits_as_well_and_answers_as_a_duplicate(
    service: Service, receiver: Receiver
) -> None:
    key = {"idempotency-key": str(uuid4())}
    first = await post(service, receiver, key)
    repeat = await post(service, receiver, {**key, **WAIT})

    assert (first.status_code, repeat.status_code) == (202, 200)
    assert repeat.headers["preference-applied"] == "wait=20"
    assert repeat.json()["status"] == "duplicate"
    assert repeat.json()["original_result"]["request_id"] == first.json()["request_id"]


async def test_a_long_poll_answers_when_the_report_has_ended(service: Service, receiver: Receiver) -> None:
    accepted = await service.submit(receiver.url)
    answer = await service.client.get(f"/api/requests/{accepted['request_id']}", headers=WAIT)

    assert answer.json()["status"] == "COMPLETED"
    assert answer.headers["preference-applied"] == "wait=20"


async def test_what_does_not_end_in_time_is_answered_as_it_is(
    database_url: str, data_dir: Path, receiver: Receiver
) -> None:
    async with running_service(
        database_url, data_dir, callback_allowed_origins=[receiver.origin], prefer_wait_max_seconds=1, **SLOW
    ) as service:
        posted = await post(service, receiver, WAIT, num_transactions=ROWS)
        polled = await service.client.get(posted.headers["location"], headers=WAIT)

        assert (posted.status_code, posted.headers["preference-applied"]) == (202, "wait=1")
        assert (polled.status_code, polled.headers["preference-applied"]) == (200, "wait=1")
        assert polled.json()["status"] in {"PENDING", "PROCESSING"}
        assert service.parts.completions.places_taken == 0


@pytest.fixture
async def slow(database_url: str, data_dir: Path, receiver: Receiver) -> Any:
    """A service whose reports do not end while a test runs, and in which two calls of one caller may wait."""
    async with running_service(
        database_url, data_dir, callback_allowed_origins=[receiver.origin], max_waiters_per_caller=2, **SLOW
    ) as service:
        yield service


async def test_those_beyond_the_limit_are_answered_at_once(slow: Service, receiver: Receiver) -> None:
    await post(slow, receiver, {}, num_transactions=ROWS)
    waiting = [asyncio.create_task(post(slow, receiver, WAIT, num_transactions=ROWS)) for _ in range(2)]
    await eventually(lambda: slow.parts.completions.waited_for == 2)
    third = await post(slow, receiver, WAIT, num_transactions=ROWS)
    polled = await slow.client.get(third.headers["location"], headers=WAIT)

    assert third.status_code == 202
    assert polled.status_code == 200
    assert "preference-applied" not in {*third.headers, *polled.headers}
    await slow.parts.before_stop()
    assert [(await one).status_code for one in waiting] == [202, 202]
    assert slow.parts.completions.places_taken == 0


async def test_a_long_poll_for_a_request_that_is_deleted_ends_with_404(slow: Service, receiver: Receiver) -> None:
    await post(slow, receiver, {}, num_transactions=ROWS)
    waits = (await post(slow, receiver, {}, num_transactions=ROWS)).headers["location"]
    polling = asyncio.create_task(slow.client.get(waits, headers=WAIT))
    await eventually(lambda: slow.parts.completions.waited_for == 1)
    await slow.client.delete(waits)

    assert (await polling).status_code == 404
    assert slow.parts.completions.places_taken == 0


async def test_a_client_that_leaves_frees_its_place_at_once_and_changes_nothing(
    slow: Service, receiver: Receiver
) -> None:
    await post(slow, receiver, {}, num_transactions=ROWS)
    location = (await post(slow, receiver, {}, num_transactions=ROWS)).headers["location"]
    leaves = asyncio.Event()
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop()
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(_message: MutableMapping[str, Any]) -> None:
        """Nobody is there to take it."""

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": location,
        "raw_path": location.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"prefer", b"wait=20")],
        "client": ("192.0.2.1", 1),
        "server": ("localhost", 80),
        "state": {},
    }
    call = asyncio.create_task(slow.app(scope, receive, send))
    await eventually(lambda: slow.parts.completions.waited_for == 1)
    leaves.set()
    await call

    assert (slow.parts.completions.places_taken, slow.parts.completions.waited_for) == (0, 0)
    assert (await slow.client.get(location)).json()["status"] == "PENDING"
