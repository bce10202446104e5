"""Use case: accept a report and call back later."""

from uuid import uuid4

from src.controllers.submission import Submission
from src.errors import ForbiddenCallbackUrl, Invalid
from src.models import Mode
from src.services.parts import Parts
from src.services.requests.records import Accepted, Duplicate, NewRequest

ASYNC_ROUTE = "/api/async"


def check_size(parts: Parts, num_transactions: int) -> None:
    """Refuse a report that is too large.

    Raises:
        Invalid: it is.
    """
    if num_transactions > parts.async_max_transactions:
        detail = f"A report has at most {parts.async_max_transactions:,} transactions (ASYNC_MAX_TRANSACTIONS)."
        raise Invalid(detail, "/payload/num_transactions")


async def accept(parts: Parts, submission: Submission, callback_url: str) -> Accepted | Duplicate:
    """Check the callback URL and make the request durable; the worker does the rest.

    Raises:
        ForbiddenCallbackUrl: the callback URL breaks a rule.
        IdempotencyKeyReused: the key came with another body before.
        Unavailable: too much waits, or the database is away.
    """
    benchmark = submission.benchmark
    target = parts.check_callback_url(callback_url, benchmark is not None)
    if benchmark and target.receiver != benchmark.receiver:
        raise ForbiddenCallbackUrl("A benchmark is called back by its own receiver only.", "benchmark")
    return await parts.batcher.accept(
        NewRequest(
            id=uuid4(),
            mode=Mode.ASYNC,
            caller=submission.caller,
            parameters=submission.parameters,
            created_at=parts.now(),
            callback_url=target.url,
            receiver=target.receiver,
            idempotency_key=submission.idempotency_key,
            benchmark_run_id=submission.benchmark_run_id,
        )
    )
