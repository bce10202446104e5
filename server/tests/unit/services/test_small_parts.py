"""The clock, the demo receiver and the kept secret."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from src.errors import NotStarted
from src.services.delivery.signing import Signer, new_secret
from src.services.delivery.signing_secrets import FILE_NAME, kept_secret
from src.services.demo.receiver import RECEIVED_MAX, DemoReceiver, Simulation
from src.services.kit.clock import SteadyClock
from src.services.report_files.production import SimulatedWork

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_the_clock_follows_the_time_that_passes_and_not_the_one_that_is_set() -> None:
    wall, monotonic_s = NOON, 5.0
    clock = SteadyClock(lambda: wall, lambda: monotonic_s)
    wall, monotonic_s = NOON - timedelta(hours=1), 8.0

    assert clock() == NOON + timedelta(seconds=3)


def test_simulated_work_has_a_limit() -> None:
    work = SimulatedWork(ms_per_transaction=10, seconds_max=10)

    assert work.seconds(50) == 0.5
    assert work.seconds(1_000_000) == 10
    assert SimulatedWork(0, 10).seconds(1_000_000) == 0


@pytest.fixture
def demo() -> tuple[DemoReceiver, Signer]:
    signer = Signer([new_secret()])
    return DemoReceiver(signer, now=lambda: NOON, wall_s=NOON.timestamp), signer


def deliver(demo: tuple[DemoReceiver, Signer], body: bytes = b'{"a": 1}', *, tamper: bytes = b"") -> int | None:
    receiver, signer = demo
    headers = signer.headers("msg_1", int(NOON.timestamp()), body)
    return receiver.receive(headers, body + tamper).answered


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


def test_the_kept_secret_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path)

    assert kept_secret(tmp_path) == secret
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
    Signer([secret])


@pytest.mark.parametrize("content", [b"", b"whsec_short", b"\xff\xfe\x00", b"\n\n"])
def test_a_secret_file_without_a_secret_is_told_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(NotStarted) as refused:
        kept_secret(tmp_path)

    assert str(tmp_path / FILE_NAME) in refused.value.detail
    assert (tmp_path / FILE_NAME).read_bytes() == content
