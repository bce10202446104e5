"""What was written last is remembered, and no more than that."""

from src.services.kit.lru import LruDict, Proven


def test_the_entry_written_longest_ago_is_forgotten_first() -> None:
    remembered: LruDict[str, int] = LruDict(2)
    remembered["a"], remembered["b"] = 1, 2
    remembered["a"] = 3
    remembered["c"] = 4

    assert dict(remembered) == {"a": 3, "c": 4}


def test_a_look_counts_like_a_write_where_it_is_to() -> None:
    remembered: LruDict[str, int] = LruDict(2)
    remembered["a"], remembered["b"] = 1, 2
    remembered.move_to_end("a")
    remembered["c"] = 3

    assert list(remembered) == ["a", "c"]


def test_whoever_was_slow_has_to_prove_itself_again() -> None:
    proven: Proven[str] = Proven(2)
    for name in ("a", "b", "c"):
        proven.judge(name, prompt=True)
    proven.judge("b", prompt=False)
    proven.judge("unknown", prompt=False)

    assert list(proven) == ["c"]
