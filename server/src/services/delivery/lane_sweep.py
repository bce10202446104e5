"""Looking through the table for lanes with something to send, in turns between callers."""

from src.services.requests.records import OwedLane
from src.services.requests.store import RequestStore

#: One look takes so many callers, and so many lanes of each; the next one goes on behind them.
CALLERS_MAX = 200
LANES_MAX = 2_000
LANES_OF_ONE_MIN = 10


class LaneSweep:
    """Remembers how far it has come: it is everybody's turn after a while, wherever in the alphabet.

    Args:
        store: the statements.
    """

    def __init__(self, store: RequestStore) -> None:
        self._store = store
        self._last_caller = ""
        #: Of callers who have more lanes than one look takes.
        self._last_seen: dict[str, tuple[str, str]] = {}

    async def look(self) -> list[OwedLane]:
        """Name the next lanes with callbacks that are owed; the first of every caller come first."""
        callers = await self._store.callers_owed(self._last_caller, CALLERS_MAX)
        if not callers and self._last_caller:
            callers = await self._store.callers_owed("", CALLERS_MAX)
        self._last_caller = callers[-1] if len(callers) == CALLERS_MAX else ""
        if not callers:
            self._last_seen.clear()
            return []
        limit = max(LANES_MAX // len(callers), LANES_OF_ONE_MIN)
        found = await self._store.lanes_owed(
            {caller: self._last_seen.pop(caller, ("", "")) for caller in callers}, limit
        )
        seen: dict[str, list[tuple[str, str]]] = {}
        for owed in found:
            seen.setdefault(owed.key.caller, []).append((owed.key.receiver, owed.key.sequence))
        self._last_seen |= {caller: lanes[-1] for caller, lanes in seen.items() if len(lanes) == limit}
        return found
