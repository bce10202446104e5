"""Use case: generate a report while the caller waits."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import orjson

from src import failpoints
from src.controllers.submission import Submission
from src.errors import Invalid, StillProcessing, Unavailable
from src.models import Mode, Status
from src.services.parts import Parts
from src.services.report_files.production import describe, produce
from src.services.requests.records import Duplicate, Finished, NewRequest

SYNC_ROUTE = "/api/sync"
RETRY_AFTER_S = 1


def check_size(parts: Parts, num_transactions: int) -> None:
    """Refuse a report that is too large for this way.

    Raises:
        Invalid: it is; the sentence names the way for larger ones.
    """
    if num_transactions > parts.sync_max_transactions:
        raise Invalid(
            f"A sync report has at most {parts.sync_max_transactions:,} transactions (SYNC_MAX_TRANSACTIONS);"
            f" POST /api/async takes up to {parts.async_max_transactions:,}.",
            "/num_transactions",
        )


async def generate_now(parts: Parts, submission: Submission) -> dict[str, Any] | Duplicate:
    """Store the request, generate, store the result, and return it.

    Raises:
        IdempotencyKeyReused: the key came with another body before.
        StillProcessing: the first request with this key is still being worked on.
        Unavailable: the database or the disk cannot be used now.
    """
    request = NewRequest(
        id=uuid4(),
        mode=Mode.SYNC,
        caller=submission.caller,
        parameters=submission.parameters,
        created_at=parts.now(),
        idempotency_key=submission.idempotency_key,
        benchmark_run_id=submission.benchmark_run_id,
    )
    accepted = await parts.batcher.accept(request)
    if isinstance(accepted, Duplicate):
        return _ended(accepted)
    failpoints.reached("after_sync_accept")
    try:
        result = await _generate(parts, request)
    except asyncio.CancelledError:
        # The caller gets no report, so its key is to be free again; here and below.
        await parts.store.fail_sync(request.id, "The server stopped before the report was finished.", parts.now())
        raise Unavailable("The server is stopping; try again.") from None
    except Exception:
        await parts.store.fail_sync(request.id, "The report could not be generated.", parts.now())
        raise
    failpoints.reached("after_sync_file")
    await parts.finisher.submit(
        Finished(request_id=request.id, completed_at=parts.now(), result=orjson.dumps(result).decode())
    )
    return result


async def _generate(parts: Parts, request: NewRequest) -> dict[str, Any]:
    started_s = time.perf_counter()
    simulated_s = parts.simulated_work.seconds(request.parameters.num_transactions)
    if simulated_s:
        await asyncio.sleep(simulated_s)
    try:
        report = await asyncio.get_running_loop().run_in_executor(
            parts.threads, produce, request.id, request.parameters, parts.storage
        )
    except OSError as error:
        raise Unavailable("The report cannot be stored now.") from error
    return describe(request.id, request.mode, request.parameters, report, started_s)


def _ended(duplicate: Duplicate) -> Duplicate:
    if duplicate.status is Status.PROCESSING:
        raise StillProcessing("The first request with this key is still being processed.", RETRY_AFTER_S)
    return duplicate
