"""What was written last, up to a number: memory that does not grow with whoever may call."""

from collections import OrderedDict
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LruDict(OrderedDict[Key, Value]):
    """A dictionary that forgets the entry written longest ago; `move_to_end` lets a look count like a write.

    Args:
        entries_max: entries that are remembered.
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
    """Who answered promptly the last time; whoever is forgotten has to prove itself again."""

    def judge(self, key: Key, *, prompt: bool) -> None:
        """Remember whether a peer was prompt."""
        if prompt:
            self[key] = None
        else:
            self.pop(key, None)
