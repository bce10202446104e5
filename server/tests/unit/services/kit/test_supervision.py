"""A task that fails is begun again, is seen while it is down, and is told of once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from src.errors import DatabaseAway
from src.services.kit.supervision import Supervisor, TaskState, Work
from tests.support.waiting import eventually

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SETTLED_AFTER_S = 0.05


def supervisor() -> Supervisor:
    return Supervisor(lambda: NOON, sleep=lambda _: asyncio.sleep(0), settled_after_s=SETTLED_AFTER_S)


@asynccontextmanager
async def supervised(tasks: Supervisor, work: Work) -> AsyncIterator[None]:
    running = tasks.start("feed", work)
    await asyncio.sleep(0)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()


class FailsAtFirst:
    """Fails a few times, then runs."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.runs = 0

    async def __call__(self) -> None:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)
        await asyncio.Event().wait()


def only(tasks: Supervisor) -> TaskState:
    [state] = tasks.states()
    return state


async def test_a_task_that_fails_is_down_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    tasks, work = supervisor(), FailsAtFirst(ValueError("hush"), ValueError("hush"), KeyError("hush"))
    with caplog.at_level(logging.INFO, "src"):
        async with supervised(tasks, work):
            await eventually(lambda: work.runs == 4, within_s=2)
            down = only(tasks)
            await eventually(lambda: only(tasks).state == "running", within_s=2)
            up = only(tasks)

    assert (down.state, down.restarts, down.trouble) == ("down", 3, "It failed (KeyError).")
    assert (up.restarts, up.trouble) == (3, None)
    assert [record.message for record in caplog.records] == [
        "The feed failed and will be restarted.",
        "The feed is running again.",
    ]
    assert tasks.states() == []


async def test_a_database_that_is_away_is_a_warning_in_its_own_words(caplog: pytest.LogCaptureFixture) -> None:
    tasks, work = supervisor(), FailsAtFirst(*(DatabaseAway("It is away.") for _ in range(5)))
    async with supervised(tasks, work):
        await eventually(lambda: work.runs == 6, within_s=2)
        trouble = only(tasks).trouble

    assert trouble == "It is away."
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_task_can_be_made_to_fail_and_its_work_is_ended() -> None:
    tasks, ended = supervisor(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with supervised(tasks, work):
        await asyncio.sleep(0)
        tasks.fail("feed", ValueError())
        await ended.wait()
        await eventually(lambda: only(tasks).state == "down", within_s=2)
        await eventually(lambda: only(tasks).state == "running", within_s=2)


async def test_work_that_somebody_else_cancels_is_begun_again() -> None:
    tasks, runs = supervisor(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
        await asyncio.Event().wait()

    async with supervised(tasks, work):
        await eventually(lambda: runs == 2, within_s=2)
        assert only(tasks).trouble == "The task was cancelled by other code."


async def test_work_that_ends_by_itself_is_begun_again_without_trouble() -> None:
    tasks, runs = supervisor(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1

    async with supervised(tasks, work):
        await eventually(lambda: runs > 3, within_s=2)
        assert only(tasks).state == "running"


async def test_cancelling_waits_for_the_end_of_the_work() -> None:
    tasks, steps = supervisor(), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            steps.append("tidied")

    async with supervised(tasks, work):
        await asyncio.sleep(0)
    assert steps == ["tidied"]
