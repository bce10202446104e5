"""The load generator's HTTP: answers of every kind, kept connections, callbacks and their signatures."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
import pytest

from src.loadgen.callbacks.ledger import Accepted
from src.loadgen.callbacks.receiver import Receivers
from src.loadgen.callbacks.signatures import SignatureCheck
from src.loadgen.errors import CannotRun
from src.loadgen.http.client import HttpClient
from src.loadgen.http.connection import Response
from src.loadgen.load.modes import AsyncMode, SyncMode, check_first
from src.loadgen.options.faults import Fault
from src.loadgen.options.options import parse_options
from src.loadgen.options.target import Target
from src.services.delivery.signing import Signer, new_secret
from tests.support.waiting import eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def answering(
    *answers: bytes, closes: bool = False, clock: Callable[[], float] = time.perf_counter
) -> AsyncIterator[tuple[HttpClient, list[bytes]]]:
    """A server that answers its requests with these bytes, one after the other, and counts its connections."""
    heads: list[bytes] = []
    script = iter(answers)
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(b"connected")
        serving.append(cast("asyncio.Task[None]", asyncio.current_task()))
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while not closes or len(heads) == 1:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(next(script))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = Target("http", "127.0.0.1", server.sockets[0].getsockname()[1], "/prefix")
    client = HttpClient(target, timeout_s=0.5, headers={"X-Trace": "1"}, clock=clock)
    await client.find()
    try:
        yield client, heads
    finally:
        client.abort()
        server.close()
        await asyncio.gather(*serving)


@pytest.mark.parametrize(
    ("sent", "closes", "status", "body", "failure"),
    [
        (OK, False, 200, b"ok", None),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            False,
            200,
            b"ok",
            None,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, 204, b"", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, False, 200, b"ok", None),
        (b"HTTP/1.0 200 OK\r\n\r\nok", True, 200, b"ok", None),
        (b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", True, 503, b"", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", True, 0, b"", "connection"),
        (b"", True, 0, b"", "connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", False, 0, b"", "timeout"),
        (b"SSH-2.0-OpenSSH\r\n", False, 0, b"", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", False, 0, b"", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 5_000_000, False, 0, b"", "bad_answer"),
    ],
)
async def test_every_kind_of_answer_is_a_value(
    sent: bytes, closes: bool, status: int, body: bytes, failure: str | None
) -> None:
    async with answering(sent, closes=closes) as (client, _):
        answer = await client.exchange(client.request("POST", "/api/sync", b"{}"))

    assert (answer.status, answer.body, answer.failure) == (status, body, failure)


async def test_a_connection_is_used_again_unless_it_was_closed() -> None:
    closing = OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
    async with answering(OK, OK, closing, OK) as (client, heads):
        for _ in range(4):
            assert (await client.exchange(client.request("GET", "/x"))).status == 200

    assert heads.count(b"connected") == 2
    assert heads[1].startswith(b"GET /prefix/x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Trace: 1\r\n" in heads[1]


async def test_a_connection_that_was_idle_for_long_is_not_trusted() -> None:
    now_s = time.perf_counter()
    async with answering(OK, OK, clock=lambda: now_s) as (client, heads):
        await client.exchange(client.request("GET", "/x"))
        now_s += 60
        await client.exchange(client.request("GET", "/x"))

    assert heads.count(b"connected") == 2


async def test_who_is_stopped_gets_an_answer_at_once() -> None:
    async with answering(b"", b"") as (client, heads):
        waiting = [asyncio.create_task(client.exchange(client.request("GET", "/x"))) for _ in range(2)]
        await eventually(lambda: len(heads) == 4)
        client.abort()
        answers: Sequence[Response] = await asyncio.gather(*waiting)

    assert {answer.failure for answer in answers} == {"interrupted"}


SECRET = new_secret()


@asynccontextmanager
async def receiving(*faults: Fault, check: bool = False) -> AsyncIterator[Receivers]:
    receivers = Receivers([Fault.PLAIN, *faults], host="127.0.0.1", check=SignatureCheck([SECRET]) if check else None)
    await receivers.start()
    receivers.begin()
    try:
        yield receivers
    finally:
        await receivers.stop()


async def post(url: str, body: bytes = b'{"request_id": "r1", "queue_position": 1}', **headers: str) -> int | None:
    """The status of the answer; None: there was none."""
    timeout = aiohttp.ClientTimeout(total=0.2)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=headers) as answer,
        ):
            return answer.status
    except TimeoutError:
        return None


@pytest.mark.parametrize(
    ("fault", "answers", "received", "doubled"),
    [
        (Fault.PLAIN, [200, 200], 1, 1),
        (Fault.FAIL, [500, 200], 1, 0),
        (Fault.HANG, [None, 200], 1, 0),
        (Fault.REJECT, [410, 410], 1, 0),
        (Fault.DROP, [200, 200], 0, 0),
        (Fault.DOUBLE, [200], 1, 1),
    ],
)
async def test_a_receiver_misbehaves_as_it_was_told(
    fault: Fault, answers: list[int | None], received: int, doubled: int
) -> None:
    async with receiving(*([] if fault is Fault.PLAIN else [fault])) as receivers:
        receivers.ledger.accept(Accepted("r1", 0.0, 0, 1))
        assert [await post(receivers.all[-1].url) for _ in answers] == answers
        matched = receivers.ledger.reconcile()

    assert (len(matched.delivered), len(matched.duplicate)) == (received, doubled)
    assert len({receiver.origin for receiver in receivers.all}) == len(receivers.all)


async def test_what_is_no_callback_is_refused_and_not_counted() -> None:
    async with receiving() as receivers:
        url = receivers.all[0].url
        assert [await post(url, body) for body in (b"", b"{", b"[]", b'{"request_id": 5}')] == [400] * 4
        assert await post(url.replace("/callback/", "/elsewhere/")) == 404
        assert receivers.ledger.arrivals == {}


async def test_only_what_the_service_signed_just_now_is_counted() -> None:
    body, now = b'{"request_id": "r1", "queue_position": 1}', int(time.time())
    good = Signer([SECRET]).headers("msg_1", now, body)
    rotated = Signer([new_secret(), SECRET]).headers("msg_1", now, body)
    forged = Signer([new_secret()]).headers("msg_1", now, body)
    old = Signer([SECRET]).headers("msg_1", now - 3600, body)
    async with receiving(check=True) as receivers:
        url = receivers.all[0].url
        assert [await post(url, body, **headers) for headers in (forged, old, {}, good | {"webhook-id": "x"})] == [
            401
        ] * 4
        assert receivers.ledger.arrivals == {}
        assert await post(url, body, **rotated) == 200
        assert await post(url, body + b" ", **good) == 401
        assert len(receivers.ledger.reconcile().bad_signatures) == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,a,b"),
        ("webhook-signature", "v1,%%%"),
        ("webhook-signature", ""),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "9" * 400),
        ("webhook-timestamp", "0"),
        ("webhook-id", "another"),
    ],
)
def test_a_signature_that_is_none_is_a_bad_one(name: str, value: str) -> None:
    headers = Signer([SECRET]).headers("msg_1", int(time.time()), b"{}")
    check = SignatureCheck([new_secret(), SECRET])

    assert check.is_good(headers, b"{}")
    assert not check.is_good({**headers, name: value}, b"{}")
    assert not check.is_good(headers, b"\xff")
    assert not check.is_good({}, b"{}")


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"])
def test_a_malformed_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(CannotRun) as refused:
        SignatureCheck([secret])

    assert secret not in refused.value.sentence


def test_a_secret_without_a_key_is_refused() -> None:
    with pytest.raises(CannotRun):
        SignatureCheck(["whsec_"])


HTML = Response(200, b"<html>", 0.0)
LIMITED = Response(429, b'{"detail": "30 a minute"}', 0.0)
NOT_ALLOWED = Response(422, b'{"detail": "The callback URL is not allowed."}', 0.0)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (HTML, "does not implement this service's API"),
        (Response(404, b"", 0.0), "does not implement this service's API"),
        (Response(405, b"{}", 0.0), "does not implement this service's API"),
        (LIMITED, "start the server with RATE_LIMIT_ASYNC=off. It says: 30 a minute"),
        (NOT_ALLOWED, "start it with CALLBACK_ALLOWED_ORIGINS=http://127.0.0.1:"),
        (Response(422, b'{"detail": "too many rows"}', 0.0), "answered 422 to the first request: too many rows"),
        (Response(503, b'{"detail": "too\\u001b[31m much"}', 0.0), "answered 503 to the first request: too [31m much"),
        (Response(0, b"", 0.0, "connection", "connection refused"), "cannot be reached: connection refused"),
        (Response(0, b"", 0.0, "timeout", "no response in time"), "did not answer in time (no response"),
        (Response(0, b"", 0.0, "local_resources", "no more files"), "no more files. The server is not to blame"),
    ],
)
async def test_a_server_that_cannot_be_measured_is_explained_in_one_sentence(answer: Response, sentence: str) -> None:
    async with answering() as (client, _), receiving(Fault.FAIL) as receivers:
        side = AsyncMode(client, parse_options([], {}), receivers)
        with pytest.raises(CannotRun) as refused:
            check_first(side, client, answer)

    assert sentence in refused.value.sentence
    assert "\n" not in refused.value.sentence
    if answer is NOT_ALLOWED:
        origins = ",".join(receiver.origin for receiver in receivers.all)
        assert f"CALLBACK_ALLOWED_ORIGINS={origins} " in refused.value.sentence


async def test_the_first_answer_of_this_service_is_taken() -> None:
    async with answering() as (client, _):
        check_first(SyncMode(client, parse_options([], {})), client, Response(200, b'{"request_id": "r1"}', 0.0))
