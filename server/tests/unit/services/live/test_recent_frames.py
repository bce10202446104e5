"""Frames are kept while somebody may come back for them, and no others, nor more of them."""

import pytest

from src.services.live.frames import Event, Frame, write
from src.services.live.recent_frames import KEPT_BYTES_MAX, KEPT_FOR_S, RecentFrames

STREAM = "5f1d2c3b"


class Time:
    """A clock that is set."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def recent(time: Time) -> RecentFrames:
    return RecentFrames(STREAM, time)


def frame(seq: int, kind: str = "test", data: str = "") -> Frame:
    return write(Event(kind, data), seq, STREAM)


def missed(recent: RecentFrames, last_id: str, newest: int) -> list[int] | None:
    frames = recent.missed_since(last_id, newest)
    return None if frames is None else [one.seq for one in frames]


def test_what_was_missed_is_what_came_behind_the_last_one(recent: RecentFrames) -> None:
    with recent.followed():
        for seq in range(5, 9):
            recent.keep(frame(seq))

        assert [missed(recent, f"{STREAM}-{seq}", 8) for seq in (4, 6, 8)] == [[5, 6, 7, 8], [7, 8], []]
        assert [missed(recent, f"{STREAM}-{seq}", 8) for seq in (3, 9)] == [None, None]


def test_a_heartbeat_is_not_told_again(recent: RecentFrames) -> None:
    with recent.followed():
        for one in (frame(2), frame(3, "ping"), frame(4)):
            recent.keep(one)

        assert missed(recent, f"{STREAM}-1", 4) == [2, 4]


@pytest.mark.parametrize("last_id", ["", "x", "7", f"{STREAM}-", f"{STREAM}--1", "aaaaaaaa-2", f"{STREAM}-{'9' * 99}"])
def test_of_an_id_that_is_not_of_this_stream_nothing_is_known(recent: RecentFrames, last_id: str) -> None:
    with recent.followed():
        recent.keep(frame(2))

        assert missed(recent, last_id, 2) is None


def test_after_the_last_client_left_frames_are_kept_for_a_while(recent: RecentFrames, time: Time) -> None:
    with recent.followed():
        recent.keep(frame(2))
    time.now_s += KEPT_FOR_S - 1
    recent.keep(frame(3))
    in_time = missed(recent, f"{STREAM}-1", 3)
    time.now_s += 2
    recent.keep(frame(4))

    assert in_time == [2, 3]
    assert not recent.are_kept
    assert missed(recent, f"{STREAM}-3", 4) is None
    with recent.followed():  # 4 was not kept, so that nothing before it may be told
        assert missed(recent, f"{STREAM}-3", 4) is None


def test_nothing_is_kept_for_nobody(recent: RecentFrames) -> None:
    recent.keep(frame(2))
    with recent.followed():
        assert missed(recent, f"{STREAM}-1", 2) is None


def test_the_oldest_make_room(recent: RecentFrames) -> None:
    with recent.followed():
        for seq in range(2, 6):
            recent.keep(frame(seq, data="x" * (KEPT_BYTES_MAX // 3)))
        few = missed(recent, f"{STREAM}-3", 5)
        recent.keep(frame(6, data="x" * KEPT_BYTES_MAX))

        assert few == [4, 5]
        assert [missed(recent, f"{STREAM}-{seq}", 6) for seq in (5, 6)] == [None, []]
