"""`GET /metrics`: what it says is what stands in the database, and nobody makes it long."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from src.database import connect
from src.services.metrics.exposition import encode
from tests.support.databases import run_sql
from tests.support.over_http import over_http
from tests.support.ports import free_port
from tests.support.receivers import Receiver
from tests.support.service import Service, running_service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
SAMPLES_MAX = 800
REQUESTS = 1_000
TOGETHER = 25


async def samples(service: Service) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await service.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_after_a_thousand_mixed_requests_the_counters_are_what_the_database_says(
    run_service: RunService, receivers: list[Receiver], database_url: str
) -> None:
    dice = random.Random(1)
    receivers[1].answer = lambda number, _callback: 200 if number % 2 else 500
    origins = tuple(receiver.origin for receiver in receivers)
    async with run_service(callback_allowed_origins=origins) as service:
        asked: Counter[str] = Counter()

        async def ask(number: int) -> None:
            kind = dice.choice(["sync", "async", "async", "cancelled", "invalid", "duplicate"])
            asked[kind] += 1
            payload = {"num_transactions": dice.randrange(1, 20)}
            headers = {"X-Idempotency-Key": "the-same"} if kind == "duplicate" else {}
            if kind == "sync":
                await service.client.post("/api/sync", json=payload)
            elif kind == "invalid":
                await service.client.post("/api/async", json={"payload": {"num_transactions": -1}, "callback_url": "x"})
            else:
                payload = {"num_transactions": 1} if headers else payload
                body = {"payload": payload, "callback_url": receivers[0 if headers else number % 2].url}
                accepted = await service.client.post("/api/async", json=body, headers=headers)
                if kind == "cancelled":  # while it waits, or too late
                    await service.client.post(f"/api/requests/{accepted.json()['request_id']}/cancel")

        for begun in range(0, REQUESTS, TOGETHER):
            await asyncio.gather(*(ask(number) for number in range(begun, begun + TOGETHER)))

        async def all_ended() -> bool:
            health = (await service.client.get("/api/health")).json()
            return (health["queue"]["waiting"], health["callbacks"]["due"], health["callbacks"]["retrying"]) == (
                0,
                0,
                0,
            )

        await eventually(all_ended, within_s=60)
        told = await samples(service)
        connection = await connect(database_url)
        rows = await connection.fetch(
            "SELECT mode, lower(status) AS status, count(*) AS number,"
            " coalesce(sum((result_payload->>'file_size_bytes')::int), 0) AS bytes,"
            " coalesce(sum((result_payload->'summary'->>'total_transactions')::int), 0) AS rows"
            " FROM requests GROUP BY 1, 2"
        )
        attempts = await connection.fetch("SELECT status_code, count(*) AS number FROM callback_logs GROUP BY 1")
        await connection.close()

    stored = {(row["mode"], row["status"]): row["number"] for row in rows}
    assert set(stored) == {("sync", "completed"), ("async", "completed"), ("async", "cancelled")}
    for (mode, status), number in stored.items():
        assert told[key("frg_requests_finished_total", mode=mode, status=status)] == number
    for mode in ("sync", "async"):
        accepted = sum(number for (of_mode, _), number in stored.items() if of_mode == mode)
        assert told[key("frg_requests_accepted_total", mode=mode, priority="normal")] == accepted
        assert told[key("frg_generation_seconds_count", mode=mode)] == stored[mode, "completed"]
    assert told[key("frg_report_bytes_total")] == sum(row["bytes"] for row in rows)
    assert told[key("frg_report_rows_total")] == sum(row["rows"] for row in rows)
    assert told[key("frg_requests_refused_total", mode="async", reason="invalid")] == asked["invalid"]
    tried = {row["status_code"]: row["number"] for row in attempts}
    assert told[key("frg_callback_attempts_total", outcome="success")] == tried[200]
    assert told[key("frg_callback_attempts_total", outcome="status_5xx")] == tried[500] > 0
    assert told[key("frg_callback_attempt_seconds_count")] == tried[200] + tried[500]
    assert told[key("frg_time_to_callback_seconds_count")] == tried[200]
    assert told[key("frg_queue_wait_seconds_count")] == stored["async", "completed"]
    assert told[key("frg_http_request_seconds_count", operation="sync")] == asked["sync"]
    assert told[key("frg_http_requests_total", route="/api/sync", method="POST", status="2xx")] == asked["sync"]
    assert told[key("frg_http_request_seconds_count", operation="async")] == REQUESTS - asked["sync"]
    assert (told[key("frg_leader")], told[key("frg_database_up")], told[key("frg_storage_up")]) == (1, 1, 1)
    assert told[key("frg_queue_waiting", priority="normal")] == 0


#: Those of the contract, by the events of one report; each has a sample before anything is scraped twice.
NAMES = {
    *("frg_requests_accepted_total", "frg_requests_refused_total", "frg_requests_finished_total"),
    *("frg_queue_waiting", "frg_queue_oldest_age_seconds", "frg_queue_wait_seconds_count"),
    *("frg_time_to_callback_seconds_count", "frg_generation_seconds_count", "frg_report_rows_total"),
    *("frg_report_bytes_total", "frg_callback_attempts_total", "frg_callback_attempt_seconds_count"),
    *("frg_callbacks_owed", "frg_receivers_paused", "frg_http_requests_total", "frg_http_request_seconds_count"),
    *("frg_event_loop_lag_seconds_count", "frg_db_pool_connections", "frg_workers", "frg_accept_batch_size_count"),
    *("frg_leader", "frg_websockets", "frg_database_up", "frg_storage_up", "frg_build_info"),
    *("frg_storage_errors_total", "frg_task_restarts_total"),
}


async def test_every_metric_is_there_after_one_of_each_event_and_a_restart_begins_at_nothing(
    run_service: RunService, receiver: Receiver, database_url: str
) -> None:
    origins = (receiver.origin,)
    async with run_service(callback_allowed_origins=origins) as service:
        await service.client.post("/api/sync", json={"num_transactions": 1})
        body = {"payload": {"num_transactions": 1}, "callback_url": receiver.url, "priority": "high"}
        accepted = (await service.client.post("/api/async", json=body)).json()
        await service.callback_ended(accepted["request_id"])

        async def both_loops_came_back() -> bool:
            told = await samples(service)
            return all(told[key("frg_event_loop_lag_seconds_count", loop=loop)] for loop in ("server", "worker"))

        await eventually(both_loops_came_back, within_s=5)
        told = await samples(service)
    async with run_service(callback_allowed_origins=origins) as service:
        anew = await samples(service)

    assert {name for name, _ in told} >= NAMES
    assert told[key("frg_requests_accepted_total", mode="async", priority="high")] == 1
    assert {anew[series] for series in anew if series[0] == "frg_requests_accepted_total"} == {0}


async def test_only_one_of_two_servers_tells_what_the_database_says(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    async with (
        running_service(database_url, tmp_path / "a", callback_allowed_origins=(receiver.origin,)) as first,
        running_service(database_url, tmp_path / "b", callback_allowed_origins=(receiver.origin,)) as second,
    ):
        ends = [await server.submit(receiver.url, num_transactions=1) for server in (first, second)]
        for accepted in ends:
            await first.callback_ended(accepted["request_id"])
        told = [await samples(server) for server in (first, second)]

    for name in ("frg_callbacks_owed", "frg_receivers_paused"):
        assert [key(name) in one for one in told].count(True) == 1
    assert sum(one[key("frg_leader")] for one in told) == 1
    for mode_of in ("frg_requests_accepted_total", "frg_requests_finished_total"):
        label = {"priority": "normal"} if "accepted" in mode_of else {"status": "completed"}
        assert sum(one[key(mode_of, mode="async", **label)] for one in told) == 2


async def test_the_callback_of_a_batch_is_owed_once_its_last_request_has_ended(
    run_service: RunService, receiver: Receiver
) -> None:
    """Counted where those of requests are: due, or retrying once an attempt has failed."""
    receiver.answer = lambda _number, _callback: 503
    settings = {"simulated_ms_per_transaction": 1000, "callback_retry_delays": (600.0, 600.0, 600.0)}
    async with run_service(**settings, callback_allowed_origins=(receiver.origin,)) as service:

        async def owed() -> tuple[int, int]:
            callbacks = (await service.client.get("/api/health")).json()["callbacks"]
            return callbacks["due"], callbacks["retrying"]

        async def is_retried() -> bool:
            return await owed() == (0, 1)

        entries = [{"payload": {"num_transactions": 1}}] * 2
        batch = {"requests": entries, "callbacks": "batch", "callback_url": receiver.url}
        await service.client.post("/api/batch", json=batch)
        before = await owed()
        await receiver.got(1)
        await eventually(is_retried)
        scraped = (await samples(service))[key("frg_callbacks_owed")]

    assert (before, scraped) == ((0, 0), 1)


#: The end of each key, and what became of it: only the last two end by themselves and are missed then.
KEYS = """
INSERT INTO api_keys (id, account, name, sha256, scopes, created_at, expires_at, revoked_at, replaced_by)
SELECT id, 'acme', 'ci', sha256(id::bytea), '{read}', now(), now() + ends::interval, now() + revoked::interval,
       successor
