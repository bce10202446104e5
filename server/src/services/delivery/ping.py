"""Pings: a signed test message checks that callbacks reach a receiver; nothing is stored."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import orjson

from src.errors import Unavailable
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.message import message_id, utc_text
from src.services.delivery.pace import Rate
from src.services.delivery.schedule import Outcome, succeeded
from src.services.delivery.sent_requests import USER_AGENT
from src.services.delivery.signers import Signers
from src.services.delivery.signing import Signer
from src.services.identity.caller import Owner, account_of
from src.services.kit.lru import LruDict
from src.services.outbound.callback_url import CallbackUrl
from src.services.outbound.client import Failure, ReceiverClient
from src.services.outbound.guard import CallbackGuard, literal_address
from src.services.outbound.transport import Timings

#: Per receiver and per address, in addition to callbacks.
PINGS_MAX = Rate(60, 60.0)
#: Whose ping a message is, for the demo receiver.
PINGS_REMEMBERED_MAX = 1_000
NOTE = "A requested test message; there is no report."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinged:
    """The result of a ping; durations in seconds."""

    outcome: Outcome
    #: None if there was no name to resolve, or the timeout passed first.
    dns_s: float | None
    timings: Timings

    @property
    def error_code(self) -> str | None:
        """The error code that the callback log would show."""
        if isinstance(self.outcome, Failure):
            return self.outcome.error_code
        return None if succeeded(self.outcome) else "bad_status"


class Pinger:
    """Sends `test.ping`, under the rules of an attempt. Belongs to one event loop.

    Pings have separate rate limits, slots and lookups: they neither wait for callbacks nor delay them.

    Args:
        guard: approves the address before connecting.
        connect: creates the client of a receiver.
        signers: sign pings like callbacks.
        slots: limits concurrency and rate.
        timeout_s: total timeout, including the wait for a slot, seconds.
        now: the time, aware UTC.
    """

    def __init__(
        self,
        *,
        guard: CallbackGuard,
        connect: Callable[[str], ReceiverClient],
        signers: Signers,
        slots: DeliverySlots,
        timeout_s: float,
        now: Callable[[], datetime],
    ) -> None:
        self._guard = guard
        self._connect = connect
        self._signers = signers
        self._slots = slots
        self._timeout_s = timeout_s
        self._now = now
        self._pinged_by: LruDict[str, str] = LruDict(PINGS_REMEMBERED_MAX)

    async def ping(self, caller: str, url: CallbackUrl) -> Pinged:
        """Resolve, connect, send, and wait for the response; failures of the receiver are returned, not raised.

        Args:
            caller: the name that limits are counted by.
            url: a URL that has just been validated.

        Raises:
            Unavailable: no slot became free in time, or it cannot be signed.
        """
        signer = await self._signers.of(Owner(account_of(caller)))
        clock, dns_s, timings, waiting = asyncio.get_running_loop().time, None, Timings(), False
        began_s = clock()
        try:
            async with asyncio.timeout(self._timeout_s):
                address = await self._guard.locate(url)
                dns_s = None if literal_address(url.host) else clock() - began_s
                waiting = True
                async with self._slots.slot(caller, url.receiver, address, proven=False):
                    waiting = False
                    client = self._connect(url.receiver)
                    try:
                        outcome = await client.post(url, *self._message(caller, signer), deadline_s=self._timeout_s)
                    finally:
                        timings = client.timings()
                        await client.aclose()
        except TimeoutError:
            if waiting:
                raise Unavailable("Too many pings, in total or to this receiver; try again.") from None
            outcome = Failure("timeout", f"no response within {self._timeout_s:g} s")
        return Pinged(outcome=outcome, dns_s=dns_s, timings=timings)

    def pinged_by(self, message: str) -> str | None:
        """Return the name of the caller whose ping has a `webhook-id`; None if it is not known."""
        return self._pinged_by.get(message)

    def _message(self, caller: str, signer: Signer) -> tuple[dict[str, str], bytes]:
        message = {"type": "test.ping", "timestamp": utc_text(self._now()), "data": {"note": NOTE}}
        body = orjson.dumps(message)
        # Signatures use the wall clock: the receiver compares it with its own.
        ping_id = message_id(uuid4())
        self._pinged_by[ping_id] = caller
        signature = signer.headers(ping_id, int(time.time()), body)
        return {"content-type": "application/json", "user-agent": USER_AGENT, **signature}, body
