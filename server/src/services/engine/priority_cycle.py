"""Whose turn it is: a fixed cycle of the priorities, laid out smoothly by their shares."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from src.models import Priority

T = TypeVar("T")

#: What the shares are of: those of high first.
ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


@dataclass(frozen=True, slots=True)
class PriorityCycle:
    """Places of priorities that are begun one after the other; one whose priority does not wait is passed over.

    Weights that are carried over instead would let a low one wait for longer than a cycle when others come and go.
    """

    places: tuple[Priority, ...]

    @classmethod
    def of(cls, shares: Sequence[int]) -> "PriorityCycle":
        """Lay out a cycle: each place goes to who has fallen behind its share most.

        Args:
            shares: of `high`, `normal` and `low`; 8, 3 and 1 make H N H H L H N H H H N H.
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
        """Tell which of those that wait begins next, and where the cycle stands then.

        Args:
            waiting: at least one.
            at: where the cycle stands.
        """
        count = len(self.places)
        for step in range(count):
            place = (at + step) % count
            if self.places[place] in waiting:
                return self.places[place], (place + 1) % count
        raise ValueError("Nobody waits.")

    def starts_before(self, priority: Priority, ahead: Mapping[Priority, int], at: int = 0) -> int:
        """Count what begins before a request, if nothing else comes.

        Args:
            priority: the request's.
            ahead: what waits, by priority; of the request's own only what was accepted before it.
            at: where the cycle stands.
        """
        left = {each: ahead.get(each, 0) for each in ORDER}
        left[priority] += 1  # the request itself
        begun = 0
        while True:
            waiting = {each for each in ORDER if left[each]}
            # Whole rounds at once, as long as nobody's end comes into them.
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
        """Put the first of each priority into the order in which they will begin, if nothing else comes.

        Args:
            heads: what waits, in order, by priority; at least `count` of each, where there are so many.
            count: how many at most.
            at: where the cycle stands.
        """
        left = {priority: deque(head) for priority, head in heads.items() if head}
        ordered: list[T] = []
        while left and len(ordered) < count:
            chosen, at = self.next(left, at)
            ordered.append(left[chosen].popleft())
            if not left[chosen]:
                del left[chosen]
        return ordered
