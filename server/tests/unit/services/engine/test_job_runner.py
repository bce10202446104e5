"""The runner takes jobs in order, one report at a time; what is done is recorded, what is not goes back."""

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from src.errors import DatabaseAway, LeadershipLost
from src.models import Priority, Status
from src.services.engine.job_runner import LAST_ATTEMPT_WAITS_S, PAUSE_AFTER_FAULT_S, TURN_JOBS_MAX, TURN_ROWS_MAX
from src.services.requests.records import OwedReport
from src.services.requests.store import GENERATION_ATTEMPTS_MAX
from tests.support.jobs import job
from tests.support.waiting import eventually
from tests.support.work import Work


def begun(work: Work) -> list[list[int]]:
    """Positions that were begun together."""
    return [positions for name, positions in work.table.done if name == "start"]


def reports_in(folder: Path) -> list[str]:
    """Name the files."""
    return [path.name for path in folder.rglob("*.csv")]


def trouble(work: Work) -> str | None:
    """What the runner says of itself now."""
    return work.runner.trouble


async def test_short_reports_are_begun_together_and_recorded_in_order(tmp_path: Path) -> None:
    work = Work(tmp_path)
    jobs = [job(position) for position in range(1, 21)]
    work.table.accept(*jobs)
    work.queue.put(jobs)
    running = asyncio.create_task(work.runner.run())
    await work.time.settle()

    assert begun(work) == [list(range(1, TURN_JOBS_MAX + 1)), list(range(TURN_JOBS_MAX + 1, 21))]
    assert work.sent == list(range(1, 21))
    work.runner.end()
    await running


async def test_a_report_without_a_callback_is_recorded_and_nobody_is_called(tmp_path: Path) -> None:
    work = Work(tmp_path)
    jobs = [job(1), replace(job(2), callback_url=None, receiver=None), job(3)]
    work.table.accept(*jobs)
    work.queue.put(jobs)
    running = asyncio.create_task(work.runner.run())
    await work.time.settle()

    assert work.table.positions(Status.COMPLETED) == [1, 2, 3]
    assert work.sent == [1, 3]
    work.runner.end()
    await running


