"""`--receiver-faults 'fail=10%,hang=2%'`: the share of callbacks sent to a misbehaving receiver, by kind of fault."""

import re
from collections.abc import Mapping
from enum import StrEnum

_SHARE = re.compile(r"([a-z]+)\s*=\s*([0-9]+(?:\.[0-9]+)?)\s*%", re.ASCII)


class Fault(StrEnum):
    """How a receiver responds to callbacks."""

    #: 200 to every callback.
    PLAIN = "plain"
    #: 500 to the first attempt, 200 to the next: a retry.
    FAIL = "fail"
    #: No response to the first attempt, 200 to the next: a timeout and a retry.
    HANG = "hang"
    #: Always 410: the callback fails permanently.
    REJECT = "reject"
    #: 200, but loses the callback: it is missing from the account.
    DROP = "drop"
    #: Counts every callback twice, as if an intermediary had duplicated it.
    DOUBLE = "double"


def parse_faults(text: str) -> dict[Fault, float]:
    """Parse the shares, in percent, of the requests whose callbacks go to a faulty receiver.

    Raises:
        ValueError: a fault is unknown or repeated, or the total exceeds 100 %; one sentence.
    """
    shares: dict[Fault, float] = {}
    names = [fault.value for fault in Fault if fault is not Fault.PLAIN]
    for part in text.split(","):
        match = _SHARE.fullmatch(part.strip())
        if match is None or match[1] not in names or Fault(match[1]) in shares:
            raise ValueError(
                f"{part.strip()!r} is not a fault and its share; write each of {', '.join(names)} as fail=10%"
            )
        shares[Fault(match[1])] = float(match[2])
    if sum(shares.values()) > 100:
        raise ValueError("the shares of the faults exceed 100% in total")
    return shares


class Mixer:
    """Distributes requests over receivers so that at any time each has had its share, plus or minus one.

    Args:
        shares: percentage of each fault; the rest is plain.
    """

    def __init__(self, shares: Mapping[Fault, float]) -> None:
        plain = 100 - sum(shares.values())
        self.faults = [Fault.PLAIN, *shares]
        self._shares = [plain / 100, *(share / 100 for share in shares.values())]
        self._given = [0] * len(self.faults)

    def next(self) -> int:
        """Return the index, in `faults`, of the next request's receiver: the one furthest behind its share."""
        total = sum(self._given) + 1
        behind = [share * total - given for share, given in zip(self._shares, self._given, strict=True)]
        index = behind.index(max(behind))
        self._given[index] += 1
        return index
