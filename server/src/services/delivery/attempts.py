"""Single attempts to deliver a callback, and their records."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from src import failpoints
from src.errors import ForbiddenCallbackUrl
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.message import message_body, message_id
from src.services.delivery.schedule import Outcome, succeeded
from src.services.delivery.sent_requests import digest, fixed_headers
from src.services.delivery.signers import Signers
from src.services.identity.caller import Owner
from src.services.outbound.callback_url import CallbackUrl, Policy
from src.services.outbound.client import Failure, Reply
from src.services.outbound.guard import ErrorCode
from src.services.report_files.links import ReportLinks
from src.services.requests.records import Attempt, OwedCallback, attempt_span

#: The error codes of the callback log.
LoggedErrorCode = Literal[ErrorCode, "bad_status", "expired"]

log = logging.getLogger(__name__)


class Connection(Protocol):
    """A client of one receiver, such as `ReceiverClient`, with at most one open connection."""

    async def post(
        self, url: CallbackUrl, headers: Mapping[str, str], body: bytes, *, deadline_s: float
    ) -> Reply | Failure:
        """Send one attempt; failures of the receiver or the network are returned, not raised."""

    async def aclose(self) -> None:
        """Close the connection, if open."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The outcome of an attempt, and when it began and ended."""

    outcome: Outcome
    attempted_at: datetime
    ended_at: datetime
    #: The headers specific to this attempt, and the hash of its body.
    headers: Mapping[str, str] = field(default_factory=dict)
    body_sha256: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRules:
    """The settings of attempts."""

    #: Makes the links in bodies.
    links: ReportLinks
    #: Timeout of one attempt: resolving, connecting, sending and reading, seconds.
    timeout_s: float


class CallbackAttempts:
    """Makes the attempts of all lanes. Belongs to one event loop.

    Args:
        policy_of: returns the callback policy of an owner; it may have changed since the URL was accepted.
        locate: resolves a URL to an address, as text, for the limit per address.
        signers: sign each attempt with the secrets of its account.
        rules: the settings of attempts.
        slots: limits concurrency and rate.
        now: the time, aware UTC, never going back.
    """

    def __init__(
        self,
        *,
        policy_of: Callable[[Owner], Policy],
        locate: Callable[[CallbackUrl], Awaitable[str]],
        signers: Signers,
        rules: AttemptRules,
        slots: DeliverySlots,
        now: Callable[[], datetime],
    ) -> None:
        self._policy_of = policy_of
        self._locate = locate
        self._signers = signers
        self._links = rules.links
        self._slots = slots
        self._timeout_s = rules.timeout_s
        self._now = now
        #: Number of attempts in flight; may be read from any thread.
        self.in_flight = 0

    async def until_free(self, receiver: str) -> None:
        """Wait until the rate limit permits an attempt to a receiver."""
        await self._slots.pace.until_free(receiver)

    async def make(
        self,
        callback: OwedCallback,
        connection: Connection,
        *,
        proven: bool,
        may_begin: Callable[[], Awaitable[bool]],
    ) -> Tried | None:
        """Wait for a slot and make one attempt; None: it may not begin any more.

        Args:
            callback: the callback.
            connection: the client of its receiver.
            proven: whether the receiver's last response was prompt.
            may_begin: the last thing that is awaited before the attempt begins; if it returns False, or is cancelled,
                nothing was sent.
        """
        address = await self._address(callback)
        async with self._slots.slot(callback.lane.caller, callback.lane.receiver, address, proven=proven):
            # Without the account's own secrets nothing is sent.
            signer = await self._signers.of(callback.owner)
            if not await may_begin():
                return None
            self.in_flight += 1
            try:
                attempted_at = self._now()
                body = message_body(callback, self._links, self._links.callback_end(attempted_at))
                failpoints.reached("mid_attempt")
                # Signatures use the wall clock: the receiver compares it with its own.
                own_headers = signer.headers(message_id(callback.request_id), int(time.time()), body)
                del own_headers["webhook-id"]  # the same at every attempt
                if trace := callback.trace:
                    span = attempt_span(trace, callback.request_id, callback.attempts + 1)
                    own_headers["traceparent"] = span.header
                outcome = await self._post(connection, callback, own_headers, body)
                return Tried(outcome, attempted_at, self._now(), own_headers, digest(body))
            finally:
                self.in_flight -= 1

    async def _address(self, callback: OwedCallback) -> str:
        try:
            return await self._locate(self._policy_of(callback.owner).check(callback.url))
        except ForbiddenCallbackUrl:
            return callback.lane.receiver  # nothing will be dialled

    async def _post(
        self, connection: Connection, callback: OwedCallback, own_headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        headers = {**fixed_headers(callback.request_id), **own_headers}
        try:
            url = self._policy_of(callback.owner).check(callback.url)
            return await connection.post(url, headers, body, deadline_s=self._timeout_s)
        except ForbiddenCallbackUrl as error:
            return Failure("blocked_address", error.detail)
        except Exception:
            log.exception("An attempt failed unexpectedly.")
            return Failure("internal_error", "the attempt failed because of an internal error")


def record_of(callback: OwedCallback, tried: Tried, next_attempt_at: datetime | None) -> Attempt:
    """Create the record of an attempt, the source of its log row, log line and event."""
    return Attempt(
        request_id=callback.request_id,
        attempt_number=callback.attempts + 1,
        attempted_at=tried.attempted_at,
        ended_at=tried.ended_at,
        success=succeeded(tried.outcome),
        next_attempt_at=next_attempt_at,
        request_headers=tried.headers,
        request_body_sha256=tried.body_sha256,
        account=callback.owner.account,
        url=callback.url,
        trace=callback.trace,
        batch_id=callback.batch_id,
        **_log_fields(tried.outcome),
    )


def expiry_of(callback: OwedCallback, now: datetime, hours: float) -> Attempt:
    """Create the record of an expired callback, which is logged like an attempt although nothing is sent."""
    return Attempt(
        request_id=callback.request_id,
        attempt_number=callback.attempts + 1,
        attempted_at=now,
        ended_at=now,
        status_code=None,
        success=False,
        error_code="expired",
        batch_id=callback.batch_id,
        error_message=f"not sent: it had been undelivered for {hours:g} hours",
        account=callback.owner.account,
    )


def _log_fields(outcome: Outcome) -> dict[str, Any]:
    """Return the fields of the callback log that describe an outcome."""
    if isinstance(outcome, Failure):
        return {"status_code": None, "error_code": outcome.error_code, "error_message": outcome.message}
    fields: dict[str, Any] = {
        "status_code": outcome.status_code,
        "response_headers": outcome.headers,
        "response_excerpt": _text(outcome.body_excerpt),
    }
    if not succeeded(outcome):
        fields["error_code"] = "bad_status"
        fields["error_message"] = f"The receiver answered {outcome.status_code}."
    return fields


def _text(excerpt: bytes) -> str | None:
    """Decode what a receiver sent; PostgreSQL cannot store NUL."""
    return excerpt.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}") or None
