"""Use case: accept a report and call back later."""

from src.errors import Invalid
from src.models import Mode
from src.random_ids import new_uuid
from src.services.identity.caller import Caller
from src.services.parts import Parts
from src.services.report_generator import ReportParameters
from src.services.requests.records import Accepted, Duplicate, IdempotencyKey, NewRequest

ASYNC_ROUTE = "/api/async"


def check_size(parts: Parts, num_transactions: int) -> None:
    """Refuse a report that is too large.

    Raises:
        Invalid: it is.
    """
    if num_transactions > parts.async_max_transactions:
        detail = f"A report has at most {parts.async_max_transactions:,} transactions (ASYNC_MAX_TRANSACTIONS)."
        raise Invalid(detail, "/payload/num_transactions")


async def accept(
    parts: Parts, caller: Caller, parameters: ReportParameters, callback_url: str, key: IdempotencyKey | None
) -> Accepted | Duplicate:
    """Check the callback URL and make the request durable; the worker does the rest.

    Raises:
        ForbiddenCallbackUrl: the callback URL breaks a rule.
        IdempotencyKeyReused: the key came with another body before.
        Unavailable: too much waits, or the database is away.
    """
    target = caller.callback_policy.check(callback_url)
    return await parts.batcher.accept(
        NewRequest(
            id=new_uuid(),
            mode=Mode.ASYNC,
            caller=caller,
            parameters=parameters,
            created_at=parts.now(),
            callback_url=target.url,
            receiver=target.receiver,
            idempotency_key=key,
        )
    )
