"""A limit on the number of receivers for which a caller has pending requests or callbacks."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from src.services.kit.group_commit import GroupCommit

#: Minimum interval of lookups of a caller's receivers, triggered by a new receiver: other processes accept as well.
LOOKED_UP_EVERY_S = 2.0
#: The same at the limit, where capacity may become free at any moment.
LOOKED_UP_AT_LIMIT_EVERY_S = 0.2
LOOKED_UP_TOGETHER_MAX = 64
#: Callers, and receivers of all of them, kept in memory; the least recently active caller is evicted first.
CALLERS_MAX = 20_000
RECEIVERS_MAX = 200_000

_NOBODY = ""

LookUp = Callable[[Collection[str], int], Awaitable[Mapping[str, set[str]]]]


@dataclass(slots=True)
class _Caller:
    """The receivers of one caller, as far as known: a superset of the actual ones, unless other processes accept."""

    receivers: set[str] = field(default_factory=set)
    looked_up_at_s: float | None = None
    #: Receivers of admitted requests whose transaction has not ended: a lookup may miss them.
    in_flight: dict[str, int] = field(default_factory=dict)
    #: Receivers admitted since the current lookup began.
    meanwhile: set[str] = field(default_factory=set)

    def begin(self, receiver: str) -> None:
        """Count a request that is being stored."""
        self.in_flight[receiver] = self.in_flight.get(receiver, 0) + 1
        self.meanwhile.add(receiver)

    def end(self, receiver: str) -> None:
        """Count a request that has been stored or has failed."""
        if self.in_flight[receiver] == 1:
            del self.in_flight[receiver]
        else:
            self.in_flight[receiver] -= 1


class ReceiverQuota:
    """Admits requests while their caller's number of receivers is within the limit. Belongs to one event loop.

    Known receivers need no query. Completed deliveries are only noticed by a lookup: until then the number is
    overestimated.

    Args:
        look_up: returns the receivers of some callers, up to a given number each.
        receivers_max: maximum number of receivers per caller.
        now_s: seconds from any starting point, never going back.
    """

    def __init__(self, look_up: LookUp, *, receivers_max: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._look_up_of = look_up
        self._receivers_max = receivers_max
        self._now_s = now_s
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._remembered = 0
        self._look_ups = GroupCommit(self._look_up, items_max=LOOKED_UP_TOGETHER_MAX)

    async def admit(self, caller: str, receiver: str) -> bool:
        """Return whether a request to this receiver may be accepted; if so, it must be settled later.

        Raises:
            DatabaseAway: a lookup was due, and failed.
        """
        known = self._callers.get(caller)
        if known is None or receiver not in known.receivers:
            known = await self._with_room_known(caller)
            if receiver not in known.receivers and len(known.receivers) >= self._receivers_max:
                return False
            if receiver not in known.receivers:
                known.receivers.add(receiver)
                self._remembered += 1
        known.begin(receiver)
        return True

    def settle(self, caller: str, receiver: str) -> None:
        """Settle an admitted request, whether or not it has been stored."""
        self._callers[caller].end(receiver)

    async def _with_room_known(self, caller: str) -> _Caller:
        """Return what is known of a caller, after a lookup if one is due."""
        known = self._callers.setdefault(caller, _Caller())
        self._callers.move_to_end(caller)
        full = len(known.receivers) >= self._receivers_max
        every_s = LOOKED_UP_AT_LIMIT_EVERY_S if full else LOOKED_UP_EVERY_S
        if known.looked_up_at_s is None or self._now_s() - known.looked_up_at_s > every_s:
            known.begin(_NOBODY)  # protects it from eviction in the meantime
            try:
                await self._look_ups.submit(caller)
            finally:
                known.end(_NOBODY)
        return known

    async def _look_up(self, callers: Sequence[str]) -> list[None]:
        asked = {caller: self._callers[caller] for caller in callers}
        for known in asked.values():
            known.meanwhile = set(known.in_flight)
        found = await self._look_up_of(list(asked), self._receivers_max)
        for caller, known in asked.items():
            before = len(known.receivers)
            known.receivers = (found[caller] | known.meanwhile) - {_NOBODY}
            known.looked_up_at_s = self._now_s()
            self._remembered += len(known.receivers) - before
        self._forget()
        return [None] * len(callers)

    def _forget(self) -> None:
        """Evict the least recently active callers; their receivers can be looked up again."""
        while len(self._callers) > CALLERS_MAX or self._remembered > RECEIVERS_MAX:
            quiet = next((caller for caller, known in self._callers.items() if not known.in_flight), None)
            if quiet is None:
                return
            self._remembered -= len(self._callers.pop(quiet).receivers)
