"""With `LOG_FORMAT=json` each accepted request, finished report and attempt is a line, with the fields documented."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from src.config import SERVER_FOLDER
from src.logs import LineFormatter
from tests.support.receivers import Receiver
from tests.support.service import Service

RunService = Callable[..., AbstractAsyncContextManager[Service]]
EVERY_LINE = {"at", "level", "logger", "message", "call_id", "trace_id"}
FIELDS = {
    "request accepted": {"request_id", "account", "mode", "priority"},
    "report finished": {
        *("request_id", "account", "mode", "status", "waiting_ms", "generating_ms", "rows", "size_bytes"),
    },
    "callback attempt": {
        *("request_id", "account", "attempt", "success", "status_code", "error_code", "response_time_ms"),
        "next_attempt_at",
    },
}


class Lines(logging.Handler):
    """Keeps lines as they would be written."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(LineFormatter(style="json", debug=False))
        self.written: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(json.loads(self.format(record)))

    def of(self, request_id: str) -> list[dict[str, Any]]:
        return [line for line in self.written if line.get("request_id") == request_id]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger("src")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(level)
    logger.removeHandler(handler)


async def test_each_request_leaves_a_line_when_it_is_accepted_finished_and_attempted(
    run_service: RunService, receiver: Receiver, lines: Lines
) -> None:
    receiver.answer = lambda number, _: [500, 200][number]
    async with run_service(log_format="json", callback_allowed_origins=(receiver.origin,)) as service:
        headers = {"X-Request-ID": "call-of-the-test", "X-Idempotency-Key": "k3y"}
        accepted = await service.submit(
            f"{receiver.url}?token=s3cr3t", headers, num_transactions=2, report_name="Secret Plan"
        )
        await service.callback_ended(accepted["request_id"])
        again = await service.client.post(
            "/api/async", json={"payload": {"num_transactions": 2, "report_name": "Other"}}, headers=headers
        )
        sync = (await service.client.post("/api/sync", json={"num_transactions": 1})).json()

    written = lines.of(accepted["request_id"])
    begun, finished, *attempts = written
    assert again.status_code == 422
    assert [line["message"] for line in written] == ["request accepted", "report finished", *["callback attempt"] * 2]
    assert {line["level"] for line in written} == {"INFO"}
    assert [line["call_id"] for line in written] == ["call-of-the-test", None, None, None]
    assert (begun["mode"], begun["priority"], begun["account"]) == ("async", "normal", None)
    assert (finished["status"], finished["rows"]) == ("completed", 2)
    assert [(line["attempt"], line["success"], line["status_code"]) for line in attempts] == [
        (1, False, 500),
        (2, True, 200),
    ]
    assert attempts[0]["next_attempt_at"]
    assert attempts[1]["next_attempt_at"] is None
    assert [line["message"] for line in lines.of(sync["request_id"])] == ["request accepted", "report finished"]
    everything = json.dumps(lines.written)
    assert not any(secret in everything for secret in ("s3cr3t", "k3y", "Secret Plan", receiver.origin))


async def test_every_field_is_documented_and_every_line_has_the_same(
    run_service: RunService, receiver: Receiver, lines: Lines
) -> None:
    async with run_service(log_format="json", callback_allowed_origins=(receiver.origin,)) as service:
        accepted = await service.submit(receiver.url, num_transactions=1)
        await service.callback_ended(accepted["request_id"])

    documented = (SERVER_FOLDER.parent / "docs" / "operations.md").read_text().partition("## Logs")[2]
    assert {line["message"]: set(line) - EVERY_LINE for line in lines.of(accepted["request_id"])} == FIELDS
    assert all(set(line) >= EVERY_LINE for line in lines.written)
    names = EVERY_LINE.union(*FIELDS.values())
    assert [name for name in names if f"`{name}`" not in documented] == []


async def test_requests_stored_together_each_have_the_id_of_their_own_call(
    run_service: RunService, lines: Lines
) -> None:
    async with run_service(log_format="json") as service:
        answers = await asyncio.gather(
            *(
                service.client.post(
                    "/api/async", json={"payload": {"num_transactions": 1}}, headers={"X-Request-ID": f"call-{number}"}
                )
                for number in range(20)
            )
        )

    calls = {line["request_id"]: line["call_id"] for line in lines.written if line["message"] == "request accepted"}
    assert calls == {answer.json()["request_id"]: answer.headers["x-request-id"] for answer in answers}


async def test_the_log_for_people_stays_short(service: Service, receiver: Receiver, lines: Lines) -> None:
    accepted = await service.submit(receiver.url, num_transactions=1)
    await service.callback_ended(accepted["request_id"])

    assert not any(line["message"] in FIELDS for line in lines.written)
    assert all(accepted["request_id"] not in line["message"] for line in lines.written)