@pytest.mark.parametrize(
    ("jobs", "turns"),
    [
        pytest.param([job(1, rows=TURN_ROWS_MAX), job(2)], [[1], [2]], id="too many rows together"),
        pytest.param([job(1), job(2, generation_attempts=1), job(3)], [[1], [2], [3]], id="a suspect works alone"),
        pytest.param([job(1, generation_attempts=1), job(2)], [[1], [2]], id="a suspect at the head"),
        pytest.param([job(1, rows=1_000), job(2, rows=1_000), job(3)], [[1, 2], [3]], id="up to the limit"),
    ],
)
async def test_what_may_be_begun_together(jobs: list[object], turns: list[list[int]], tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.accept(*jobs)  # type: ignore[arg-type]
    work.queue.put(jobs)  # type: ignore[arg-type]
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(1)

    assert begun(work) == turns
    work.runner.end()
    await running


async def test_an_end_gives_back_what_is_not_done_and_records_what_is(tmp_path: Path) -> None:
    work = Work(tmp_path, ms_per_row=1_000)
    jobs = [job(1), job(2, rows=60)]
    work.table.accept(*jobs)
    work.queue.put(jobs)
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(10)
    assert (work.sent, work.runner.busy_with) == ([1], UUID(int=2))
    work.runner.end()
    await running

    assert work.table.positions(Status.PENDING) == [2]
    assert work.table.positions(Status.COMPLETED) == [1]
    assert work.runner.busy_with is None


async def test_while_the_database_is_away_it_waits_says_so_and_does_nothing_twice(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.faults["start"] = work.table.faults["finish"] = [DatabaseAway("away") for _ in range(3)]
    work.table.accept(job(1))
    work.queue.put([job(1)])
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(0.1)
    assert trouble(work) == "away"
    await work.time.pass_by(10)

    assert (work.sent, trouble(work)) == ([1], None)
    work.runner.end()
    await running


async def test_a_fault_of_ours_gives_the_turn_back_and_pauses(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.faults["finish"] = [ValueError()]
    work.table.accept(job(1))
    work.queue.put([job(1)])
    running = asyncio.create_task(work.runner.run())
    await work.time.settle()
    assert work.table.positions(Status.PENDING) == [1]
    work.queue.put([job(1)])
    await work.time.pass_by(PAUSE_AFTER_FAULT_S / 2)
    assert work.sent == []
    await work.time.pass_by(PAUSE_AFTER_FAULT_S)

    assert work.sent == [1]
    work.runner.end()
    await running


async def test_a_request_that_was_deleted_meanwhile_is_not_generated(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.accept(job(1))
    work.queue.put([job(1), job(2)])
    running = asyncio.create_task(work.runner.run())
    await work.time.settle()

    assert work.sent == [1]
    assert reports_in(tmp_path) == [f"{UUID(int=1)}.csv"]
    work.runner.end()
    await running


async def test_lost_leadership_ends_the_run(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.faults["start"] = [LeadershipLost("lost")]
    work.queue.put([job(1)])
    with pytest.raises(LeadershipLost):
        await work.runner.run()

    assert work.sent == []


async def test_before_its_last_attempt_a_suspect_waits(tmp_path: Path) -> None:
    work = Work(tmp_path)
    suspect = job(1, generation_attempts=GENERATION_ATTEMPTS_MAX - 1)
    work.table.accept(suspect)
    work.queue.put([suspect])
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(LAST_ATTEMPT_WAITS_S - 0.1)
    assert begun(work) == []
    await work.time.pass_by(0.2)

    assert work.sent == [1]
    work.runner.end()
    await running


async def test_a_disk_that_refuses_is_waited_for_and_holds_the_queue(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    work = Work(folder)
    jobs = [job(1), job(2)]
    work.table.accept(*jobs)
    work.queue.put(jobs)
    folder.rename(tmp_path / "away")
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(1)
    assert (work.sent, trouble(work)) == ([], "Reports cannot be stored: No such file or directory.")
    (tmp_path / "away").rename(folder)
    await work.time.pass_by(10)

    assert (work.sent, trouble(work)) == ([1, 2], None)
    work.runner.end()
    await running


async def test_a_high_one_that_comes_within_a_turn_begins_next_and_the_rest_goes_back(tmp_path: Path) -> None:
    work = Work(tmp_path)
    jobs = [job(position, priority=Priority.LOW) for position in range(1, 6)]
    high = job(6, priority=Priority.HIGH)
    work.table.accept(*jobs, high)
    work.queue.put(jobs)
    # It comes while the second report of the turn is made.
    work.storage.on_write = {UUID(int=2): lambda: work.queue.put([high])}
    running = asyncio.create_task(work.runner.run())
    await work.time.settle()

    assert work.sent == [1, 2, 6, 3, 4, 5]
    assert ("release", [3, 4, 5]) in work.table.done
    assert {job.generation_attempts for job in work.table.jobs.values()} == {1}
    work.runner.end()
    await running


async def test_a_report_that_is_cancelled_frees_the_worker_at_once(tmp_path: Path) -> None:
    work = Work(tmp_path, ms_per_row=1_000)
    work.table.accept(job(1, rows=3_000), job(2))
    work.queue.put([job(1, rows=3_000), job(2)])
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(10)
    work.table.cancel(1)
    work.runner.cancel([UUID(int=2), UUID(int=1)])
    await work.time.pass_by(1.01)

    assert work.sent == [2]
    assert work.table.positions(Status.CANCELLED) == [1]
    work.runner.end()
    await running


async def test_a_report_that_is_cancelled_before_the_worker_knows_that_it_has_begun_is_not_waited_for(
    tmp_path: Path,
) -> None:
    work = Work(tmp_path, ms_per_row=1_000)
    work.table.accept(job(1, rows=3_000), job(2))
    work.queue.put([job(1, rows=3_000), job(2)])

    def cancel() -> None:
        work.table.cancel(1)
        work.runner.cancel([UUID(int=1)])

    work.table.on_start = cancel
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(1.01)

    assert work.sent == [2]
    work.runner.end()
    await running


async def test_a_cancel_of_another_request_stops_nothing(tmp_path: Path) -> None:
    work = Work(tmp_path, ms_per_row=1_000)
    work.table.accept(job(1), job(2))
    work.queue.put([job(1), job(2)])
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(0.5)
    work.table.cancel(2)
    work.runner.cancel([UUID(int=2)])
    await work.time.pass_by(5)

    assert work.sent == [1]
    work.runner.end()
    await running


async def test_a_large_report_stops_behind_its_next_chunk_and_leaves_no_file(tmp_path: Path) -> None:
    work = Work(tmp_path)
    large, after = job(1, rows=200_000), job(2)
    work.table.accept(large, after)
    work.queue.put([large, after])
    loop = asyncio.get_running_loop()

    def cancel() -> None:
        work.table.cancel(1)
        work.runner.cancel([UUID(int=1)])

    work.storage.on_write = {UUID(int=1): lambda: loop.call_soon_threadsafe(cancel)}
    running = asyncio.create_task(work.runner.run())
    await eventually(lambda: work.sent == [2])

    assert reports_in(tmp_path) == [f"{UUID(int=2)}.csv"]
    assert work.table.positions(Status.CANCELLED) == [1]
    work.runner.end()
    await running


async def test_what_is_cancelled_while_its_turn_is_recorded_is_not_delivered(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.accept(job(1), job(2), job(3))
    work.queue.put([job(1), job(2), job(3)])
    work.storage.on_write = {UUID(int=3): lambda: work.table.cancel(2)}
    running = asyncio.create_task(work.runner.run())
    await work.time.settle()

    assert work.sent == [1, 3]
    work.runner.end()
    await running


async def test_whoever_is_to_be_told_of_a_cancel_is_told_in_its_turn(tmp_path: Path) -> None:
    work = Work(tmp_path, ms_per_row=1_000)
    work.table.accept(*(job(position) for position in range(1, 6)))
    work.queue.put([job(position) for position in range(1, 6)])
    running = asyncio.create_task(work.runner.run())
    await work.time.pass_by(0.5)
    work.table.cancel(1, notify=True)
    work.table.cancel(3, notify=True)
    work.table.cancel(4)
    work.runner.cancel([UUID(int=1)])
    await work.time.pass_by(0.5)
    told_at_first = work.sent
    await work.time.pass_by(10)

    assert told_at_first == [1]
    assert work.sent == [1, 2, 3, 5]
    assert [one.finished.status for one in work.offered if isinstance(one, OwedReport)] == [
        "CANCELLED",
        "COMPLETED",
        "CANCELLED",
        "COMPLETED",
    ]
    work.runner.end()
    await running
