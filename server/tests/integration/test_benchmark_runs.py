"""Benchmark runs as they are kept: one at a time, nobody else passes, bad orders change nothing."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from src.errors import Conflict
from src.models import RunStatus
from src.services.benchmarks.store import RUNS_KEPT_MAX
from src.services.identity.caller import EVERYTHING
from tests.support.service import Service

RunService = Callable[..., AbstractAsyncContextManager[Service]]
SUMMARY: dict[str, Any] = {"sync": None, "async": None, "config": {}, "test_duration_ms": 1.0}
#: Far ahead, so that to the janitor of the running service nothing looks abandoned.
NOW = datetime(2126, 1, 31, 9, 30, tzinfo=UTC)


async def test_a_run_that_was_begun_keeps_others_from_beginning_until_it_ends(service: Service) -> None:
    store, first = service.parts.benchmark_store, uuid4()
    await store.begin(first, "sync", {}, NOW)
    with pytest.raises(Conflict, match="already running"):
        await store.begin(uuid4(), "sync", {}, NOW)
    await store.end(first, RunStatus.COMPLETED, SUMMARY, None, NOW)
    await store.begin(uuid4(), "async", {}, NOW)


async def test_a_run_of_a_process_that_died_is_ended_by_the_next_one(service: Service) -> None:
    store, dead = service.parts.benchmark_store, uuid4()
    await store.begin(dead, "sync", {}, NOW)
    await store.heartbeat(dead, NOW + timedelta(seconds=30))
    with pytest.raises(Conflict):
        await store.begin(uuid4(), "sync", {}, NOW + timedelta(seconds=45))
    await store.begin(uuid4(), "sync", {}, NOW + timedelta(seconds=51))

    ended = await store.get(dead, EVERYTHING)
    assert ended is not None
    assert (ended.status, ended.summary) == ("FAILED", None)
    assert "stopped" in ended.failure_reason


async def test_only_the_newest_runs_are_kept(service: Service) -> None:
    store = service.parts.benchmark_store
    ids = [uuid4() for _ in range(RUNS_KEPT_MAX + 3)]
    for number, run_id in enumerate(ids):
        begun_at = NOW + timedelta(minutes=number)
        await store.begin(run_id, "sync", {}, begun_at)
        await store.end(run_id, RunStatus.COMPLETED, SUMMARY, None, begun_at)

    assert [row.id for row in await store.newest(1_000, EVERYTHING)] == ids[: -RUNS_KEPT_MAX - 1 : -1]


async def test_a_start_that_is_refused_deletes_no_run(service: Service) -> None:
    store = service.parts.benchmark_store
    for number in range(RUNS_KEPT_MAX - 1):
        run_id = uuid4()
        await store.begin(run_id, "sync", {}, NOW + timedelta(seconds=number))
        await store.end(run_id, RunStatus.COMPLETED, SUMMARY, None, NOW)
    last = NOW + timedelta(hours=1)
    await store.begin(uuid4(), "sync", {}, last)
    with pytest.raises(Conflict):
        await store.begin(uuid4(), "sync", {}, last)

    assert len(await store.newest(1_000, EVERYTHING)) == RUNS_KEPT_MAX


async def test_a_made_up_token_passes_no_limit(run_service: RunService) -> None:
    headers = {"X-Benchmark-Token": "guess"}
    async with run_service(rate_limit_sync="1/minute") as service:
        answers = [await service.client.post("/api/sync", json={}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize(
    "body",
    [
        {"concurrency": 0},
        {"concurrency": 101},
        {"concurrency": "5"},
        {"requests": 0},
        {"requests": 5_001},
        {"requests": None},
        {"num_transactions": 1_001},
        {"rate_per_s": 0},
        {"rate_per_s": 2_001},
        {"url": "http://127.0.0.1:1"},
    ],
)
async def test_an_order_beyond_its_bounds_starts_nothing(service: Service, body: dict[str, object]) -> None:
    for mode in ("sync", "async", "both"):
        assert (await service.client.post(f"/api/benchmark/{mode}", json=body)).status_code == 422
    assert (await service.client.get("/api/benchmark/runs")).json() == {"runs": []}


async def test_sync_reports_of_a_run_keep_the_limit_of_sync_reports(run_service: RunService) -> None:
    async with run_service(sync_max_transactions=10) as service:
        answer = await service.client.post("/api/benchmark/both", json={"num_transactions": 11})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/num_transactions"


async def test_what_does_not_exist_is_404(service: Service) -> None:
    for run_id in (str(uuid4()), "nonsense", "%00"):
        url = f"/api/benchmark/runs/{run_id}"
        answers = [
            await service.client.get(url),
            await service.client.delete(url),
            await service.client.post(f"{url}/stop"),
            await service.client.get(f"{url}/export"),
        ]
        assert {answer.status_code for answer in answers} == {404}
    comparison = await service.client.get("/api/benchmark/comparison", params={"a": str(uuid4()), "b": str(uuid4())})
    assert comparison.status_code == 404


async def test_a_run_without_a_result_can_neither_be_exported_nor_compared(service: Service) -> None:
    store, run_id = service.parts.benchmark_store, uuid4()
    await store.begin(run_id, "sync", {}, service.parts.now())
    export = await service.client.get(f"/api/benchmark/runs/{run_id}/export")
    pair = {"a": str(run_id), "b": str(run_id)}
    comparison = await service.client.get("/api/benchmark/comparison", params=pair)
    deleted = await service.client.delete(f"/api/benchmark/runs/{run_id}")

    assert [export.status_code, comparison.status_code, deleted.status_code] == [409, 409, 409]


async def test_without_the_demo_tools_there_are_no_benchmarks(run_service: RunService) -> None:
    async with run_service(demo_tools=False) as service:
        assert (await service.client.post("/api/benchmark/sync", json={})).status_code == 404
        assert "benchmark" not in (await service.client.get("/openapi.json")).text.replace("X-Benchmark", "")