FROM (VALUES ('00000001', '-1 day', NULL, NULL), ('00000002', '1 day', '-1 day', NULL),
             ('00000003', '2 days', NULL, '00000005'), ('00000004', NULL, NULL, NULL),
             ('00000005', '30 days', NULL, NULL), ('00000006', '31 days', NULL, NULL)
) AS keys (id, ends, revoked, successor)
"""


async def test_the_key_that_ends_next_is_told_and_nothing_where_none_ends(
    run_service: RunService, database_url: str
) -> None:
    async with run_service() as service:
        without = await samples(service)
        await run_sql(database_url, "INSERT INTO accounts (name, created_at) VALUES ('acme', now())", KEYS)
    async with run_service() as service:

        async def leads() -> bool:
            return (await samples(service))[key("frg_leader")] == 1

        await eventually(leads)
        told = await samples(service)

    assert key("frg_key_expiry_timestamp_seconds") not in without
    in_days = (told[key("frg_key_expiry_timestamp_seconds")] - time.time()) / 86_400
    assert 29.9 < in_days < 30


def filled(template: str) -> str:
    """A path that a template stands for."""
    return template.replace("{", "").replace("}", "")


HOSTILE_CALLS = 10_000
CONNECTIONS = 16
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "X" * 50)
#: Characters that mean something in the format of Prometheus, in URLs or to a terminal.
ODD = ('"', "\\n", "{}", "le=", "%00", "%0A", "\u2028", "é", "日本", "%C3%28", "..", "#", "a" * 300)


def hostile_call(number: int, templates: Sequence[str], dice: random.Random) -> bytes:
    """Write a request whose name, URL, method, path, keys and addresses nobody sent before."""
    odd = f"{dice.choice(ODD)}{number}"
    quoted = quote(odd, safe="%")
    method, path = dice.choice(METHODS), dice.choice([filled(dice.choice(templates)), f"/{quoted}", f"/api/{quoted}"])
    body = b""
    if number % 20 == 0:
        method, path = "POST", dice.choice(["/api/sync", "/api/async"])
        url = dice.choice([f"http://{number}.invalid/{quoted}", f"http://10.0.0.1/{quoted}", odd])
        payload = {"num_transactions": 1, "report_name": odd}
        body = orjson.dumps(payload if path == "/api/sync" else {"payload": payload, "callback_url": url, odd: odd})
    head = (
        f"{method} {path}{dice.choice(['', '?' + quoted])} HTTP/1.1\r\n"
        f"Host: {dice.choice(['localhost', 'localhost', f'{number}.example'])}\r\n"
        f"X-Forwarded-For: 198.51.100.{number}\r\nX-API-Key: key-{number}\r\nX-Idempotency-Key: order-{number}\r\n"
        f"X-Request-ID: call-{number}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def call_again_and_again(port: int, calls: Iterable[bytes]) -> int:
    """Send requests over one connection, and over another one when the server closes it; returns how many."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    for call in calls:
        writer.write(call)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if length and not call.startswith(b"HEAD "):
            await reader.readexactly(int(length))
        answered += 1
        if b"connection: close" in head:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return answered


