"""Benchmark runs: one load generator at a time. Its progress is published, its result stored, its requests deleted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from src.errors import Conflict, DatabaseAway
from src.models import RunStatus
from src.services.benchmarks.gate import BenchmarkGate
from src.services.benchmarks.process import LoadGenerator, LoadOrder, receiver_socket
from src.services.benchmarks.store import BenchmarkStore
from src.services.kit.supervision import Supervisor
from src.services.live.frames import Event

#: A run that takes longer is stopped; its measurements so far are kept.
RUN_SECONDS_MAX = 600.0
HEARTBEAT_INTERVAL_S = 5.0

log = logging.getLogger(__name__)


class BenchmarkRunner:
    """Runs benchmarks against this server. Belongs to the server's event loop.

    Args:
        store: the runs.
        clean_up: deletes the requests and reports of finished benchmarks.
        gate: exempts the run's requests from rate limits.
        publish: sends an event to an account's stream.
        url: the URL of this server.
        signing_secrets: the secrets callbacks are signed with.
        now: the time, aware UTC.
        tasks: runs the heartbeat.
    """

    def __init__(
        self,
        *,
        store: BenchmarkStore,
        clean_up: Callable[[], Awaitable[None]],
        gate: BenchmarkGate,
        publish: Callable[[str | None, Event], None],
        url: str,
        signing_secrets: Sequence[str],
        now: Callable[[], datetime],
        tasks: Supervisor,
    ) -> None:
        self._store = store
        self._clean_up = clean_up
        self._gate = gate
        self._publish_to = publish
        self._account: str | None = None
        self._url = url
        self._signing_secrets = signing_secrets
        self._now = now
        self._tasks = tasks
        self._run_id: UUID | None = None
        self._run: asyncio.Task[None] | None = None
        #: The part of the run that may be cancelled; what follows stores the measurements.
        self._listening: asyncio.Task[tuple[dict[str, Any] | None, str | None]] | None = None
        self._generator: LoadGenerator | None = None
        self._stopped = False
        self._progress: dict[str, Any] | None = None

    async def begin(self, order: LoadOrder, account: str | None = None) -> UUID:
        """Start a run of an account.

        Raises:
            Conflict: a benchmark is already running.
        """
        if self._run is not None and not self._run.done():
            raise Conflict("A benchmark is already running. Wait for it or stop it.")
        run_id = uuid4()
        await self._store.begin(run_id, order.mode, asdict(order), self._now(), account)
        self._account = account
        self._run_id, self._stopped, self._progress = run_id, False, None
        self._listening = asyncio.create_task(self._listen(run_id, order))
        self._run = asyncio.create_task(self._measure(run_id, self._listening))
        return run_id

    def progress_of(self, run_id: UUID) -> dict[str, Any] | None:
        """Return the latest progress of a run in progress in this process."""
        return self._progress if self._run_id == run_id and self._run and not self._run.done() else None

    async def wait(self, run_id: UUID) -> None:
        """Wait until a run started in this process has ended."""
        if self._run is not None and self._run_id == run_id:
            await asyncio.wait([self._run])  # unlike await: cancelling the waiter must not cancel the run

    async def stop(self, run_id: UUID) -> None:
        """Stop a run early; its measurements so far are kept.

        Raises:
            Conflict: it is not running in this process.
        """
        if self._run is None or self._run.done() or self._run_id != run_id:
            raise Conflict("This run is not in progress here; there is nothing to stop.")
        self._stopped = True
        if self._generator:
            await self._generator.stop()
        await self.wait(run_id)

    async def aclose(self) -> None:
        """Cancel a running benchmark, because the server is stopping."""
        if self._run is not None and self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._run])

    async def _measure(self, run_id: UUID, listening: asyncio.Task[tuple[dict[str, Any] | None, str | None]]) -> None:
        """Wait for the load generator, however it ends, and store the result."""
        status, summary = RunStatus.FAILED, None
        reason: str | None = "The server stopped before the benchmark was finished."
        try:
            summary, reason = await listening
            if self._stopped or (summary and summary["interrupted"]):
                status, reason = RunStatus.STOPPED, "It was stopped before anything was measured."
            elif summary:
                status = RunStatus.COMPLETED
        except asyncio.CancelledError:
            log.info("A benchmark was cancelled because the server is stopping.")
        except Exception:
            log.exception("A benchmark failed on our side.")
            reason = "The load generator could not be started, or its output not be parsed."
        finally:
            self._gate.close()
            self._generator = None
            await self._store_end(run_id, status, summary, reason)

    async def _store_end(
        self, run_id: UUID, status: RunStatus, summary: dict[str, Any] | None, reason: str | None
    ) -> None:
        try:
            await self._store.end(run_id, status, summary, None if summary else reason, self._now())
            await self._clean_up()
        except DatabaseAway:
            log.warning("The end of a benchmark could not be recorded; it will count as abandoned.")
        except Exception:
            log.exception("The end of a benchmark could not be recorded; it will count as abandoned.")
        self._publish({"run_id": str(run_id), "status": status})

    async def _listen(self, run_id: UUID, order: LoadOrder) -> tuple[dict[str, Any] | None, str | None]:
        """Run the load generator and read its messages; returns its summary, or why there is none."""
        receiver = receiver_socket()
        host, port = receiver.getsockname()
        token = self._gate.open(run_id, f"http://{host}:{port}")
        self._generator = generator = await LoadGenerator.start(
            order, url=self._url, token=token, signing_secrets=self._signing_secrets, receiver=receiver
        )
        summary, reason = None, "The load generator ended without a result."
        heartbeat = self._tasks.start("benchmark heartbeat", partial(self._heartbeat, run_id))
        watching = [heartbeat, asyncio.create_task(self._enforce_time_limit(generator))]
        if self._stopped:  # while it was starting
            watching.append(asyncio.create_task(generator.stop()))
        try:
            async for message in generator.messages():
                match message["type"]:
                    case "progress":
                        self._progress = message
                        self._publish({**message, "run_id": str(run_id), "status": RunStatus.RUNNING})
                    case "summary":
                        summary = message["summary"]
                    case "error":
                        reason = message["detail"]
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await generator.aclose()
        return summary, reason

    async def _heartbeat(self, run_id: UUID) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)
            await self._store.heartbeat(run_id, self._now())

    async def _enforce_time_limit(self, generator: LoadGenerator) -> None:
        await asyncio.sleep(RUN_SECONDS_MAX)
        self._stopped = True
        await generator.stop()

    def _publish(self, data: dict[str, Any]) -> None:
        self._publish_to(self._account, Event("benchmark.progress", data))
