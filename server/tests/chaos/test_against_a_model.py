"""Whatever is done to the service, in whatever order: it behaves as a dict in memory would."""

import asyncio
import time

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos.conftest import Proof, StartServer
from tests.chaos.model import RECEIVERS_CALLED, World, machine_for
from tests.support.history import client_session
from tests.support.receivers import Receiver


@pytest.mark.parametrize(
    ("runs", "steps", "part"),
    [(10, 15, 1), *(pytest.param(50, 30, part, marks=pytest.mark.chaos_long) for part in range(1, 5))],
)
async def test_the_service_does_what_its_model_does(
    runs: int,
    steps: int,
    part: int,
    server: StartServer,
    receivers: list[Receiver],
    database_url: str,
    seed: int,
    proof: Proof,
) -> None:
    process = server(CALLBACK_RETRY_DELAYS="0.01,0.01,0.01", CALLBACK_PROBE_SECONDS="300")
    await process.start()
    started_s = time.monotonic()
    async with client_session() as session:
        called = receivers[:RECEIVERS_CALLED]
        world = World(asyncio.get_running_loop(), session, process, called, database_url, [200, 200], [0, 0], [0, 0])
        machine = machine_for(world)

        def play() -> None:
            chosen = settings(
                max_examples=runs,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                # Not made smaller: what happened once with real processes need not happen again.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            run_state_machine_as_test(with_seed(seed + part)(machine), settings=chosen)

        await asyncio.to_thread(play)
    assert await process.stop() == 0

    proof(
        f"state machine, part {part}, seed {seed}: {world.runs} runs of up to {steps} steps with {world.restarts}"
        f" restarts ({world.clock_jumps} with the clock set) and {world.crashes} kills, {world.asked} answers,"
        f" {time.monotonic() - started_s:.0f} s: no difference from the model"
    )
