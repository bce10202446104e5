"""Who may look a name up now: names that hang leave threads to those that answer.

A lookup that hangs holds its thread until the system gives up, and whoever runs a slow name server can make up any
number of names in its zone. So a zone has few threads, and names that did not answer promptly the last time, or were
never looked up, get only a part of all.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakValueDictionary

LOOKUPS_MAX = 32  # threads at the same moment, over all receivers
LOOKUPS_UNPROVEN_MAX = 24  # of them for names that have not proved prompt
LOOKUPS_PER_ZONE_MAX = 4  # of them for the names of one zone
PROMPT_NAMES_MAX = 10_000
#: `co.uk`, `com.au`: what is registered there is one label longer.
_REGISTRY_CHARS_MAX = 3


class LookupTurns:
    """Hands out turns, first come, first served. Belongs to one event loop."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(LOOKUPS_MAX)
        self._unproven = asyncio.Semaphore(LOOKUPS_UNPROVEN_MAX)
        # A zone's entry lives as long as somebody looks one of its names up or waits for that.
        self._zones: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._prompt: OrderedDict[str, None] = OrderedDict()

    async def begin(self, host: str) -> Callable[[], None]:
        """Wait for a turn; returns what ends it, to be called once."""
        zone = self._zones.setdefault(zone_of(host), asyncio.Semaphore(LOOKUPS_PER_ZONE_MAX))
        # The zone first: those who wait for it take no thread from others.
        gates = [zone, self._all] if host in self._prompt else [zone, self._unproven, self._all]
        passed: list[asyncio.Semaphore] = []

        def end() -> None:
            for gate in passed:
                gate.release()

        try:
            for gate in gates:
                await gate.acquire()
                passed.append(gate)
        except BaseException:
            end()
            raise
        return end

    def judge(self, host: str, *, prompt: bool) -> None:
        """Remember whether a name answered promptly."""
        self._prompt.pop(host, None)
        if prompt:
            self._prompt[host] = None
        if len(self._prompt) > PROMPT_NAMES_MAX:
            self._prompt.popitem(last=False)


def zone_of(host: str) -> str:
    """Guess the part of a name that one owner has: the last two labels, or three below such as `co.uk`."""
    labels = host.lower().rstrip(".").split(".")
    below_registry = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _REGISTRY_CHARS_MAX
    return ".".join(labels[-3 if below_registry else -2 :])