@pytest.mark.chaos
async def test_whatever_callers_send_there_are_at_most_800_samples(
    service: Service, in_every_run: Callable[[int], int], record_property: Callable[[str, object], None]
) -> None:
    wanted = in_every_run(HOSTILE_CALLS)
    document = (await service.client.get("/openapi.json")).json()
    templates = [path for path in document["paths"] if path != "/api/events"]  # its answer never ends
    for template in templates:  # every operation, in every way that it is answered
        for method in METHODS:
            await service.client.request(method, filled(template), headers={"X-API-Key": "odd"})
    dice = random.Random(2)
    calls = [hostile_call(number, templates, dice) for number in range(wanted)]
    port = free_port()
    async with over_http(service.app, port):
        sent = await asyncio.gather(*(call_again_and_again(port, calls[n::CONNECTIONS]) for n in range(CONNECTIONS)))
    told = await samples(service)
    labels = {(name, value) for _, labels in told for name, value in labels}

    record_property("figure", f"samples of /metrics after {sum(sent):,} hostile calls: {len(told)}")
    assert sum(sent) == wanted
    assert 100 < len(told) <= SAMPLES_MAX
    assert {value for name, value in labels if name == "method"} <= {*METHODS[:3], "DELETE", "other"}
    routes = {getattr(route, "path", "") for route in service.app.router.routes}
    assert {value for name, value in labels if name == "route"} <= routes | {"other"}
    counted = sum(value for (name, _), value in told.items() if name == "frg_http_requests_total")
    assert counted > wanted * 0.8  # what is refused while it is parsed reaches nobody who counts
    assert not any("198.51" in value or "example" in value or "order" in value for _, value in labels)


