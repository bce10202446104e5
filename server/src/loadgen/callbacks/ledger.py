"""The ledger of an async run: which requests were accepted, and which callbacks arrived. No I/O."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

RECENT_MAX = 10_000


class Accepted(NamedTuple):
    """A request acknowledged by the server."""

    request_id: str
    #: When it was sent or, in open loop, should have been sent.
    began_s: float
    #: The index of the receiver of its callback.
    receiver: int
    queue_position: int | None


class Arrival(NamedTuple):
    """The first callback for a request."""

    at_s: float
    receiver: int
    #: From the callback's body; None if absent.
    queue_position: int | None


@dataclass
class Reconciliation:
    """Accepted requests matched with callbacks. Lists are in the order of acceptance or of arrival."""

    accepted: list[Accepted]
    delivered: list[Accepted]
    missing: list[str]
    duplicate: list[str]
    out_of_order: list[str]
    #: With the index of the receiver.
    bad_signatures: list[tuple[str, int]]
    #: Callbacks for unknown requests: the acknowledgement was lost, or they belong to another client.
    unexpected: list[str]
    attempts: Counter[int] = field(default_factory=Counter)


def _nothing() -> None:
    """Do nothing, as nobody listens yet."""


class Ledger:
    """Records acceptances and arrivals, in any order.

    Args:
        origins: scheme, host and port of each receiver: delivery is ordered per origin.
    """

    def __init__(self, origins: list[str]) -> None:
        self._origins = origins
        #: Called after each change.
        self.changed: Callable[[], None] = _nothing
        self._warm_up: set[str] = set()
        self.accepted: dict[str, Accepted] = {}
        self.arrivals: dict[str, Arrival] = {}
        #: Requests for which no further callback is expected.
        self.closed: set[str] = set()
        self._acknowledged: set[str] = set()
        self._duplicates: Counter[str] = Counter()
        self._bad: list[tuple[str, int]] = []
        self._attempts: Counter[int] = Counter()
        self._open: dict[str, None] = {}
        #: Number of accepted requests with a callback.
        self.received = 0
        #: The latest of them: arrival time and time to callback, in seconds.
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT_MAX)

    @property
    def open(self) -> list[str]:
        """The accepted requests whose callback is still expected, oldest first."""
        return [*self._open]

    @property
    def is_complete(self) -> bool:
        """Whether no further callback is expected."""
        return not self._open

    def accept(self, accepted: Accepted) -> None:
        """Record an acknowledged request; its callback may have arrived before."""
        request_id = accepted.request_id
        if request_id in self.accepted:
            return
        self.accepted[request_id] = accepted
        self._match(request_id)
        if request_id not in self.closed:
            self._open[request_id] = None

    def forget_warm_up(self) -> None:
        """Discard everything so far as warm-up, including callbacks that arrive for it later."""
        self._warm_up |= self.accepted.keys() | self.arrivals.keys()
        self.accepted.clear()
        self.arrivals.clear()
        self._open.clear()
        self._duplicates.clear()
        self._attempts.clear()
        self._bad.clear()
        self.recent.clear()
        self.received = 0

    def attempted(self, receiver: int) -> None:
        """Count an attempt at a receiver, whatever its outcome."""
        self._attempts[receiver] += 1

    def arrived(self, request_id: str, arrival: Arrival, *, acknowledged: bool) -> None:
        """Record a callback.

        Args:
            request_id: from its body.
            arrival: its time, receiver and position.
            acknowledged: the response is a 2xx, so it must not arrive again.
        """
        if request_id in self._warm_up:
            return
        if request_id not in self.arrivals:
            self.arrivals[request_id] = arrival
            self._match(request_id)
        elif request_id in self._acknowledged:
            self._duplicates[request_id] += 1
        if acknowledged:
            self._acknowledged.add(request_id)
            self.close(request_id)
        self.changed()

    def badly_signed(self, request_id: str, receiver: int) -> None:
        """Record a callback with an invalid signature; it does not count as delivered."""
        self._bad.append((request_id, receiver))
        self.changed()

    def close(self, request_id: str) -> None:
        """Stop expecting callbacks for a request."""
        self.closed.add(request_id)
        self._open.pop(request_id, None)
        self.changed()

    def reconcile(self) -> Reconciliation:
        """Match accepted requests with callbacks."""
        known = self.accepted
        return Reconciliation(
            accepted=[*known.values()],
            delivered=[accepted for accepted in known.values() if accepted.request_id in self.arrivals],
            missing=[request_id for request_id in known if request_id not in self.arrivals],
            duplicate=[request_id for request_id in self._duplicates.elements() if request_id in known],
            out_of_order=self._overtaken(),
            bad_signatures=[(request_id, at) for request_id, at in self._bad if request_id not in self._warm_up],
            unexpected=[request_id for request_id in self.arrivals if request_id not in known],
            attempts=self._attempts,
        )

    def _match(self, request_id: str) -> None:
        """Count a delivery as soon as both acceptance and arrival are known."""
        accepted, arrival = self.accepted.get(request_id), self.arrivals.get(request_id)
        if accepted is not None and arrival is not None:
            self.received += 1
            self.recent.append((arrival.at_s, arrival.at_s - accepted.began_s))

    def _overtaken(self) -> list[str]:
        """Return the requests whose callback arrived, at its origin, after one with a higher position."""
        highest: dict[str, int] = {}
        overtaken = []
        for request_id, arrival in self.arrivals.items():
            accepted = self.accepted.get(request_id)
            if accepted is None:
                continue
            position = accepted.queue_position if arrival.queue_position is None else arrival.queue_position
            if position is None:
                continue
            origin = self._origins[arrival.receiver]
            if position < highest.get(origin, position):
                overtaken.append(request_id)
            highest[origin] = max(highest.get(origin, position), position)
        return overtaken
