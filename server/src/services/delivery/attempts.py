"""One attempt to deliver a callback: where to, when, signed, sent; and the record that is made of it."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from src import failpoints
from src.errors import ForbiddenCallbackUrl
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.message import message_id
from src.services.delivery.schedule import Outcome, succeeded
from src.services.delivery.sent_requests import digest, fixed_headers
from src.services.delivery.signing import Signer
from src.services.identity.caller import Owner
from src.services.outbound.callback_url import CallbackUrl, Policy
from src.services.outbound.client import Failure, Reply
from src.services.outbound.guard import ErrorCode
from src.services.requests.records import Attempt, OwedCallback

#: What an attempt may be said to have failed of.
LoggedErrorCode = Literal[ErrorCode, "bad_status", "expired"]

log = logging.getLogger(__name__)


class Connection(Protocol):
    """A way to one receiver, such as `ReceiverClient`; keeps at most one connection open."""

    async def post(
        self, url: CallbackUrl, headers: Mapping[str, str], body: bytes, *, deadline_s: float
    ) -> Reply | Failure:
        """Send one attempt; whatever the receiver or the network does is an outcome, not an exception."""

    async def aclose(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of an attempt, and when it began and ended."""

    outcome: Outcome
    attempted_at: datetime
    ended_at: datetime
    #: The headers that were this attempt's alone, and what tells its body.
    headers: Mapping[str, str] = field(default_factory=dict)
    body_sha256: bytes = b""


class CallbackAttempts:
    """Makes attempts, of all lanes. Belongs to one event loop.

    Args:
        policy_of: where an owner may be called back; settings may have changed since the URL was accepted.
        locate: the address a URL leads to, as text, for the limit on attempts to one address.
        signer: signs each attempt.
        slots: how many may be under way, and when.
        timeout_s: one attempt at most: resolving, connecting, sending and reading, seconds.
        now: the time, aware UTC, never going back.
    """

    def __init__(
        self,
        *,
        policy_of: Callable[[Owner], Policy],
        locate: Callable[[CallbackUrl], Awaitable[str]],
        signer: Signer,
        slots: DeliverySlots,
        timeout_s: float,
        now: Callable[[], datetime],
    ) -> None:
        self._policy_of = policy_of
        self._locate = locate
        self._signer = signer
        self._slots = slots
        self._timeout_s = timeout_s
        self._now = now
        #: How many attempts are under way; may be read from any thread.
        self.in_flight = 0

    async def until_free(self, receiver: str) -> None:
        """Wait until the pace lets an attempt to a receiver begin."""
        await self._slots.pace.until_free(receiver)

    async def make(
        self, callback: OwedCallback, body: bytes, connection: Connection, *, proven: bool, begun: Callable[[], None]
    ) -> Tried:
        """Wait for a slot and make one attempt.

        Args:
            callback: what is owed.
            body: what is sent.
            connection: the way to its receiver.
            proven: whether the receiver answered promptly the last time.
            begun: called when the attempt begins; until then it may be cancelled, and nothing was sent.
        """
        address = await self._address(callback)
        async with self._slots.slot(callback.lane.caller, callback.lane.receiver, address, proven=proven):
            begun()
            self.in_flight += 1
            try:
                attempted_at = self._now()
                failpoints.reached("mid_attempt")
                # The signature's time is the wall clock's: the receiver compares it with its own.
                own_headers = self._signer.headers(message_id(callback.request_id), int(time.time()), body)
                del own_headers["webhook-id"]  # the same at every attempt
                outcome = await self._post(connection, callback, own_headers, body)
                return Tried(outcome, attempted_at, self._now(), own_headers, digest(body))
            finally:
                self.in_flight -= 1

    async def _address(self, callback: OwedCallback) -> str:
        try:
            return await self._locate(self._policy_of(callback.job.owner).check(callback.url))
        except ForbiddenCallbackUrl:
            return callback.lane.receiver  # nothing will be dialled

    async def _post(
        self, connection: Connection, callback: OwedCallback, own_headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        headers = {**fixed_headers(callback.request_id), **own_headers}
        try:
            url = self._policy_of(callback.job.owner).check(callback.url)
            return await connection.post(url, headers, body, deadline_s=self._timeout_s)
        except ForbiddenCallbackUrl as error:
            return Failure("blocked_address", error.detail)
        except Exception:
            log.exception("An attempt failed in a way that is not foreseen.")
            return Failure("internal_error", "the attempt failed on our side")


def record_of(callback: OwedCallback, tried: Tried, next_attempt_at: datetime | None) -> Attempt:
    """Make the one record of an attempt: the log row, the log line and the event come from it."""
    return Attempt(
        request_id=callback.request_id,
        attempt_number=callback.attempts + 1,
        attempted_at=tried.attempted_at,
        ended_at=tried.ended_at,
        success=succeeded(tried.outcome),
        next_attempt_at=next_attempt_at,
        request_headers=tried.headers,
        request_body_sha256=tried.body_sha256,
        **_told(tried.outcome),
    )


def expiry_of(callback: OwedCallback, now: datetime, hours: float) -> Attempt:
    """Give up without another try; the log says so as if it were one."""
    return Attempt(
        request_id=callback.request_id,
        attempt_number=callback.attempts + 1,
        attempted_at=now,
        ended_at=now,
        status_code=None,
        success=False,
        error_code="expired",
        error_message=f"not sent: it was owed for {hours:g} hours",
    )


def _told(outcome: Outcome) -> dict[str, Any]:
    """What an outcome says in the callback log."""
    if isinstance(outcome, Failure):
        return {"status_code": None, "error_code": outcome.error_code, "error_message": outcome.message}
    told: dict[str, Any] = {
        "status_code": outcome.status_code,
        "response_headers": outcome.headers,
        "response_excerpt": _text(outcome.body_excerpt),
    }
    if not succeeded(outcome):
        told["error_code"] = "bad_status"
        told["error_message"] = f"The receiver answered {outcome.status_code}."
    return told


def _text(excerpt: bytes) -> str | None:
    """Make text of what a receiver sent; PostgreSQL stores no NUL."""
    return excerpt.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}") or None
