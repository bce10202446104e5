"""Concurrency limits for DNS lookups, so that hanging names leave threads to responsive ones.

A hanging lookup holds its thread until the system gives up, and whoever runs a slow name server can make up any number
of names in its zone. So a zone gets only a few threads, and names that did not resolve promptly the last time, or have
never been resolved, share only part of all threads.
"""

from collections.abc import Callable
from weakref import WeakValueDictionary

from src.services.kit.bulkhead import Bulkhead, ReservedBulkhead
from src.services.kit.lru import Proven

LOOKUPS_MAX = 32  # concurrent lookups, over all receivers
LOOKUPS_UNPROVEN_MAX = 24  # of these, for names not known to be prompt
LOOKUPS_PER_ZONE_MAX = 4  # of these, for names of one zone
PROMPT_NAMES_MAX = 10_000
#: Registries such as `co.uk` and `com.au`: domains registered there have three labels.
_REGISTRY_CHARS_MAX = 3
#: The limits apply per zone, not per caller.
_ANYBODY = ""


class LookupTurns:
    """Grants lookups in FIFO order. Belongs to one event loop."""

    def __init__(self) -> None:
        self._threads = ReservedBulkhead(Bulkhead(LOOKUPS_MAX), Bulkhead(LOOKUPS_UNPROVEN_MAX))
        # A zone's entry lives as long as a lookup in it is running or waiting.
        self._zones: WeakValueDictionary[str, Bulkhead] = WeakValueDictionary()
        self._prompt: Proven[str] = Proven(PROMPT_NAMES_MAX)

    async def begin(self, host: str) -> Callable[[], None]:
        """Wait for permission to look a name up; returns the function that releases it, to be called once."""
        zone = self._zones.setdefault(zone_of(host), Bulkhead(LOOKUPS_PER_ZONE_MAX))
        proven = host in self._prompt
        # The zone first, so that waiting for it does not hold a thread.
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
        """Remember whether a name resolved promptly."""
        self._prompt.judge(host, prompt=prompt)


def zone_of(host: str) -> str:
    """Guess the registered domain of a name: its last two labels, or three below registries such as `co.uk`."""
    labels = host.lower().rstrip(".").split(".")
    below_registry = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _REGISTRY_CHARS_MAX
    return ".".join(labels[-3 if below_registry else -2 :])
