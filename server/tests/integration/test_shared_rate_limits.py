"""Several servers count rate limits together, in a real Redis; and alone while it is away."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import httpx
import pytest

from src.app import create_app
from src.config import Settings
from src.routes.middleware.shared_rate_limits import ASKED_AGAIN_AFTER_S, TIMEOUT_S, SharedRateLimits
from tests.support.redis_server import RedisServer, redis_server
from tests.support.waiting import eventually

LIMIT = 20
PATH = "/api/sync"
#: How exact the limit is shows while Redis answers, however late on a busy machine.
PATIENT = "?timeout=30&socket_timeout=30&socket_connect_timeout=30"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


class Clock:
    """A monotonic clock that is set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def servers(url: str, clock: Clock | None = None) -> AsyncIterator[tuple[SharedRateLimits, SharedRateLimits]]:
    """The limits of two servers with the same Redis."""
    first, second = (
        SharedRateLimits({PATH: f"{LIMIT}/minute"}, storage_url=url, now_s=clock or time.monotonic) for _ in range(2)
    )
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()


async def passed(limits: SharedRateLimits, times: int, caller: str = "caller") -> int:
    counted = await asyncio.gather(*(limits.count(PATH, caller) for _ in range(times)))
    return sum(allowance is not None and allowance.allowed for allowance in counted)


async def post_without_a_body(url: str, times: int) -> list[httpx.Response]:
    app = create_app(Settings(_env_file=None, rate_limit_sync=f"{LIMIT}/minute", rate_limit_storage_url=url))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return [await client.post(PATH) for _ in range(times)]


async def test_two_servers_let_exactly_the_limit_pass_together(redis: RedisServer) -> None:
    answers = await post_without_a_body(redis.url + PATIENT, 12) + await post_without_a_body(redis.url + PATIENT, 12)

    assert [answer.status_code for answer in answers] == [415] * LIMIT + [429] * 4
    left = [answer.headers["x-ratelimit-remaining"] for answer in answers]
    assert left == [str(max(0, LIMIT - 1 - number)) for number in range(24)]
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in answers[LIMIT:])
    assert all(59 <= int(answer.headers["x-ratelimit-reset"]) - time.time() <= 61 for answer in answers)


async def test_however_many_come_at_once_to_either_the_limit_is_exact_and_callers_are_apart(redis: RedisServer) -> None:
    async with servers(redis.url + PATIENT) as (first, second):
        counts = await asyncio.gather(*(passed(limits, 50) for limits in (first, second)))
        other = await passed(second, 50, "other")

    assert sum(counts) == LIMIT
    assert other == LIMIT


async def test_a_refused_request_does_not_lengthen_the_wait_of_any_server(redis: RedisServer) -> None:
    async with servers(redis.url + PATIENT) as (first, second):
        await passed(first, LIMIT)
        before = await second.count(PATH, "caller")
        await passed(second, 30)
        after = await second.count(PATH, "caller")

    assert before is not None
    assert after is not None
    assert after.reset_after_s <= before.reset_after_s


async def test_while_redis_is_away_each_server_lets_what_it_counted_and_no_more_pass_and_then_they_are_one_again(
    redis: RedisServer,
) -> None:
    clock = Clock()
    async with servers(redis.url, clock) as (first, second):
        together = [await passed(first, 4), await passed(second, 3)]
        redis.kill()
        alone = [await passed(first, 50), await passed(second, 50)]
        assert together == [4, 3]
        assert alone == [LIMIT - 4, LIMIT - 3]

        redis.start()  # with nothing in it
        clock.now_s += ASKED_AGAIN_AFTER_S
        assert [await passed(first, 50), await passed(second, 50)] == [0, 0]
        # The first request finds Redis again, for all that follow.
        assert [await passed(limits, 1, "other") for limits in (first, second)] == [1, 1]
        assert await passed(first, 12, "other") == 12
        assert await passed(second, 12, "other") == LIMIT - 14
        assert len(redis.keys()) == 1


async def test_a_server_that_started_while_redis_was_away_counts_for_itself(redis: RedisServer) -> None:
    redis.kill()
    answers = await post_without_a_body(redis.url, LIMIT + 2)

    assert [answer.status_code for answer in answers] == [415] * LIMIT + [429] * 2


async def test_a_redis_that_takes_connections_and_says_nothing_costs_one_short_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        clock = Clock()
        async with servers(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", clock) as (limits, _):
            started_s = time.monotonic()
            assert await passed(limits, 1) == 1
            assert time.monotonic() - started_s < 4 * TIMEOUT_S
            started_s = time.monotonic()
            for _ in range(100):
                await limits.count(PATH, "somebody else")
            assert time.monotonic() - started_s < TIMEOUT_S

    assert [record.getMessage() for record in caplog.records] == [
        "Redis cannot be asked (TimeoutError): rate limits are counted by this server for itself."
    ]


async def test_the_event_loop_goes_on_while_redis_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        async with servers(f"redis://127.0.0.1:{silent.getsockname()[1]}/0") as (limits, _):
            asked = asyncio.create_task(limits.count(PATH, "caller"))
            turns = 0
            while not asked.done():
                await asyncio.sleep(0)
                turns += 1

    assert turns > 100


async def test_a_redis_that_refuses_is_like_one_that_is_away(redis: RedisServer, tmp_path: Path) -> None:
    async with servers(redis.url.replace("redis://", "redis://:wrong@")) as (first, _):
        assert await passed(first, 50) == LIMIT


async def test_it_is_noticed_that_redis_came_back(redis: RedisServer) -> None:
    async with servers(redis.url) as (first, second):
        redis.kill()
        await passed(first, 1)
        await passed(second, 1)
        redis.start()

        callers = count()

        async def is_counted_there() -> bool:
            caller = f"caller {next(callers)}"
            await first.count(PATH, caller)
            left = await second.count(PATH, caller)
            return left is not None and left.remaining == LIMIT - 2

        await eventually(is_counted_there, ASKED_AGAIN_AFTER_S * 3)


@pytest.mark.parametrize("url", ["http://x", "redis://", "redis://h:70000", "memcached://h", "redis", "redis://h:0/1"])
def test_another_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="write redis://host:port/number") as refused:
        Settings(_env_file=None, rate_limit_storage_url=url)
    assert f"'{url}'" not in str(refused.value)
