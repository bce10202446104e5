"""Simulated work takes as long as was set, and no longer than its limit."""

from src.services.report_files.production import SimulatedWork


def test_simulated_work_has_a_limit() -> None:
    work = SimulatedWork(ms_per_transaction=10, seconds_max=10)

    assert work.seconds(50) == 0.5
    assert work.seconds(1_000_000) == 10
    assert SimulatedWork(0, 10).seconds(1_000_000) == 0
