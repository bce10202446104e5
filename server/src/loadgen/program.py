"""A complete run, from the options to the summary."""

import asyncio
import gc
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from src.loadgen.callbacks.receiver import Receivers
from src.loadgen.callbacks.signatures import SignatureCheck
from src.loadgen.figures.recorder import SLOT_S
from src.loadgen.figures.summary import local_failures, summarize_async, summarize_sync, whole_summary
from src.loadgen.http.client import HttpClient
from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.load.modes import AsyncMode, SyncMode
from src.loadgen.load.run import ModeRun
from src.loadgen.options.faults import Fault
from src.loadgen.options.options import Options
from src.loadgen.options.thresholds import judge
from src.loadgen.show.progress import Progress
from src.loadgen.stopping import Stop


async def measure(options: Options, progress: Progress) -> dict[str, Any]:
    """Run every requested mode, one after the other, and summarize the results.

    Raises:
        CannotRun: the server cannot be measured.
    """
    meter = GeneratorMeter()
    results: dict[str, dict[str, Any]] = {}
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(Stop(options.parent_fd))
        runs = [await _prepared(mode, options, stop, meter, stack) for mode in options.modes]
        for run in runs:  # check all modes first: a run of both must not fail after the first
            await run.check()
        started_at, started_s = datetime.now(UTC), time.perf_counter()
        for run in runs:
            if not stop.requested.is_set():
                await _shown(run, progress, stop)
                results[run.mode.name] = _summed_up(run)
        duration_s = time.perf_counter() - started_s
    return whole_summary(
        options,
        results,
        started_at=started_at,
        duration_s=duration_s,
        interrupted=stop.requested.is_set(),
        generator=meter.verdict(_least(results, "p50_ms"), _least(results, "p99_ms"), local_failures(results)),
        thresholds=judge(list(options.thresholds), results),
    )


async def _prepared(mode: str, options: Options, stop: Stop, meter: GeneratorMeter, stack: AsyncExitStack) -> ModeRun:
    client = HttpClient(options.target, timeout_s=options.timeout_s, headers=options.headers)
    stack.callback(client.abort)
    await client.find()
    if mode == "sync":
        return ModeRun(SyncMode(client, options), options, client, stop, meter, None)
    receivers = _receivers(options)
    stack.push_async_callback(receivers.stop)
    await receivers.start()
    return ModeRun(AsyncMode(client, options, receivers), options, client, stop, meter, receivers)


def _receivers(options: Options) -> Receivers:
    return Receivers(
        [Fault.PLAIN, *options.faults],
        host=options.callback_host,
        port=options.callback_port,
        descriptor=options.receiver_fd,
        check=SignatureCheck(options.signing_secrets) if options.signing_secrets else None,
    )


def _summed_up(run: ModeRun) -> dict[str, Any]:
    if run.receivers is None or run.drain is None:
        return summarize_sync(run.recorder)
    return summarize_async(run.recorder, run.receivers, run.drain.states)


async def _shown(run: ModeRun, progress: Progress, stop: Stop) -> None:
    """Run one mode and show its progress."""
    gc.collect()
    gc.freeze()  # the objects that exist now will stay: traversing them again would only cause pauses
    showing = asyncio.create_task(_show(run, progress, stop))
    try:
        await run.run()
    finally:
        showing.cancel()
        await asyncio.wait({showing})
    progress.show(run.snapshot())


async def _show(run: ModeRun, progress: Progress, stop: Stop) -> None:
    while True:
        await asyncio.sleep(SLOT_S)
        run.recorder.tick()
        try:
            progress.show(run.snapshot())
        except OSError:  # the reader is gone
            stop.request()
            return


def _least(results: dict[str, dict[str, Any]], name: str) -> float | None:
    return min((result[name] for result in results.values() if result[name] is not None), default=None)
