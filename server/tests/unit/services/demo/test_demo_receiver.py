"""The demo receiver verifies, remembers a hundred, and fails as it is told."""

from datetime import UTC, datetime

import pytest

from src.services.delivery.signing import Signer, new_secret
from src.services.demo.receiver import RECEIVED_MAX, DemoReceiver, Simulation

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def demo() -> tuple[DemoReceiver, Signer]:
    signer = Signer([new_secret()])
    return DemoReceiver(now=lambda: NOON, wall_s=NOON.timestamp), signer


def deliver(demo: tuple[DemoReceiver, Signer], body: bytes = b'{"a": 1}', *, tamper: bytes = b"") -> int | None:
    receiver, signer = demo
    headers = signer.headers("msg_1", int(NOON.timestamp()), body)
    return receiver.receive(signer, headers, body + tamper).answered


def test_the_demo_receiver_takes_what_is_signed_and_refuses_what_is_not(demo: tuple[DemoReceiver, Signer]) -> None:
    assert deliver(demo) == 200
    assert deliver(demo, tamper=b" ") == 401
    assert [received.signature_valid for received in demo[0].received] == [False, True]


def test_the_demo_receiver_fails_as_it_was_told(demo: tuple[DemoReceiver, Signer]) -> None:
    demo[0].simulation = Simulation(enabled=True, fail_next=2, status_code=503)
    assert [deliver(demo) for _ in range(3)] == [503, 503, 200]

    demo[0].simulation = Simulation(enabled=True, failure_rate=1)
    assert deliver(demo) == 500

    demo[0].simulation = Simulation(enabled=True, hang=True)
    assert deliver(demo) is None

    demo[0].simulation = Simulation(enabled=False, hang=True, failure_rate=1, fail_next=5)
    assert deliver(demo) == 200


def test_the_demo_receiver_remembers_a_hundred(demo: tuple[DemoReceiver, Signer]) -> None:
    for _ in range(RECEIVED_MAX + 5):
        deliver(demo)

    assert len(demo[0].received) == RECEIVED_MAX
    assert demo[0].forget() == RECEIVED_MAX
    assert demo[0].received == []
