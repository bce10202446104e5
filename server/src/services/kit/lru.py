"""Bounded least-recently-used maps: their memory does not grow with the number of callers."""

from collections import OrderedDict
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LruDict(OrderedDict[Key, Value]):
    """A dictionary that evicts the entry written longest ago; call `move_to_end` for a read to count like a write.

    Args:
        entries_max: maximum number of entries.
    """

    def __init__(self, entries_max: int) -> None:
        super().__init__()
        self._entries_max = entries_max

    def __setitem__(self, key: Key, value: Value) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        if len(self) > self._entries_max:
            self.popitem(last=False)


class Proven(LruDict[Key, None]):
    """Peers whose last response was prompt; a peer that is evicted has to prove itself again."""

    def judge(self, key: Key, *, prompt: bool) -> None:
        """Record whether a peer responded promptly."""
        if prompt:
            self[key] = None
        else:
            self.pop(key, None)
