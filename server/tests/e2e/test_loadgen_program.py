"""The load generator as a program: known accounts, exit statuses, interruption, one sentence for what is wrong."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from tests.support.fake_service import FakeService, faking, problem
from tests.support.known_server import Known, known_server
from tests.support.loadgen import Outcome, ended, loadgen, start_loadgen
from tests.support.ports import free_port
from tests.support.processes import server_process
from tests.support.waiting import eventually

WARM_UP = 3
PLAIN = ("--mode", "async", "--warmup", str(WARM_UP), "--concurrency", "4")


@contextmanager
def handed_down_socket() -> Iterator[tuple[str, int]]:
    """A listening socket of the test's own: its origin and its descriptor."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener.fileno()


def numbers(*given: int) -> frozenset[int]:
    """Of measured requests; those of the warm-up come first."""
    return frozenset(WARM_UP + number for number in given)


async def test_the_account_says_exactly_which_callbacks_were_lost_doubled_overtaken_and_forged() -> None:
    service = FakeService(
        dropped=numbers(3, 7), doubled=numbers(11), hurried=numbers(21, 31), forged=numbers(40, 45, 46)
    )
    async with faking(service):
        outcome = await loadgen(service.url, *PLAIN, "--requests", "60", LOADGEN_SIGNING_SECRETS=service.secret)

    side = outcome.summary["async"]
    account = side["account"]
    assert outcome.status == 0
    assert account["complete"]
    assert account["missing_ids"] == service.ids(numbers(3, 7, 40, 45, 46))
    assert account["duplicate_ids"] == service.ids(numbers(11))
    assert account["out_of_order_ids"] == service.ids(numbers(20, 30))
    assert account["bad_signature_ids"] == service.ids(numbers(40, 45, 46))
    assert account["by_state"] == {"COMPLETED/SUCCESS": 57, "COMPLETED/FAILED": 3}
    counted = [account[name] for name in ("accepted", "delivered", "missing", "duplicate", "out_of_order")]
    assert counted == [60, 55, 5, 1, 2]
    assert [side["receivers"][0][name] for name in ("accepted", "received", "missing", "duplicate")] == [60, 55, 5, 1]
    assert side["waiting"]["p50_ms"] == side["waiting"]["max_ms"] == 250
    assert side["generating"]["p99_ms"] == 50
    assert side["callback"]["count"] == 55


async def test_what_the_server_does_not_tell_leaves_the_account_open_and_says_so() -> None:
    service = FakeService(dropped=numbers(2), tells=False)
    async with faking(service):
        outcome = await loadgen(service.url, *PLAIN, "--requests", "10", "--callback-timeout", "1s")

    account = outcome.summary["async"]["account"]
    assert not account["complete"]
    assert account["missing_ids"] == service.ids(numbers(2))
    assert account["by_state"] == {"not read": 10}
    assert account["bad_signatures"] is None
    assert "the state of 1 could not be read" in account["sentence"]


async def test_every_accepted_request_of_the_real_server_is_accounted_for(database_url: str, tmp_path: Path) -> None:
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    settings = {"SIMULATED_MS_PER_TRANSACTION": "0", "RATE_LIMIT_SYNC": "off", "RATE_LIMIT_ASYNC": "off"}
    with handed_down_socket() as (origin, descriptor):
        settings |= {"CALLBACK_ALLOWED_ORIGINS": origin, "CALLBACK_RETRY_DELAYS": "0.1", "DATABASE_URL": database_url}
        with server_process(tmp_path / "data", WEBHOOK_SIGNING_SECRETS=secret, **settings) as server:
            process = start_loadgen(
                server.base_url,
                *("--mode", "both", "--requests", "200", "--receiver-faults", "fail=2%,reject=1%,double=1%"),
                *("--progress", "json", "--json", str(tmp_path / "out.json"), "--html", str(tmp_path / "out.html")),
                descriptors=(descriptor,),
                LOADGEN_RECEIVER_FD=str(descriptor),
                LOADGEN_SIGNING_SECRETS=secret,
            )
            outcome = await ended(process)

    assert outcome.status == 0, outcome.errors
    summary = outcome.summary
    account = summary["async"]["account"]
    assert summary["sync"]["successful"] == summary["async"]["successful"] == 200
    assert [account[name] for name in ("complete", "delivered", "missing", "duplicate", "out_of_order")] == [
        *(True, 200, 0, 2, 0)
    ]
    assert account["bad_signatures"] == 0
    assert account["by_state"] == {"COMPLETED/SUCCESS": 198, "COMPLETED/FAILED": 2}
    assert [one["attempts"] for one in summary["async"]["receivers"]] == [192, 8, 2, 2]
    assert json.loads((tmp_path / "out.json").read_text()) == summary
    assert summary["async"]["callback"]["p50_ms"] > summary["async"]["generating"]["p50_ms"] > 0


