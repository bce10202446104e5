"""Use case: accept a report and call back later."""

from datetime import datetime

from src.errors import Invalid
from src.models import Mode, Priority
from src.random_ids import new_uuid
from src.services.identity.caller import Caller, check_priority
from src.services.report_generator import ReportParameters
from src.services.requests.accept_batcher import AcceptBatcher
from src.services.requests.records import Accepted, Duplicate, IdempotencyKey, NewRequest

ASYNC_ROUTE = "/api/async"


def check_size(num_transactions: int, *, at_most: int, pointer: str = "/payload/num_transactions") -> None:
    """Refuse a report that is too large; `pointer` says where its size stands in the body.

    Raises:
        Invalid: it is too large.
    """
    if num_transactions > at_most:
        detail = f"A report has at most {at_most:,} transactions (ASYNC_MAX_TRANSACTIONS)."
        raise Invalid(detail, pointer)


async def accept(
    batcher: AcceptBatcher,
    caller: Caller,
    parameters: ReportParameters,
    callback_url: str | None,
    key: IdempotencyKey | None,
    now: datetime,
    priority: Priority = Priority.NORMAL,
) -> Accepted | Duplicate:
    """Check the callback URL, if there is one, and make the request durable; the worker does the rest.

    Raises:
        ScopeMissing: the caller may not submit at this priority.
        ForbiddenCallbackUrl: the callback URL violates a rule.
        IdempotencyKeyReused: the key was used with a different body.
        Unavailable: the queue is full, or the database is unavailable.
    """
    check_priority(caller, priority)
    target = None if callback_url is None else caller.callback_policy.check(callback_url)
    return await batcher.accept(
        NewRequest(
            id=new_uuid(),
            mode=Mode.ASYNC,
            caller=caller,
            parameters=parameters,
            created_at=now,
            callback_url=target.url if target else None,
            receiver=target.receiver if target else None,
            idempotency_key=key,
            priority=priority,
        )
    )
