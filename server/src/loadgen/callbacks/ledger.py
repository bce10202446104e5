"""The books of an async run: what the server accepted, and what came back. Nothing here waits or calls anybody."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

RECENT_MAX = 10_000


class Accepted(NamedTuple):
    """A request that the server acknowledged."""

    request_id: str
    #: When it was sent or, in open loop, should have been.
    began_s: float
    #: The place of the receiver that its callback is to go to.
    receiver: int
    queue_position: int | None


class Arrival(NamedTuple):
    """The first callback for a request."""

    at_s: float
    receiver: int
    #: From the callback's body; None when it has none.
    queue_position: int | None


@dataclass
class Books:
    """How it adds up at the end. Every list holds request ids, in the order of acceptance or of arrival."""

    accepted: list[Accepted]
    delivered: list[Accepted]
    missing: list[str]
    duplicate: list[str]
    out_of_order: list[str]
    #: With the place of the receiver.
    bad_signatures: list[tuple[str, int]]
    #: Callbacks for requests that nobody remembers: the acknowledgement was lost, or they are somebody else's.
    unexpected: list[str]
    attempts: Counter[int] = field(default_factory=Counter)


def _nothing() -> None:
    """Tell nobody."""


class Ledger:
    """Takes down acceptances and arrivals, in whichever order they come.

    Args:
        origins: for each receiver its scheme, host and port: order is kept for each origin.
    """

    def __init__(self, origins: list[str]) -> None:
        self._origins = origins
        #: Called when something new was taken down.
        self.changed: Callable[[], None] = _nothing
        self._warm_up: set[str] = set()
        self.accepted: dict[str, Accepted] = {}
        self.arrivals: dict[str, Arrival] = {}
        #: Requests for which no further callback is to be expected.
        self.settled: set[str] = set()
        self._acknowledged: set[str] = set()
        self._duplicates: Counter[str] = Counter()
        self._bad: list[tuple[str, int]] = []
        self._attempts: Counter[int] = Counter()
        self._open: dict[str, None] = {}
        #: How many accepted requests were called back.
        self.received = 0
        #: The latest of them: when each was called back, and how long after it was sent, in seconds.
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT_MAX)

    @property
    def open(self) -> list[str]:
        """The accepted requests whose callback is still to be expected, first one first."""
        return [*self._open]

    @property
    def is_settled(self) -> bool:
        """No callback is to be expected any more."""
        return not self._open

    def accept(self, accepted: Accepted) -> None:
        """A request was acknowledged; its callback may have come before."""
        request_id = accepted.request_id
        if request_id in self.accepted:
            return
        self.accepted[request_id] = accepted
        self._match(request_id)
        if request_id not in self.settled:
            self._open[request_id] = None

    def forget_warm_up(self) -> None:
        """Everything until now was warm-up: it does not count, and neither does what still comes of it."""
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
        """Something arrived at a receiver, whatever becomes of it."""
        self._attempts[receiver] += 1

    def arrived(self, request_id: str, arrival: Arrival, *, acknowledged: bool) -> None:
        """A callback arrived and is counted.

        Args:
            request_id: from its body.
            arrival: when, where and with which position.
            acknowledged: it is answered 2xx, so that it must not come again.
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
            self.settle(request_id)
        self.changed()

    def badly_signed(self, request_id: str, receiver: int) -> None:
        """A callback that no holder of the secret sent; it does not count as delivered."""
        self._bad.append((request_id, receiver))
        self.changed()

    def settle(self, request_id: str) -> None:
        """Expect nothing more for a request."""
        self.settled.add(request_id)
        self._open.pop(request_id, None)
        self.changed()

    def books(self) -> Books:
        """Add it up."""
        known = self.accepted
        return Books(
            accepted=[*known.values()],
            delivered=[one for one in known.values() if one.request_id in self.arrivals],
            missing=[one for one in known if one not in self.arrivals],
            duplicate=[one for one in self._duplicates.elements() if one in known],
            out_of_order=self._overtaken(),
            bad_signatures=[one for one in self._bad if one[0] not in self._warm_up],
            unexpected=[one for one in self.arrivals if one not in known],
            attempts=self._attempts,
        )

    def _match(self, request_id: str) -> None:
        """Count a delivery as soon as both acceptance and arrival are known."""
        accepted, arrival = self.accepted.get(request_id), self.arrivals.get(request_id)
        if accepted is not None and arrival is not None:
            self.received += 1
            self.recent.append((arrival.at_s, arrival.at_s - accepted.began_s))

    def _overtaken(self) -> list[str]:
        """The requests whose callback came, at its origin, after one with a higher position."""
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
