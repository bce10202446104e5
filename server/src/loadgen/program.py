"""A whole run, from the options to the summary."""

import asyncio
import gc
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from src.loadgen.callbacks.receiver import Receivers
from src.loadgen.callbacks.signatures import SignatureCheck
from src.loadgen.figures.recorder import SLOT_S
from src.loadgen.figures.summary import async_side, local_failures, sync_side, whole_summary
from src.loadgen.http.client import HttpClient
from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.load.modes import AsyncSide, SyncSide
from src.loadgen.load.run import SideRun
from src.loadgen.options.faults import Fault
from src.loadgen.options.options import Options
from src.loadgen.options.thresholds import judge
from src.loadgen.show.progress import Progress
from src.loadgen.stopping import Stop


async def measure(options: Options, progress: Progress) -> dict[str, Any]:
    """Run every mode asked for, one after the other, and sum it up.

    Raises:
        CannotRun: the server cannot be measured.
    """
    meter = GeneratorMeter()
    sides: dict[str, dict[str, Any]] = {}
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(Stop(options.parent_fd))
        runs = [await _prepared(mode, options, stop, meter, stack) for mode in options.modes]
        for run in runs:  # all of them first: a run of two modes must not fail after the first
            await run.check()
        started_at, started_s = datetime.now(UTC), time.perf_counter()
        for run in runs:
            if not stop.wished.is_set():
                await _shown(run, progress, stop)
                sides[run.side.mode] = _summed_up(run)
        duration_s = time.perf_counter() - started_s
    return whole_summary(
        options,
        sides,
        started_at=started_at,
        duration_s=duration_s,
        interrupted=stop.wished.is_set(),
        generator=meter.verdict(_least(sides, "p50_ms"), _least(sides, "p99_ms"), local_failures(sides)),
        thresholds=judge(list(options.thresholds), sides),
    )


async def _prepared(mode: str, options: Options, stop: Stop, meter: GeneratorMeter, stack: AsyncExitStack) -> SideRun:
    client = HttpClient(options.target, timeout_s=options.timeout_s, headers=options.headers)
    stack.callback(client.abort)
    await client.find()
    if mode == "sync":
        return SideRun(SyncSide(client, options), options, client, stop, meter, None)
    receivers = _receivers(options)
    stack.push_async_callback(receivers.stop)
    await receivers.start()
    return SideRun(AsyncSide(client, options, receivers), options, client, stop, meter, receivers)


def _receivers(options: Options) -> Receivers:
    return Receivers(
        [Fault.PLAIN, *options.faults],
        host=options.callback_host,
        port=options.callback_port,
        descriptor=options.receiver_fd,
        check=SignatureCheck(options.signing_secrets) if options.signing_secrets else None,
    )


def _summed_up(run: SideRun) -> dict[str, Any]:
    if run.receivers is None or run.settlement is None:
        return sync_side(run.recorder)
    return async_side(run.recorder, run.receivers, run.settlement.states)


async def _shown(run: SideRun, progress: Progress, stop: Stop) -> None:
    """Run one side, and show how it goes."""
    gc.collect()
    gc.freeze()  # what is there now stays: looking through it again would only cost pauses
    showing = asyncio.create_task(_show(run, progress, stop))
    try:
        await run.run()
    finally:
        showing.cancel()
        await asyncio.wait({showing})
    progress.show(run.snapshot())


async def _show(run: SideRun, progress: Progress, stop: Stop) -> None:
    while True:
        await asyncio.sleep(SLOT_S)
        run.recorder.tick()
        try:
            progress.show(run.snapshot())
        except OSError:  # nobody reads any more
            stop.wish()
            return


def _least(sides: dict[str, dict[str, Any]], name: str) -> float | None:
    return min((side[name] for side in sides.values() if side[name] is not None), default=None)
