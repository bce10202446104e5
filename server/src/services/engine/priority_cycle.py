"""Scheduling between priorities: a fixed cycle, a smooth weighted round robin computed from their shares."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from src.models import Priority

T = TypeVar("T")

#: The order of the shares.
ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


@dataclass(frozen=True, slots=True)
class PriorityCycle:
    """The order in which priorities start jobs; a place whose priority has no waiting job is skipped.

    With dynamic weights instead, a low priority could wait for longer than a cycle while others come and go.
    """

    places: tuple[Priority, ...]

    @classmethod
    def of(cls, shares: Sequence[int]) -> "PriorityCycle":
        """Compute a cycle: each place goes to the priority furthest behind its share.

        Args:
            shares: of `high`, `normal` and `low`; 8, 3 and 1 yield H N H H L H N H H H N H.
        """
        weights = dict(zip(ORDER, shares, strict=True))
        behind = dict.fromkeys(ORDER, 0)
        places = []
        for _ in range(sum(shares)):
            for priority in ORDER:
                behind[priority] += weights[priority]
            chosen = max(ORDER, key=lambda priority: behind[priority])
            behind[chosen] -= sum(shares)
            places.append(chosen)
        return cls(tuple(places))

    def next(self, waiting: Collection[Priority], at: int) -> tuple[Priority, int]:
        """Return the priority that starts next, and the index in the cycle after it.

        Args:
            waiting: the priorities with waiting jobs, at least one.
            at: the current index in the cycle.
        """
        count = len(self.places)
        for step in range(count):
            place = (at + step) % count
            if self.places[place] in waiting:
                return self.places[place], (place + 1) % count
        raise ValueError("No priority is waiting.")

    def starts_before(self, priority: Priority, ahead: Mapping[Priority, int], at: int = 0) -> int:
        """Count the jobs that start before a request, if no more are accepted.

        Args:
            priority: the request's.
            ahead: waiting requests by priority; of its own priority only those accepted earlier.
            at: the current index in the cycle.
        """
        left = {each: ahead.get(each, 0) for each in ORDER}
        left[priority] += 1  # the request itself
        begun = 0
        while True:
            waiting = {each for each in ORDER if left[each]}
            # Complete rounds at once, while no priority runs out within them.
            rounds = min((left[each] - 1) // self.places.count(each) for each in waiting)
            for each in waiting:
                left[each] -= rounds * self.places.count(each)
                begun += rounds * self.places.count(each)
            for _ in self.places:
                chosen, at = self.next(waiting, at)
                left[chosen] -= 1
                if chosen is priority and not left[chosen]:
                    return begun
                begun += 1
                if not left[chosen]:
                    break

    def in_order(self, heads: Mapping[Priority, Sequence[T]], count: int, at: int = 0) -> list[T]:
        """Merge the heads of all priorities in the order in which they will start, if no more are accepted.

        Args:
            heads: waiting items in order, by priority; at least `count` of each, if there are as many.
            count: maximum number of items to return.
            at: the current index in the cycle.
        """
        left = {priority: deque(head) for priority, head in heads.items() if head}
        ordered: list[T] = []
        while left and len(ordered) < count:
            chosen, at = self.next(left, at)
            ordered.append(left[chosen].popleft())
            if not left[chosen]:
                del left[chosen]
        return ordered