async def test_failures_are_counted_by_kind_and_never_enter_a_latency() -> None:
    def refuse(number: int) -> web.Response | None:
        if number >= WARM_UP and number % 4 == 0:
            return problem(503, "too much waits")
        return web.json_response({"no": "id"}) if number >= WARM_UP and number % 4 == 1 else None

    async with faking(FakeService(refuse=refuse)) as service:
        outcome = await loadgen(
            service.url, "--warmup", str(WARM_UP), "--requests", "40", "--fail-if", "failed>40%,p50<1us"
        )

    side = outcome.summary["sync"]
    assert side["failures_by_kind"] == {"status_503": 10, "bad_answer": 10}
    assert (side["total_requests"], side["successful"], side["failed"]) == (40, 20, 20)
    assert sum(count for *_, count in side["latency"]["histogram"]) == 20
    assert [threshold["broken"] for threshold in outcome.summary["thresholds"]] == [True, False]
    assert outcome.status == 1


async def test_a_timeout_is_a_failure_of_its_own_kind() -> None:
    with known_server(Known(slow_every=10, slow_ms=60_000)) as server:
        outcome = await loadgen(server.url, "--requests", "30", "--timeout", "300ms", "--warmup", "1")

    assert outcome.summary["sync"]["failures_by_kind"] == {"timeout": 3}
    assert outcome.summary["sync"]["max_latency_ms"] < 300


async def test_ctrl_c_prints_what_was_measured_until_then() -> None:
    async def interrupted(*load: str) -> Outcome:
        with known_server(Known(latency_ms=10, slow_every=25, slow_ms=60_000)) as server:
            process = start_loadgen(server.url, *load, "--requests", "100000", "--warmup", "1")
            await eventually(lambda: len(server.log()) > 60)
            process.send_signal(signal.SIGINT)
            return await ended(process)

    for outcome in await asyncio.gather(
        interrupted("--concurrency", "4"), interrupted("--rate", "100", "--duration", "60s")
    ):
        assert outcome.status == 130
        assert "Interrupted" in outcome.output
        assert "interrupted" in outcome.output.split("failures", 1)[1]
        assert outcome.errors == ""


async def test_the_end_of_the_parent_is_an_interruption() -> None:
    async with faking(FakeService()) as service:
        ours, theirs = os.pipe()
        process = start_loadgen(
            service.url,
            *(*PLAIN, "--progress", "json", "--rate", "20", "--duration", "60s"),
            descriptors=(ours,),
            LOADGEN_PARENT_FD=str(ours),
        )
        os.close(ours)
        await eventually(lambda: len(service.accepted) > WARM_UP + 10)
        os.close(theirs)
        outcome = await ended(process)

    summary = outcome.summary
    assert outcome.status == 130
    assert summary["interrupted"]
    assert summary["async"]["account"]["complete"]
    assert {line["phase"] for line in outcome.lines[:-1]} >= {"sending"}


async def test_a_socket_that_was_handed_down_receives_the_callbacks_of_every_fault() -> None:
    with handed_down_socket() as (origin, descriptor):
        async with faking(FakeService()) as service:
            process = start_loadgen(
                service.url,
                *(*PLAIN, "--progress", "json", "--requests", "40", "--receiver-faults", "double=10%,drop=10%"),
                descriptors=(descriptor,),
                LOADGEN_RECEIVER_FD=str(descriptor),
                LOADGEN_TOKEN="token-of-the-run",
            )
            outcome = await ended(process)

    receivers = outcome.summary["async"]["receivers"]
    assert [(one["name"], one["accepted"], one["received"], one["duplicate"]) for one in receivers] == [
        ("plain", 32, 32, 0),
        ("double", 4, 4, 4),
        ("drop", 4, 0, 0),
    ]
    assert all(one["url"].startswith(f"{origin}/") for one in receivers)
    assert {headers["X-Benchmark-Token"] for headers in service.headers} == {"token-of-the-run"}


async def test_a_server_that_may_not_call_back_is_explained_in_one_sentence() -> None:
    refused = problem(422, "The callback URL is not allowed")
    async with faking(FakeService(refuse=lambda _: refused)) as service:
        outcome = await loadgen(service.url, "--mode", "async")

    assert outcome.status == 2
    assert [line["type"] for line in outcome.lines] == ["error"]
    assert "start it with CALLBACK_ALLOWED_ORIGINS=http://127.0.0.1:" in outcome.lines[0]["detail"]


async def test_nobody_there_is_said_in_one_sentence() -> None:
    outcome = await ended(start_loadgen(f"http://127.0.0.1:{free_port()}"))

    assert outcome.status == 2
    assert outcome.output == ""
    assert "cannot be reached: connection refused" in outcome.errors
    assert outcome.errors.count("\n") == 1
