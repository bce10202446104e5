"""The queue hands out by the cycle, in order within a priority, and takes back what was not begun."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from src.models import Priority
from src.services.engine.job_queue import JobQueue
from src.services.engine.priority_cycle import ORDER, PriorityCycle
from src.services.requests.records import Job
from tests.support.jobs import job

HIGH, NORMAL, LOW = ORDER
CYCLE = PriorityCycle.of((8, 3, 1))


def begun(queue: JobQueue, together: int = 16) -> list[Job]:
    """Begin one turn; what is overtaken goes back."""
    turn = queue.take_turn(lambda taken, _job: len(taken) < together)
    for number in range(len(turn)):
        if not queue.begin(turn[number:]):
            queue.put_back(turn[number:])
            return turn[:number]
    return turn


def test_shares_over_twelve_thousand_starts_are_exact() -> None:
    queue, shares = JobQueue(8_012, CYCLE), {HIGH: 8_000, NORMAL: 3_000, LOW: 1_000}
    # A round more than is begun, so that all wait to the end.
    queue.put([job(n, priority=each) for each, share in shares.items() for n in range(share + 12)])
    starts: Counter[Priority] = Counter()
    while starts.total() < 12_000:
        starts.update(one.priority for one in begun(queue, 12))

    assert all(abs(starts[each] - share) <= 1 for each, share in shares.items())


def test_behind_ten_thousand_low_ones_a_high_one_begins_next_even_within_a_turn() -> None:
    queue = JobQueue(10_000, CYCLE)
    queue.put([job(position, priority=LOW) for position in range(1, 10_001)])
    turn = queue.take_turn(lambda taken, _job: len(taken) < 16)
    assert queue.begin(turn)
    queue.put([job(10_001, priority=HIGH)])

    assert not queue.begin(turn[1:])
    queue.put_back(turn[1:])
    assert [one.queue_position for one in begun(queue, 3)] == [10_001, 2, 3]


@given(script=st.lists(st.one_of(st.sampled_from(ORDER), st.integers(1, 16)), min_size=1, max_size=60))
def test_every_start_is_the_one_of_the_cycle_and_the_first_of_its_priority(script: Sequence[Priority | int]) -> None:
    """Jobs come between turns and within them; a model begins them one by one."""
    queue, at, position = JobQueue(60, CYCLE), 0, 0
    waiting: dict[Priority, list[int]] = {each: [] for each in ORDER}
    turn: list[Job] = []
    for step in script:
        if isinstance(step, Priority):
            position += 1
            waiting[step].append(position)
            queue.put([job(position, priority=step)])
        elif not turn:
            turn = queue.take_turn(lambda taken, _job, most=step: len(taken) < most)  # type: ignore[misc]
        elif queue.begin(turn):
            chosen, at = CYCLE.next({each for each in ORDER if waiting[each]}, at)
            first = turn.pop(0)
            assert (first.priority, first.queue_position) == (chosen, waiting[chosen].pop(0))
        else:
            queue.put_back(turn)
            turn = []


def test_what_is_cleared_is_gone_and_the_cycle_begins_anew() -> None:
    queue = JobQueue(10, CYCLE)
    queue.put([job(1), job(2), job(3, priority=LOW)])
    assert len(begun(queue, 2)) == 2
    queue.clear()

    assert not any(map(queue.has, Priority))
    queue.put([job(4, priority=HIGH), job(5)])
    assert [one.queue_position for one in begun(queue)] == [4, 5]


def test_many_of_one_priority_keep_no_room_from_another() -> None:
    queue = JobQueue(3, CYCLE)
    queue.put([job(position, priority=LOW) for position in range(1, 4)])

    assert queue.room == {HIGH: 3, NORMAL: 3, LOW: 0}
