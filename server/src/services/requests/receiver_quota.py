"""How many receivers each caller has something waiting or owed for, so that there is a limit."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from src.services.kit.group_commit import GroupCommit

#: A receiver that is new to a caller has the caller's receivers looked up, where that was done longer ago: other
#: processes accept as well.
LOOKED_UP_EVERY_S = 2.0
#: At the limit, where room may be found at any moment.
LOOKED_UP_AT_LIMIT_EVERY_S = 0.2
LOOKED_UP_TOGETHER_MAX = 64
#: Callers, and receivers of all of them, that are remembered; who was quiet longest is forgotten first.
CALLERS_MAX = 20_000
RECEIVERS_MAX = 200_000

_NOBODY = ""

LookUp = Callable[[Collection[str], int], Awaitable[Mapping[str, set[str]]]]


@dataclass(slots=True)
class _Caller:
    """What is known of one caller: never less than what is so, as long as nobody else accepts."""

    receivers: set[str] = field(default_factory=set)
    looked_up_at_s: float | None = None
    #: Admitted, and not known to be stored or refused: a look into the table may not see it.
    in_flight: dict[str, int] = field(default_factory=dict)
    #: Admitted since the last look began.
    meanwhile: set[str] = field(default_factory=set)

    def begin(self, receiver: str) -> None:
        """A request is under way."""
        self.in_flight[receiver] = self.in_flight.get(receiver, 0) + 1
        self.meanwhile.add(receiver)

    def end(self, receiver: str) -> None:
        """It has come to its end."""
        if self.in_flight[receiver] == 1:
            del self.in_flight[receiver]
        else:
            self.in_flight[receiver] -= 1


class ReceiverQuota:
    """Admits requests as long as their caller has few receivers. Belongs to one event loop.

    A caller that names the receivers it always names costs nothing. What has been delivered is only noticed when the
    table is looked at: until then the estimate errs to the safe side.

    Args:
        look_up: reads the receivers of some callers, each up to a number.
        receivers_max: receivers of one caller.
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
            DatabaseAway: the table had to be looked at.
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
        """Say that a request which was admitted has been stored, may have been, or has not."""
        self._callers[caller].end(receiver)

    async def _with_room_known(self, caller: str) -> _Caller:
        """Find what is known of a caller, after a look into the table where one is due."""
        known = self._callers.setdefault(caller, _Caller())
        self._callers.move_to_end(caller)
        full = len(known.receivers) >= self._receivers_max
        every_s = LOOKED_UP_AT_LIMIT_EVERY_S if full else LOOKED_UP_EVERY_S
        if known.looked_up_at_s is None or self._now_s() - known.looked_up_at_s > every_s:
            known.begin(_NOBODY)  # it is not to be forgotten meanwhile
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
        """Forget callers that were quiet longest; what they have stands in the table."""
        while len(self._callers) > CALLERS_MAX or self._remembered > RECEIVERS_MAX:
            quiet = next((caller for caller, known in self._callers.items() if not known.in_flight), None)
            if quiet is None:
                return
            self._remembered -= len(self._callers.pop(quiet).receivers)
