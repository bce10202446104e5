"""Who passes without a limit, and where a benchmark may be called back."""

from uuid import uuid4

import pytest

from src.errors import ForbiddenCallbackUrl
from src.services.benchmarks.gate import BenchmarkGate, BenchmarkPass
from src.services.outbound.callback_url import CallbackPolicy, parse_origin

RECEIVER = "http://127.0.0.1:9001"


def test_only_the_open_runs_token_passes() -> None:
    gate, run_id = BenchmarkGate(), uuid4()
    token = gate.open(run_id, RECEIVER).encode()

    assert gate.check(token) == BenchmarkPass(run_id, RECEIVER)
    for other in (b"", b"x", token[:-1], token + b"x", token.swapcase()):
        assert gate.check(other) is None


def test_a_token_is_worth_nothing_before_and_after_its_run() -> None:
    gate = BenchmarkGate()
    assert gate.check(b"") is None
    first = gate.open(uuid4(), RECEIVER).encode()
    gate.close()
    assert gate.check(first) is None
    second = gate.open(uuid4(), RECEIVER).encode()
    assert gate.check(first) is None
    assert first != second


def test_a_benchmark_may_be_called_back_on_this_machine_only() -> None:
    # Neither what everybody may call nor what the operator allows is a benchmark's receiver.
    policy = CallbackPolicy(frozenset([parse_origin("http://10.0.0.7:9001")]))
    assert policy.check(f"{RECEIVER}/callback", True).exempt
    for url in (
        "http://93.184.215.14/",
        "http://10.0.0.7:9001/",
        "http://127.0.0.2:9001/",
        "http://localhost:9001/",
        "http://127.0.0.1:80/",
        "http://127.0.0.1:22/",
        "https://127.0.0.1:9001/",
        "http://[::1]:9001/",
        "http://127.1:9001/",
    ):
        with pytest.raises(ForbiddenCallbackUrl):
            policy.check(url, True)


def test_nobody_else_may_be_called_back_on_this_machine() -> None:
    with pytest.raises(ForbiddenCallbackUrl):
        CallbackPolicy().check(f"{RECEIVER}/callback")
