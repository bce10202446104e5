"""The demo receiver, which can simulate failures and keeps the last 100 callbacks in memory."""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from src.services.delivery.signing import SignatureRefused, Signer
from src.services.kit.lru import LruDict

RECEIVED_MAX = 100
HANG_MAX_S = 60.0
HEADER_CHARS_MAX = 500
SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """How the receiver misbehaves. Evaluated in this order, and only if enabled.

    Args:
        enabled: whether the simulation is on.
        hang: do not respond at all, for up to 60 s.
        fail_next: the number of next callbacks to respond to with `status_code`; counts down.
        failure_rate: the share of the other callbacks to respond to with `status_code`, 0 to 1.
        status_code: the status of a simulated failure.
    """

    enabled: bool = False
    hang: bool = False
    fail_next: int = 0
    failure_rate: float = 0.0
    status_code: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One callback as received."""

    received_at: datetime
    webhook_id: str | None
    signature_valid: bool
    #: Why the signature was rejected; null if it is valid.
    signature_error: str | None
    #: The status of the response; null if the receiver hangs.
    answered: int | None
    #: The three signature headers, as received.
    headers: dict[str, str]
    #: The signed bytes, as text; empty if the signature is invalid.
    raw_body: str = field(repr=False)
    body: Any = field(repr=False)


#: Accounts whose callbacks and switches are kept; others begin anew.
ACCOUNTS_MAX = 100


class DemoReceivers:
    """A demo receiver for each account: none sees another's callbacks, nor makes them fail.

    Args:
        create: makes the receiver of one account.
    """

    def __init__(self, create: "Callable[[], DemoReceiver]") -> None:
        self._create = create
        self._receivers: LruDict[str | None, DemoReceiver] = LruDict(ACCOUNTS_MAX)

    def of(self, account: str | None) -> "DemoReceiver":
        """Return the receiver of an account; None: of the unnamed one."""
        receiver = self._receivers.get(account) or self._create()
        self._receivers[account] = receiver
        return receiver


class DemoReceiver:
    """Verifies and remembers callbacks, and decides how to respond.

    Args:
        now: the time, aware UTC.
        wall_s: the wall clock in seconds since 1970, which signatures are checked against.
    """

    def __init__(self, *, now: Callable[[], datetime], wall_s: Callable[[], float]) -> None:
        self.simulation = Simulation()
        self._now = now
        self._wall_s = wall_s
        self._received: deque[Received] = deque(maxlen=RECEIVED_MAX)

    @property
    def received(self) -> list[Received]:
        """The received callbacks, newest first."""
        return list(reversed(self._received))

    def forget(self) -> int:
        """Forget the received callbacks; returns their number."""
        count = len(self._received)
        self._received.clear()
        return count

    def receive(self, signer: Signer, headers: Mapping[str, str], body: bytes) -> Received:
        """Record a callback and decide on the response: 401 for an invalid signature, otherwise as simulated.

        Args:
            signer: has the secrets that the callback is to be signed with.
            headers: of the request.
            body: exactly the bytes that were received.
        """
        error = self._signature_error(signer, headers, body)
        received = Received(
            received_at=self._now(),
            webhook_id=headers.get("webhook-id"),
            signature_valid=error is None,
            signature_error=error,
            answered=401 if error else self._response_status(),
            headers={name: headers[name][:HEADER_CHARS_MAX] for name in SIGNATURE_HEADERS if name in headers},
            raw_body=body.decode() if error is None else "",
            body=_parsed(body) if error is None else None,
        )
        self._received.append(received)
        return received

    def _signature_error(self, signer: Signer, headers: Mapping[str, str], body: bytes) -> str | None:
        try:
            signer.verify(headers, body, self._wall_s())
        except SignatureRefused as refused:
            return refused.reason
        return None

    def _response_status(self) -> int | None:
        simulation = self.simulation
        if not simulation.enabled:
            return 200
        if simulation.hang:
            return None
        if simulation.fail_next:
            self.simulation = replace(simulation, fail_next=simulation.fail_next - 1)
            return simulation.status_code
        if random.random() < simulation.failure_rate:  # noqa: S311  a die for a demo, not a secret
            return simulation.status_code
        return 200


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
