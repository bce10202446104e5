"""One trace from the POST to the receiver, whichever process does the work; checked by a small OTLP receiver."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from src.services.identity.caller import EVERYTHING
from src.trace_context import TraceContext
from tests.support.databases import run_sql
from tests.support.otlp import OtlpReceiver, ReceivedSpan, otlp_receiver
from tests.support.receivers import Receiver
from tests.support.service import Service, running_service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
CALLERS = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
SERVER, CLIENT = 2, 3


@pytest.fixture
def collector() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as receiver:
        yield receiver


def spans_named(collector: OtlpReceiver, name: str) -> list[ReceivedSpan]:
    return sorted((span for span in collector.spans if span.name == name), key=lambda span: span.begun_ns)


async def test_one_trace_leads_from_the_caller_through_wait_and_generation_to_each_attempt_and_the_receiver(
    run_service: RunService, receiver: Receiver, collector: OtlpReceiver
) -> None:
    receiver.answer = lambda number, _: [503, 200][number]
    async with run_service(
        callback_allowed_origins=(receiver.origin,), otel_exporter_otlp_endpoint=collector.endpoint
    ) as service:
        headers = {"traceparent": CALLERS.header, "tracestate": "vendor=1", "baggage": "user=7"}
        accepted = await service.submit(f"{receiver.url}?token=s3cr3t", headers, num_transactions=3)
        await service.callback_ended(accepted["request_id"])
        logs = await service.logs(accepted["request_id"])

    [post] = spans_named(collector, "POST /api/async")
    [wait], [generate] = spans_named(collector, "wait"), spans_named(collector, "generate")
    attempts = spans_named(collector, "POST")
    assert collector.paths == {"/v1/traces"}
    assert {span.trace_id for span in collector.spans} == {CALLERS.trace_id}
    assert post.parent_id == CALLERS.span_id
    assert {span.parent_id for span in (wait, generate, *attempts)} == {post.span_id}
    assert post.begun_ns <= wait.begun_ns <= wait.ended_ns == generate.begun_ns <= generate.ended_ns
    assert generate.ended_ns <= attempts[0].begun_ns < attempts[0].ended_ns <= attempts[1].begun_ns
    assert (post.kind, attempts[0].kind) == (SERVER, CLIENT)
    assert [span.is_error for span in attempts] == [True, False]
    assert {span.resource["service.name"] for span in collector.spans} == {"financial-report-generator"}

    assert post.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/async",
        "url.path": "/api/async",
        "url.scheme": "http",
        "http.response.status_code": 202,
    }
    assert generate.attributes["frg.report.rows"] == 3
    assert {span.attributes["frg.request.id"] for span in (wait, generate, *attempts)} == {accepted["request_id"]}
    assert attempts[0].attributes["url.full"] == receiver.url
    assert attempts[0].attributes["error.type"] == "503"
    assert attempts[1].attributes["http.response.status_code"] == 200
    assert attempts[1].attributes["http.request.resend_count"] == 1
    assert "s3cr3t" not in str(collector.spans)

    told = [callback.headers["traceparent"] for callback in receiver.callbacks]
    assert told == [f"00-{CALLERS.trace_id}-{span.span_id}-01" for span in attempts]
    assert [log["request"]["headers"]["traceparent"] for log in logs] == told
    assert not {"tracestate", "baggage"} & {name.lower() for name in receiver.callbacks[0].headers}


async def test_a_trace_goes_on_after_a_restart_and_from_one_server_to_another(
    database_url: str, tmp_path: Path, receiver: Receiver, collector: OtlpReceiver
) -> None:
    settings: dict[str, Any] = {
        "callback_allowed_origins": (receiver.origin,),
        "otel_exporter_otlp_endpoint": collector.endpoint,
    }
    receiver.answer = lambda number, _: [503, 200][number]
    async with running_service(database_url, tmp_path / "leads", callback_retry_delays=(3600,), **settings) as leads:
        await eventually(lambda: leads.parts.engine.state().leading)
        async with running_service(database_url, tmp_path / "accepts", **settings) as accepts:
            accepted = await accepts.submit(receiver.url, {"traceparent": CALLERS.header}, num_transactions=1)
            await receiver.got(1)
            await eventually(lambda: _attempts_are(accepts, accepted["request_id"], 1))
    await run_sql(database_url, "UPDATE requests SET callback_next_attempt_at = now()")  # instead of waiting an hour
    async with running_service(database_url, tmp_path / "restarted", **settings) as restarted:
        await restarted.callback_ended(accepted["request_id"])

    [post] = spans_named(collector, "POST /api/async")
    below = [span for span in collector.spans if span.parent_id == post.span_id]
    instances = {span.name: span.resource["service.instance.id"] for span in (post, *below)}
    assert [span.name for span in sorted(below, key=lambda span: span.begun_ns)] == ["wait", "generate", "POST", "POST"]
    assert {span.trace_id for span in (post, *below)} == {CALLERS.trace_id}
    assert instances["POST /api/async"] != instances["generate"] != instances["POST"]
    assert len({span.resource["service.instance.id"] for span in (post, *below)}) == 3


async def _attempts_are(service: Service, request_id: str, number: int) -> bool:
    return len(await service.logs(request_id)) == number


async def test_what_is_malformed_or_not_sampled_is_no_trace_of_ours_but_the_decision_goes_on(
    run_service: RunService, receiver: Receiver, collector: OtlpReceiver
) -> None:
    unsampled = TraceContext(CALLERS.trace_id, CALLERS.span_id, sampled=False)
    async with run_service(
        callback_allowed_origins=(receiver.origin,), otel_exporter_otlp_endpoint=collector.endpoint
    ) as service:
        for header in (unsampled.header, f"00-{'0' * 32}-{CALLERS.span_id}-01", "broken"):
            await service.submit(receiver.url, {"traceparent": header}, num_transactions=1)
        await receiver.got(3)

    first, *others = [TraceContext.parse(callback.headers["traceparent"]) for callback in receiver.callbacks]
    assert first is not None
    assert (first.trace_id, first.sampled) == (CALLERS.trace_id, False)
    assert CALLERS.trace_id not in {span.trace_id for span in collector.spans}
    posts = spans_named(collector, "POST /api/async")
    assert [other and other.trace_id for other in others] == [post.trace_id for post in posts]
    assert {post.parent_id for post in posts} == {""}


async def test_a_sync_report_and_refusals_are_traced_and_reads_are_not(
    run_service: RunService, collector: OtlpReceiver
) -> None:
    async with run_service(otel_exporter_otlp_endpoint=collector.endpoint) as service:
        done = await service.client.post("/api/sync", json={"num_transactions": 1})
        await service.client.post("/api/sync", json={"num_transactions": -1})
        await service.client.post("/nowhere?token=s3cr3t")
        await service.client.get("/api/requests")

    refused_and_done = {
        span.attributes["http.response.status_code"] for span in spans_named(collector, "POST /api/sync")
    }
    [generate], [nowhere] = spans_named(collector, "generate"), spans_named(collector, "POST")
    assert refused_and_done == {200, 422}
    assert generate.attributes["frg.request.id"] == done.json()["request_id"]
    assert (nowhere.attributes["url.path"], nowhere.attributes["http.response.status_code"]) == ("/nowhere", 404)
    assert len(collector.spans) == 4


@pytest.mark.parametrize("status", [None, 503], ids=["away", "refuses"])
async def test_a_collector_that_takes_nothing_holds_nobody_up(
    run_service: RunService, receiver: Receiver, collector: OtlpReceiver, status: int | None
) -> None:
    collector.status = status or 200
    endpoint = collector.endpoint if status else "http://127.0.0.1:1"
    loop = asyncio.get_running_loop()
    async with run_service(
        callback_allowed_origins=(receiver.origin,), otel_exporter_otlp_endpoint=endpoint
    ) as service:
        accepted = await service.submit(receiver.url, num_transactions=1)
        assert (await service.callback_ended(accepted["request_id"]))["callback_status"] == "SUCCESS"
        closing_s = loop.time()
    assert loop.time() - closing_s < 10


async def test_without_the_setting_nothing_is_traced_stored_or_told(service: Service, receiver: Receiver) -> None:
    accepted = await service.submit(receiver.url, {"traceparent": CALLERS.header}, num_transactions=1)
    await service.callback_ended(accepted["request_id"])

    row = await service.parts.reader.get(UUID(accepted["request_id"]), EVERYTHING)
    assert row is not None
    assert row.traceparent is None
    assert "traceparent" not in {name.lower() for name in receiver.callbacks[0].headers}
