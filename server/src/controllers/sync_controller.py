"""Use case: generate a report while the caller waits."""

import asyncio
import logging
import math
import time
from typing import Any
from uuid import UUID

import orjson

from src import failpoints
from src.errors import Cancelled, Invalid, StillProcessing, Unavailable
from src.models import Mode, Status
from src.random_ids import new_uuid
from src.services.identity.caller import Caller
from src.services.kit.waiting import happens_within
from src.services.parts import SyncParts
from src.services.report_files.production import Unwanted, describe, produce
from src.services.report_generator import ReportParameters
from src.services.requests.records import Duplicate, Finished, IdempotencyKey, NewRequest
from src.services.requests.store import SYNC_ABANDONED_AFTER

SYNC_ROUTE = "/api/sync"
RETRY_AFTER_S = 1
#: Timeout for recording a failure while the caller waits.
FAILS_WITHIN_S = 2.0
STOPPED = "The server stopped before the report was finished."

log = logging.getLogger(__name__)


def check_size(num_transactions: int, *, at_most: int, async_at_most: int) -> None:
    """Check the size of a sync report.

    Raises:
        Invalid: it is too large; the detail points to the async endpoint.
    """
    if num_transactions > at_most:
        raise Invalid(
            f"A sync report has at most {at_most:,} transactions (SYNC_MAX_TRANSACTIONS);"
            f" POST /api/async takes up to {async_at_most:,}.",
            "/num_transactions",
        )


async def generate_now(
    parts: SyncParts, caller: Caller, parameters: ReportParameters, key: IdempotencyKey | None
) -> dict[str, Any] | Duplicate:
    """Store the request, generate its report, store the result, and return it.

    Raises:
        Cancelled: it was cancelled meanwhile.
        IdempotencyKeyReused: the key was used with a different body.
        StillProcessing: the first request with this key is still being processed.
        Unavailable: the database or the report storage is unavailable.
    """
    request = NewRequest(
        id=new_uuid(),
        mode=Mode.SYNC,
        caller=caller,
        parameters=parameters,
        created_at=parts.now(),
        idempotency_key=key,
    )
    with parts.in_flight.includes(request.id) as cancelled:
        try:
            accepted = await parts.batcher.accept(request)
            if isinstance(accepted, Duplicate):
                return _ended(parts, accepted)
            failpoints.reached("after_sync_accept")
            return await _generate_and_record(parts, request, cancelled)
        except asyncio.CancelledError:
            # Only a shutdown cancels. Writes already started go on; none may be committed after the failure below.
            await parts.batcher.drain()
            await parts.finisher.drain()
            await _fail(parts, request.id, STOPPED)
            raise Unavailable("The server is stopping; try again.") from None


async def _generate_and_record(parts: SyncParts, request: NewRequest, cancelled: asyncio.Event) -> dict[str, Any]:
    reason = "The report could not be generated."
    try:
        result = await _generate(parts, request, cancelled)
        failpoints.reached("after_sync_file")
        reason = "The report was generated, but its result could not be recorded."
        recorded = await parts.finisher.submit(
            Finished(request_id=request.id, completed_at=parts.now(), result=orjson.dumps(result).decode())
        )
        if recorded is not None and recorded.status is Status.CANCELLED:
            raise Unwanted  # noqa: TRY301  the row decides, whether we heard of it or not
    except Unwanted:
        raise Cancelled("The request was cancelled; there will be no report.") from None
    except Exception:
        await _fail(parts, request.id, reason)
        raise
    return result


async def _fail(parts: SyncParts, request_id: UUID, reason: str) -> None:
    """Mark a request as failed, so that its idempotency key can be used again.

    If this fails too, the caller still receives the original error, and the janitor ends the row once it counts as
    abandoned.
    """
    failed = Finished(request_id=request_id, completed_at=parts.now(), result=None, failure_reason=reason)
    try:
        async with asyncio.timeout(FAILS_WITHIN_S):  # the write itself is not cancelled
            await parts.failer.submit(failed)
    except Exception as error:  # noqa: BLE001  it must not hide the original error
        log.warning("Sync request %s could not be marked as failed yet: %s", request_id, type(error).__name__)


async def _generate(parts: SyncParts, request: NewRequest, cancelled: asyncio.Event) -> dict[str, Any]:
    started_s = time.perf_counter()
    simulated_s = parts.simulated_work.seconds(request.parameters.num_transactions)
    if simulated_s and await happens_within(cancelled, simulated_s):
        raise Unwanted
    try:
        report = await asyncio.get_running_loop().run_in_executor(
            parts.threads, produce, request.id, request.parameters, parts.storage, cancelled.is_set
        )
    except OSError as error:
        raise Unavailable("The report cannot be stored now.") from error
    return describe(request.id, request.mode, request.parameters, report, started_s)


def _ended(parts: SyncParts, duplicate: Duplicate) -> Duplicate:
    if duplicate.mode is Mode.SYNC and duplicate.status is Status.PROCESSING:
        detail = "The first request with this key is still being processed."
        raise StillProcessing(detail, _retry_after_s(parts, duplicate))
    return duplicate


def _retry_after_s(parts: SyncParts, duplicate: Duplicate) -> int:
    """Return when to retry: soon if this process generates the report, otherwise when it would count as abandoned."""
    if duplicate.request_id in parts.in_flight:
        return RETRY_AFTER_S
    left = duplicate.created_at + SYNC_ABANDONED_AFTER - parts.now()
    return min(max(math.ceil(left.total_seconds()), RETRY_AFTER_S), math.ceil(SYNC_ABANDONED_AFTER.total_seconds()))
