"""What happened in the last seconds is counted, exactly."""

from hypothesis import given
from hypothesis import strategies as st

from src.services.kit.sliding_window import SlidingWindow

WINDOW_S = 60.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 40), st.integers(1, 3)), max_size=100))
def test_it_tells_what_a_list_of_all_events_tells(events: list[tuple[str, float, int]]) -> None:
    now_s = 1000.0
    window = SlidingWindow(3, lambda: now_s)
    happened: dict[str, list[float]] = {"a": [], "b": [], "c": []}
    for key, gap_s, count in events:
        now_s += gap_s
        for _ in range(count):
            window.add(key)
        happened[key] += [now_s] * count
        for name, times_s in happened.items():
            assert list(window.recent(name, WINDOW_S)) == [at_s for at_s in times_s if at_s >= now_s - WINDOW_S]


def test_an_event_counts_for_the_whole_closed_window() -> None:
    now_s = 0.0
    window = SlidingWindow(1, lambda: now_s)
    window.add("key")
    now_s = WINDOW_S
    assert len(window.recent("key", WINDOW_S)) == 1

    now_s = WINDOW_S + 0.001
    assert len(window.recent("key", WINDOW_S)) == 0


def test_keys_without_events_are_forgotten_those_asked_for_longest_ago_first() -> None:
    now_s = 0.0
    window = SlidingWindow(10, lambda: now_s)
    for key in ("a", "b", "c"):
        window.add(key)
        now_s += 1
    now_s = WINDOW_S + 1.5
    window.forget(WINDOW_S)

    assert len(window) == 1
    assert len(window.recent("c", WINDOW_S)) == 1


def test_memory_is_bounded_and_whoever_was_asked_for_longest_ago_goes_first() -> None:
    window = SlidingWindow(2, lambda: 0.0)
    window.add("a")
    window.add("b")
    window.recent("a", WINDOW_S)
    window.add("c")

    assert [len(window.recent(key, WINDOW_S)) for key in ("a", "b", "c")] == [1, 0, 1]
