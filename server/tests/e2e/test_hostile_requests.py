"""What no honest client sends: 4xx or a closed connection, never 5xx, and the server goes on as before."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable

import pytest

from tests.support.databases import create_database, folder_for_postgres
from tests.support.hostile_bodies import GOOD_BODY
from tests.support.hostile_requests import JSON, get, mutations, odd, post, refused
from tests.support.over_http import over_http
from tests.support.ports import free_port
from tests.support.sealed_network import SealedNetwork
from tests.support.service import running_service

SEED = 20260131
MUTATIONS = 600
AT_A_TIME = 32
#: Whoever is not answered by then did not finish a request; that such a connection is closed is another test.
SILENCE_S = 0.5
ANSWER_WITHIN_S = 20.0
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
NORMAL = get(b"/api/health/live")

Tell = Callable[[str, object], None]


@pytest.fixture(scope="module")
async def port(postgres: str) -> AsyncIterator[int]:
    """Serve over a real socket; of callbacks that get accepted nothing leaves the machine."""
    port = free_port()
    with folder_for_postgres() as folder:
        database_url = await create_database(postgres)
        async with (
            running_service(database_url, folder, SealedNetwork().network) as service,
            over_http(service.app, port),
        ):
            yield port


async def exchange(port: int, *requests: bytes, silence_s: float = ANSWER_WITHIN_S) -> list[int]:
    """Send bytes as they are, on one connection; returns the status of every answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = bytearray()
    try:
        writer.writelines(requests)
        while piece := await asyncio.wait_for(reader.read(65_536), ANSWER_WITHIN_S if received else silence_s):
            received += piece
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return [int(status) for status in STATUS.findall(bytes(received))]


async def send_all(port: int, requests: Iterable[bytes]) -> list[list[int]]:
    """Send each on a connection of its own, a few at a time, and after each a normal one that has to be answered."""
    turn = asyncio.Semaphore(AT_A_TIME)

    async def send(request: bytes) -> list[int]:
        async with turn:
            statuses = await exchange(port, request, silence_s=SILENCE_S)
            assert await exchange(port, NORMAL) == [200], request
            return statuses

    return await asyncio.gather(*map(send, requests))


async def test_what_no_honest_client_sends_gets_a_4xx_or_nothing_and_the_server_goes_on(
    port: int, caplog: pytest.LogCaptureFixture, record_property: Tell
) -> None:
    must_be_refused, may_be_taken, mutated = refused(), odd(), list(mutations(SEED, MUTATIONS))
    caplog.set_level(logging.ERROR)
    answers = await send_all(port, must_be_refused.values())
    others = await send_all(port, [*may_be_taken, *mutated])
    seen = Counter(status for statuses in answers + others for status in statuses)

    assert {
        name: statuses
        for name, statuses in zip(must_be_refused, answers, strict=True)
        if not all(400 <= status < 500 for status in statuses)
    } == {}
    assert {status for status in seen if status >= 500} == set()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert 200 in seen
    sent = len(answers) + len(others)
    record_property(
        "figure",
        f"hostile requests: {sent:,}, 5xx: 0, tracebacks: 0, normal requests answered right after: {sent:,}; "
        f"{seen[400]} times 400, {seen[422]} times 422, {seen[404]} times 404",
    )


LIVE = b"GET /api/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
MISSING = LIVE.replace(b"live", b"nothing")
TWO_LENGTHS = b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
BAD_CHUNKS = b"POST /api/sync HTTP/1.1\r\nHost: localhost\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" % JSON


@pytest.mark.parametrize(
    ("requests", "statuses"),
    [
        ([LIVE, MISSING, NORMAL], [200, 404, 200]),
        ([LIVE] * 200 + [NORMAL], [200] * 201),
        # A refusal must not be taken for the answer to a request before it: the connection is closed without it.
        ([LIVE, b"garbage\r\n\r\n", LIVE], [200]),
        ([LIVE, MISSING, TWO_LENGTHS, LIVE], [200, 404]),
        ([LIVE, MISSING, BAD_CHUNKS, LIVE], [200, 404]),
        ([BAD_CHUNKS, LIVE], [400]),
        ([NORMAL, LIVE], [200]),  # it asked for the end of the connection
        # What is more than announced is a request of its own, not one of somebody else's.
        ([post(b"/api/sync", GOOD_BODY).replace(b"Connection: close\r\n", b""), MISSING, NORMAL], [200, 404, 200]),
    ],
    ids=["good", "many", "garbage", "two lengths", "bad chunks", "bad chunks first", "after the end", "after a body"],
)
async def test_pipelined_requests_are_answered_in_order_up_to_the_first_broken_one(
    port: int, requests: list[bytes], statuses: list[int]
) -> None:
    assert await exchange(port, *requests) == statuses
    assert await exchange(port, NORMAL) == [200]
