"""Benchmarks from curl: the real load generator against a real server, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest
from websockets.asyncio.client import connect

from src.routes.wire.benchmarks import BenchmarkAnswer
from tests.support.databases import create_database
from tests.support.processes import ServerProcess, server_process
from tests.support.waiting import eventually

#: More than a minute's limit of either mode.
REQUESTS = 70
ENDS_WITHIN_S = 60
CONTRACT_NAMES = {
    *("mode", "total_requests", "successful", "failed", "avg_latency_ms", "min_latency_ms", "max_latency_ms"),
    *("p50_ms", "p95_ms", "p99_ms"),
}
CALLBACK_NAMES = {
    *("callbacks_received", "callbacks_missing", "callbacks_duplicate", "callbacks_out_of_order"),
    *("avg_callback_ms", "p50_callback_ms", "p95_callback_ms", "p99_callback_ms"),
}


class Benchmark:
    """A server, and a client that asks it for benchmarks."""

    def __init__(self, server: ServerProcess, client: httpx.AsyncClient) -> None:
        self.server = server
        self.client = client

    async def begin(self, mode: str, **order: Any) -> str:
        answer = await self.client.post(f"/api/benchmark/{mode}", params={"wait": "false"}, json=order)
        assert answer.status_code == 202, answer.text
        run_id: str = answer.json()["run_id"]
        assert answer.headers["location"] == answer.json()["status_url"] == f"/api/benchmark/runs/{run_id}"
        return run_id

    async def run(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = (await self.client.get(f"/api/benchmark/runs/{run_id}")).json()
        return run

    async def is_sending(self, run_id: str) -> bool:
        return ((await self.run(run_id))["progress"] or {}).get("phase") == "sending"

    async def history(self) -> list[Any]:
        requests: list[Any] = (await self.client.get("/api/requests")).json()["requests"]
        return requests


@pytest.fixture(scope="module")
def servers(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ServerProcess]]:
    """Start servers when they are first asked for, by how long a row is simulated to take; tests share them."""
    with ExitStack() as stack:

        @cache
        def server(ms_per_row: str) -> ServerProcess:
            settings = {"SIMULATED_MS_PER_TRANSACTION": ms_per_row, "DATABASE_URL": new_database(postgres)}
            return stack.enter_context(server_process(tmp_path_factory.mktemp("data"), **settings))

        yield server


@pytest.fixture
async def benchmark(servers: Callable[[str], ServerProcess]) -> AsyncIterator[Benchmark]:
    """Give a server that is quick."""
    async with asking(await asyncio.to_thread(servers, "0")) as benchmark:
        yield benchmark


@pytest.fixture
async def slow_benchmark(servers: Callable[[str], ServerProcess]) -> AsyncIterator[Benchmark]:
    """Give a server that takes half a second for a report, so that a run can be looked at."""
    async with asking(await asyncio.to_thread(servers, "10")) as benchmark:
        yield benchmark


@asynccontextmanager
async def asking(server: ServerProcess) -> AsyncIterator[Benchmark]:
    async with httpx.AsyncClient(base_url=server.base_url, timeout=ENDS_WITHIN_S) as client:
        yield Benchmark(server, client)
        for run in (await client.get("/api/benchmark/runs")).json()["runs"]:
            await client.delete(f"/api/benchmark/runs/{run['run_id']}")


def new_database(postgres: str) -> str:
    with ThreadPoolExecutor(1) as thread:  # the test's own loop is running in this one
        return thread.submit(asyncio.run, create_database(postgres)).result()


async def test_both_modes_are_measured_and_every_request_is_accounted_for(benchmark: Benchmark) -> None:
    order = {"concurrency": 10, "requests": REQUESTS, "num_transactions": 50}
    answer = await benchmark.client.post("/api/benchmark/both", json=order)
    assert answer.status_code == 200, answer.text
    summary = answer.json()
    sync, asynchronous = summary["sync"], summary["async"]

    assert {"sync", "async", "config", "test_duration_ms"} <= summary.keys()
    assert names(summary) == names(BenchmarkAnswer.model_validate(summary).model_dump(mode="json", by_alias=True))
    assert sync.keys() >= CONTRACT_NAMES
    assert asynchronous.keys() >= CONTRACT_NAMES | CALLBACK_NAMES
    for side in (sync, asynchronous):
        assert (side["total_requests"], side["successful"], side["failed"]) == (REQUESTS, REQUESTS, 0)
        assert 0 < side["min_latency_ms"] <= side["p50_ms"] <= side["p95_ms"] <= side["p99_ms"]
    assert asynchronous["callbacks_received"] == REQUESTS
    account = asynchronous["account"]
    assert account["complete"]
    assert account["by_state"] == {"COMPLETED/SUCCESS": REQUESTS}
    lost = ("missing", "duplicate", "out_of_order", "bad_signatures")
    assert [account[name] for name in lost] == [0, 0, 0, 0]


async def test_what_a_run_sent_is_in_nobodys_history_and_goes_when_it_ends(benchmark: Benchmark) -> None:
    mine = (await benchmark.client.post("/api/sync", json={"num_transactions": 1})).json()["request_id"]
    await benchmark.client.post("/api/benchmark/both", json={"requests": 12, "concurrency": 4})

    assert [request["id"] for request in await benchmark.history()] == [mine]
    reports = benchmark.server.data_dir / "reports"
    await eventually(lambda: [path.stem for path in reports.rglob("*.csv")] == [mine], within_s=10)


async def test_a_run_can_be_watched_and_stopped_and_is_the_only_one(slow_benchmark: Benchmark) -> None:
    benchmark = slow_benchmark
    async with connect(f"ws://127.0.0.1:{benchmark.server.port}/api/ws") as socket:
        run_id = await benchmark.begin("async", requests=500, concurrency=5)
        await eventually(lambda: benchmark.is_sending(run_id), within_s=20)
        second = await benchmark.client.post("/api/benchmark/sync", json={})
        history = await benchmark.history()
        waiting = (await benchmark.client.get("/api/queue")).json()["waiting"]
        deleted = await benchmark.client.delete(f"/api/benchmark/runs/{run_id}")
        stopped = (await benchmark.client.post(f"/api/benchmark/runs/{run_id}/stop")).json()
        told = [event["data"] async for event in _events(socket, "benchmark.progress", until={"STOPPED"})]

    assert second.status_code == 409
    assert history == []
    assert waiting > 0
    assert deleted.status_code == 409
    assert stopped["status"] == "STOPPED"
    assert stopped["summary"]["interrupted"]
    assert {data["run_id"] for data in told} == {run_id}
    assert any(data.get("sent") for data in told)
    assert [run["status"] for run in (await benchmark.client.get("/api/benchmark/runs")).json()["runs"]] == ["STOPPED"]
    # Nothing that nobody waits for any more keeps the queue busy.
    await eventually(lambda: _is_idle(benchmark.client), within_s=10)


async def test_a_run_that_is_stopped_while_it_starts_is_stopped(slow_benchmark: Benchmark) -> None:
    run_id = await slow_benchmark.begin("sync", requests=5_000)
    stopped = (await slow_benchmark.client.post(f"/api/benchmark/runs/{run_id}/stop")).json()

    assert stopped["status"] == "STOPPED"
    assert stopped["summary"] or "stopped" in stopped["failure_reason"]


async def test_runs_are_kept_compared_exported_and_deleted(benchmark: Benchmark) -> None:
    for concurrency in (1, 4):
        await benchmark.client.post("/api/benchmark/sync", json={"requests": 20, "concurrency": concurrency})
    newer, older = (await benchmark.client.get("/api/benchmark/runs")).json()["runs"]
    pair = {"a": older["run_id"], "b": newer["run_id"]}
    comparison = (await benchmark.client.get("/api/benchmark/comparison", params=pair)).json()
    export = f"/api/benchmark/runs/{newer['run_id']}/export"
    as_json = await benchmark.client.get(export)
    as_csv = await benchmark.client.get(export, params={"format": "csv"})
    deleted = await benchmark.client.delete(f"/api/benchmark/runs/{older['run_id']}")

    assert (older["config"]["concurrency"], newer["config"]["concurrency"]) == (1, 4)
    p50 = next(one for one in comparison["measures"] if one["measure"] == "p50_ms")
    assert (p50["a"], p50["b"]) == (older["sync"]["p50_ms"], newer["sync"]["p50_ms"])
    assert p50["change_percent"] == round((p50["b"] - p50["a"]) / p50["a"] * 100, 1)
    assert as_json.json() == (await benchmark.run(newer["run_id"]))["summary"]
    assert f"sync,p50_ms,{p50['b']}" in as_csv.text.splitlines()
    assert "attachment" in as_csv.headers["content-disposition"]
    assert deleted.json() == {"deleted": True, "run_id": older["run_id"]}


async def test_a_server_that_is_told_to_stop_ends_its_run_and_says_so(slow_benchmark: Benchmark) -> None:
    benchmark = slow_benchmark
    order = {"requests": 500, "concurrency": 5}
    waiting = asyncio.create_task(benchmark.client.post("/api/benchmark/async", json=order))
    await eventually(lambda: _is_in_flight(benchmark.client), within_s=20)
    assert await asyncio.to_thread(benchmark.server.stop) == 0
    answer = await waiting
    await asyncio.to_thread(benchmark.server.start)
    [run] = (await benchmark.client.get("/api/benchmark/runs")).json()["runs"]

    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert run["status"] == "FAILED"
    assert answer.json()["detail"] == run["failure_reason"] == "The server stopped before the benchmark was finished."


async def test_the_load_generator_does_not_outlive_a_server_that_is_killed(slow_benchmark: Benchmark) -> None:
    benchmark = slow_benchmark
    run_id = await benchmark.begin("sync", requests=5_000, concurrency=5)
    await eventually(lambda: benchmark.is_sending(run_id), within_s=20)
    children = [child for child in psutil.Process(benchmark.server.pid).children() if "src.loadgen" in child.cmdline()]
    assert len(children) == 1
    assert not any("whsec_" in part for part in children[0].cmdline())
    benchmark.server.kill()

    await eventually(lambda: not _is_alive(children[0]), within_s=20)
    await asyncio.to_thread(benchmark.server.start)
    assert await benchmark.history() == []


def names(value: Any) -> Any:
    """Which names a JSON value has, whatever stands under them."""
    if isinstance(value, dict):
        return {name: names(inner) for name, inner in value.items()}
    return [names(value[0])] if isinstance(value, list) and value else None


async def _is_in_flight(client: httpx.AsyncClient) -> bool:
    runs = (await client.get("/api/benchmark/runs")).json()["runs"]
    return [run["status"] for run in runs] == ["RUNNING"]


async def _is_idle(client: httpx.AsyncClient) -> bool:
    queue = (await client.get("/api/queue")).json()
    return queue["waiting"] == 0 and queue["processing"] is None


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def _events(socket: Any, kind: str, until: set[str]) -> AsyncIterator[dict[str, Any]]:
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            event = json.loads(await socket.recv())
            if event["type"] == kind:
                yield event
                if event["data"].get("status") in until:
                    return
