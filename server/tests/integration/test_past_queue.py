"""`GET /api/queue?at=`: what waited, ran and was paused then is what the times of every row say."""

from datetime import UTC, datetime, timedelta
from itertools import starmap
from random import Random
from typing import Any
from uuid import UUID

import pytest

from src.services.requests.past_queue import SHOWN_MAX
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.service import Service
from tests.support.waiting import eventually

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ROW = """
INSERT INTO requests (id, mode, status, caller, input_payload, result_payload, queue_position, callback_url, receiver,
                      callback_status, created_at, started_at, completed_at, callback_finished_at)
SELECT '{id}', 'async', 'COMPLETED', '192.0.2.1', '{{"num_transactions": 1, "report_name": "x"}}', '{{}}', {number},
       'http://receiver.test/', 'http://receiver.test:80', 'SUCCESS', {times}
"""
PAUSES = """
INSERT INTO ended_pauses (receiver, caller, paused_at, ended_at, reason)
VALUES ('http://receiver.test:80', '', '{begin}', '{end}', 'Nobody was there.')
"""


def moment(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def row(number: int, times: list[datetime]) -> str:
    written = ", ".join(f"'{one.isoformat()}'::timestamptz" for one in times)
    return ROW.format(id=UUID(int=number), number=number, times=written)


async def look_back(service: Service, at: datetime) -> dict[str, Any]:
    answer = await service.client.get("/api/queue", params={"at": at.isoformat()})
    assert answer.status_code == 200, answer.text
    queue: dict[str, Any] = answer.json()
    return queue


async def test_the_queue_of_any_moment_is_what_the_times_of_all_rows_say(service: Service) -> None:
    dice = Random(7)
    lives = {}
    for number in range(1, 201):
        created = number / 4
        started = created + dice.uniform(0, 40)
        completed = started + dice.uniform(0.1, 2)
        lives[number] = [moment(one) for one in (created, started, completed, completed + dice.uniform(0, 20))]
    await run_sql(service.settings.database_url, *starmap(row, lives.items()))

    for at in map(moment, (0.3, 10, 30.5, 49, 60, 120)):
        queue = await look_back(service, at)
        waited = [number for number, (created, started, _, _) in lives.items() if created <= at < started]
        ran = [number for number, (_, started, completed, _) in lives.items() if started <= at < completed]

        assert (queue["waiting"], queue["exact"]) == (len(waited), True)
        assert [one["queue_position"] for one in queue["next"]] == waited[:SHOWN_MAX]
        assert sorted(one["queue_position"] for one in queue["processing"]) == ran
        assert queue["callbacks_owed"] == sum(completed <= at < done for _, _, completed, done in lives.values())


async def test_what_was_cancelled_waits_no_longer_and_owes_what_its_receiver_is_to_be_told(service: Service) -> None:
    await run_sql(
        service.settings.database_url,
        *(row(number, [moment(0), moment(1), moment(2), moment(3)]) for number in (1, 2, 3)),
        "UPDATE requests SET status = 'CANCELLED', result_payload = NULL, started_at = NULL, "
        f"cancelled_at = '{moment(10).isoformat()}'",
        "UPDATE requests SET callback_status = 'PENDING', completed_at = NULL, callback_finished_at = NULL "
        "WHERE queue_position = 1",  # to be told when it is its turn
        f"UPDATE requests SET callback_status = 'CANCELLED', completed_at = '{moment(10).isoformat()}', "
        f"callback_finished_at = '{moment(10).isoformat()}' WHERE queue_position = 2",
        f"UPDATE requests SET callback_status = NULL, callback_url = NULL, receiver = NULL, "
        f"completed_at = '{moment(10).isoformat()}', callback_finished_at = NULL WHERE queue_position = 3",
    )
    seen = [await look_back(service, moment(second)) for second in (9, 11)]

    assert [(queue["waiting"], queue["callbacks_owed"]) for queue in seen] == [(3, 0), (0, 1)]


async def test_what_was_paused_then_is_shown_with_its_reason(service: Service) -> None:
    pause = PAUSES.format(begin=moment(10).isoformat(), end=moment(20).isoformat())
    await run_sql(service.settings.database_url, row(1, [moment(0)] * 4), pause)

    shown = [len((await look_back(service, moment(second)))["paused"]) for second in (9, 10, 19, 20)]

    assert shown == [0, 1, 1, 0]
    assert (await look_back(service, moment(15)))["paused"][0]["reason"] == "Nobody was there."


@pytest.mark.parametrize(
    "at", ["yesterday", "2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00%2B14:00", "2025-12-31T23:59:59Z",
           "9999-12-31T23:59:59Z", "", "2026-01-01T00:00:01Z&at=2026-01-01T00:00:02Z"]
)  # fmt: skip
async def test_a_moment_outside_of_what_is_kept_is_a_422(service: Service, at: str) -> None:
    await run_sql(service.settings.database_url, row(1, [moment(0)] * 4))

    answer = await service.client.get(f"/api/queue?at={at}")

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["at"]
    assert len(await fetch(service.settings.database_url, "SELECT id FROM requests")) == 1


async def test_without_any_request_nothing_is_kept(service: Service) -> None:
    assert (await service.client.get("/api/queue?at=2026-01-01T00:00:00Z")).status_code == 422


async def test_how_much_waits_is_counted_from_the_start_on(service: Service) -> None:
    async def depths() -> dict[str, Any]:
        answer: dict[str, Any] = (await service.client.get("/api/queue/depths")).json()
        return answer

    async def has_counted() -> bool:
        return bool((await depths())["samples"])

    await eventually(has_counted)

    assert (await depths())["every_s"] == 5
    [first, *_] = (await depths())["samples"]
    assert (first["waiting"], first["callbacks_owed"]) == (0, 0)
    assert first["at"] <= (await depths())["at"]