@dataclass
class Frozen(Collector):
    """Metrics of one moment."""

    metrics: list[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.metrics


async def test_both_formats_are_byte_for_byte_those_of_the_library(service: Service, receiver: Receiver) -> None:
    accepted = await service.submit(receiver.url, num_transactions=1)
    await service.callback_ended(accepted["request_id"])
    await service.client.get(f"/api/requests/{accepted['request_id']}")
    await service.client.get("/metrics")
    moment = Frozen(list(service.parts.last_hour._metrics.registry.collect()))

    assert sum(len(metric.samples) for metric in moment.metrics) > 250
    assert encode(moment.metrics, open_metrics=False) == generate_latest(moment)
    assert encode(moment.metrics, open_metrics=True) == openmetrics_latest(moment)  # type: ignore[no-untyped-call]


async def test_openmetrics_is_spoken_to_who_asks_for_it_and_nothing_is_said_of_creation(service: Service) -> None:
    answer = await service.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    families = list(openmetrics.text_string_to_metric_families(answer.text))  # type: ignore[no-untyped-call]

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert len(families) > 20
    assert "_created" not in answer.text
    assert "_created" not in (await service.client.get("/metrics")).text


async def test_where_a_token_is_set_it_is_asked_for(run_service: RunService) -> None:
    async with run_service(metrics_token="hush") as service:
        missing = await service.client.get("/metrics")
        wrong = await service.client.get("/metrics", headers={"Authorization": "Bearer hus"})
        right = await service.client.get("/metrics", headers={"Authorization": "bearer hush"})

    assert (missing.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert missing.json()["type"].endswith(":key-missing")
    assert missing.headers["www-authenticate"] == 'Bearer realm="financial-report-generator"'
    assert wrong.headers["www-authenticate"].endswith(', error="invalid_token"')
    assert "hush" not in wrong.text
