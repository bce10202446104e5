"""Who passes without a limit, and where a benchmark may be called back."""

from uuid import uuid4

import pytest

from src.errors import ForbiddenCallbackUrl
from src.services.benchmarks.gate import BenchmarkGate
from src.services.identity.callback_policies import CallbackPolicies
from src.services.identity.caller import UNNAMED, Caller, Kind, Owner
from src.services.outbound.callback_url import CallbackPolicy, Policy, parse_origin

RECEIVER = "http://127.0.0.1:9001"


def test_only_the_open_runs_token_passes() -> None:
    gate, run_id = BenchmarkGate(), uuid4()
    token = gate.open(run_id, RECEIVER).encode()

    assert gate.check(token) == Caller.of_run(run_id, RECEIVER)
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


def test_a_run_is_a_kind_of_caller_without_rate_limits_and_in_nobodys_history() -> None:
    run_id = uuid4()
    caller = Caller.of_run(run_id, RECEIVER)
    somebody = Caller.of_address("192.0.2.1", CallbackPolicy())

    assert (caller.kind, caller.limits.rates, caller.owner) == (Kind.RUN, False, Owner(None, run_id))
    assert (somebody.kind, somebody.limits.rates, somebody.owner) == (Kind.ADDRESS, True, UNNAMED)


#: Neither what everybody may call nor what the operator allows is a benchmark's receiver.
ALLOWED = "http://10.0.0.7:9001"
ELSEWHERE = [
    "http://93.184.215.14/",
    f"{ALLOWED}/",
    "http://127.0.0.2:9001/",
    "http://localhost:9001/",
    "http://127.0.0.1:80/",
    "http://127.0.0.1:22/",
    "https://127.0.0.1:9001/",
    "http://[::1]:9001/",
    "http://127.1:9001/",
]


def refuses(policy: Policy, url: str) -> bool:
    with pytest.raises(ForbiddenCallbackUrl):
        policy.check(url)
    return True


def test_a_benchmark_may_be_called_back_at_its_own_receiver_only() -> None:
    policy = Caller.of_run(uuid4(), RECEIVER).callback_policy

    assert policy.check(f"{RECEIVER}/callback").exempt
    assert all(refuses(policy, url) for url in (*ELSEWHERE, "http://127.0.0.1:9002/callback"))


def test_what_an_owner_may_be_called_back_at_is_found_again_when_it_is_delivered() -> None:
    policies = CallbackPolicies(CallbackPolicy(frozenset([parse_origin(ALLOWED)])))
    of_run, of_everybody = policies.of(Owner(run_id=uuid4())), policies.of(UNNAMED)

    assert of_run.check(f"{RECEIVER}/callback").exempt
    assert all(refuses(of_run, url) for url in ELSEWHERE)
    assert of_everybody.check(f"{ALLOWED}/").exempt
    assert refuses(of_everybody, f"{RECEIVER}/callback")
