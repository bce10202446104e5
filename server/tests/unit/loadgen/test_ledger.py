"""The account of an async run: whatever comes back, in whatever order, every accepted request is in it once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from src.loadgen.callbacks.ledger import Accepted, Arrival, Ledger
from src.loadgen.callbacks.states import State
from src.loadgen.figures.summary import account

ORIGINS = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:2"]
REQUESTS = 12


def accepted(number: int, receiver: int = 0) -> Accepted:
    return Accepted(f"r{number}", float(number), receiver, number)


def arrival(number: int, receiver: int = 0, at_s: float = 100.0) -> Arrival:
    return Arrival(at_s, receiver, number)


def arrive(ledger: Ledger, number: int, *, acknowledged: bool = True, receiver: int = 0) -> None:
    ledger.arrived(f"r{number}", arrival(number, receiver), acknowledged=acknowledged)


events = st.lists(st.integers(min_value=0, max_value=REQUESTS - 1), max_size=40)


@given(events, st.sets(st.integers(min_value=0, max_value=REQUESTS - 1)), st.booleans())
def test_delivered_and_missing_are_all_that_was_accepted(came: list[int], known: set[int], late: bool) -> None:
    ledger = Ledger(ORIGINS)
    for part in ("came", "known") if late else ("known", "came"):
        for number in sorted(known) if part == "known" else came:
            ledger.accept(accepted(number)) if part == "known" else arrive(ledger, number)
    matched = ledger.reconcile()

    assert {one.request_id for one in matched.accepted} == {f"r{number}" for number in known}
    assert sorted([*matched.missing, *(one.request_id for one in matched.delivered)]) == sorted(
        f"r{one}" for one in known
    )
    assert len(matched.delivered) == ledger.received
    assert set(matched.unexpected) == {f"r{number}" for number in came if number not in known}
    doubled = {f"r{number}": times - 1 for number, times in Counter(came).items() if number in known and times > 1}
    assert Counter(matched.duplicate) == doubled
    assert ledger.open == matched.missing


@given(st.permutations(range(REQUESTS)), st.lists(st.sampled_from([0, 1, 2]), min_size=REQUESTS, max_size=REQUESTS))
def test_out_of_order_is_what_came_after_a_higher_position_at_the_same_origin(
    came: list[int], receivers: list[int]
) -> None:
    ledger = Ledger(ORIGINS)
    for number in range(REQUESTS):
        ledger.accept(accepted(number, receivers[number]))
    for number in came:
        arrive(ledger, number, receiver=receivers[number])
        arrive(ledger, number, receiver=receivers[number])  # a double is no disorder

    overtaken = [
        f"r{number}"
        for place, number in enumerate(came)
        if any(before > number and ORIGINS[receivers[before]] == ORIGINS[receivers[number]] for before in came[:place])
    ]
    assert ledger.reconcile().out_of_order == overtaken


def test_an_attempt_after_a_refused_one_is_a_retry_and_no_double() -> None:
    ledger = Ledger(ORIGINS)
    ledger.accept(accepted(1))
    arrive(ledger, 1, acknowledged=False)
    assert ledger.open == ["r1"]
    arrive(ledger, 1)
    assert ledger.open == []
    assert ledger.reconcile().duplicate == []
    arrive(ledger, 1)
    assert ledger.reconcile().duplicate == ["r1"]


def test_the_warm_up_does_not_count_and_neither_does_what_still_comes_of_it() -> None:
    ledger = Ledger(ORIGINS)
    ledger.accept(accepted(1))
    ledger.accept(accepted(2))
    arrive(ledger, 1)
    ledger.badly_signed("r2", 0)
    ledger.forget_warm_up()
    ledger.accept(accepted(3))
    for number in (2, 2, 3):
        arrive(ledger, number)
    matched = ledger.reconcile()

    assert [one.request_id for one in matched.delivered] == ["r3"]
    assert matched.duplicate == matched.unexpected == matched.out_of_order == []
    assert matched.bad_signatures == []
    assert ledger.received == 1


def test_the_account_is_complete_when_the_fate_of_every_missing_one_is_known() -> None:
    ledger = Ledger(ORIGINS)
    for number in range(3):
        ledger.accept(accepted(number))
    arrive(ledger, 0)
    delivered, failed = State("COMPLETED", "SUCCESS", 0.1, 0.1), State("COMPLETED", "FAILED", 0.1, 0.1)

    known = account(ledger.reconcile(), {"r0": delivered, "r1": delivered, "r2": failed}, checked=True)
    assert known["complete"]
    assert known["missing_ids"] == ["r1", "r2"]
    assert known["by_state"] == {"COMPLETED/SUCCESS": 2, "COMPLETED/FAILED": 1}
    assert "2 missing (1 of which the server considers delivered)" in known["sentence"]
    assert known["bad_signatures"] == 0

    unknown = account(ledger.reconcile(), {"r1": delivered}, checked=False)
    assert not unknown["complete"]
    assert unknown["by_state"] == {"not read": 2, "COMPLETED/SUCCESS": 1}
    assert unknown["bad_signatures"] is None
    assert "the state of 1 could not be read" in unknown["sentence"]
