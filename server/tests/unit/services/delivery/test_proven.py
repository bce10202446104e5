"""Which lanes answered promptly: a bounded number is remembered."""

from src.services.delivery.proven import PROVEN_MAX, ProvenLanes
from src.services.requests.records import LaneKey
from tests.support.jobs import LANE
from tests.support.lanes import RECEIVER


def test_a_bounded_number_of_proven_lanes_is_remembered_those_that_answered_last() -> None:
    proven = ProvenLanes()
    proven.judge(LANE, prompt=True)
    for number in range(PROVEN_MAX - 1):
        proven.judge(LaneKey(str(number), RECEIVER), prompt=True)
    proven.judge(LANE, prompt=True)
    proven.judge(LaneKey("one more", RECEIVER), prompt=True)

    assert LANE in proven
    assert LaneKey("0", RECEIVER) not in proven
    assert len(proven) == PROVEN_MAX
