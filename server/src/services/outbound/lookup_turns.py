"""Who may look a name up now: names that hang leave threads to those that answer.

A lookup that hangs holds its thread until the system gives up, and whoever runs a slow name server can make up any
number of names in its zone. So a zone has few threads, and names that did not answer promptly the last time, or were
never looked up, get only a part of all.
"""

from collections.abc import Callable
from weakref import WeakValueDictionary

from src.services.kit.bulkhead import Bulkhead, ReservedBulkhead
from src.services.kit.lru import Proven

LOOKUPS_MAX = 32  # threads at the same moment, over all receivers
LOOKUPS_UNPROVEN_MAX = 24  # of them for names that have not proved prompt
LOOKUPS_PER_ZONE_MAX = 4  # of them for the names of one zone
PROMPT_NAMES_MAX = 10_000
#: `co.uk`, `com.au`: what is registered there is one label longer.
_REGISTRY_CHARS_MAX = 3
#: Turns are shared by zone, not by caller.
_ANYBODY = ""


class LookupTurns:
    """Hands out turns, first come, first served. Belongs to one event loop."""

    def __init__(self) -> None:
        self._threads = ReservedBulkhead(Bulkhead(LOOKUPS_MAX), Bulkhead(LOOKUPS_UNPROVEN_MAX))
        # A zone's entry lives as long as somebody looks one of its names up or waits for that.
        self._zones: WeakValueDictionary[str, Bulkhead] = WeakValueDictionary()
        self._prompt: Proven[str] = Proven(PROMPT_NAMES_MAX)

    async def begin(self, host: str) -> Callable[[], None]:
        """Wait for a turn; returns what ends it, to be called once."""
        zone = self._zones.setdefault(zone_of(host), Bulkhead(LOOKUPS_PER_ZONE_MAX))
        proven = host in self._prompt
        # The zone first: those who wait for it take no thread from others.
        await zone.acquire(_ANYBODY)
        try:
            await self._threads.acquire(_ANYBODY, proven=proven)
        except BaseException:
            zone.release(_ANYBODY)
            raise

        def end() -> None:
            self._threads.release(_ANYBODY, proven=proven)
            zone.release(_ANYBODY)

        return end

    def judge(self, host: str, *, prompt: bool) -> None:
        """Remember whether a name answered promptly."""
        self._prompt.judge(host, prompt=prompt)


def zone_of(host: str) -> str:
    """Guess the part of a name that one owner has: the last two labels, or three below such as `co.uk`."""
    labels = host.lower().rstrip(".").split(".")
    below_registry = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _REGISTRY_CHARS_MAX
    return ".".join(labels[-3 if below_registry else -2 :])
