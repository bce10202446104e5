"""`--receiver-faults 'fail=10%,hang=2%'`: which share of the callbacks goes to a receiver that misbehaves, and how."""

import re
from collections.abc import Mapping
from enum import StrEnum

_SHARE = re.compile(r"([a-z]+)\s*=\s*([0-9]+(?:\.[0-9]+)?)\s*%", re.ASCII)


class Fault(StrEnum):
    """How a receiver treats the callbacks it is sent."""

    #: Takes every callback: 200.
    PLAIN = "plain"
    #: Answers the first attempt with 500, and takes the next one: a retry.
    FAIL = "fail"
    #: Never answers the first attempt, and takes the next one: a timeout, and a retry.
    HANG = "hang"
    #: Answers 410 always: the callback has failed for good.
    REJECT = "reject"
    #: Answers 200 and loses the callback: it is missing from the account.
    DROP = "drop"
    #: Takes each callback twice, as if something before it had doubled it.
    DOUBLE = "double"


def parse_faults(text: str) -> dict[Fault, float]:
    """Read the shares, in per cent, of the requests whose callbacks meet a fault.

    Raises:
        ValueError: a fault is unknown or named twice, or they are more than 100 % together; one sentence.
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
        raise ValueError("the faults' shares are more than 100% together")
    return shares


class Mixer:
    """Spreads requests over receivers so that after any number of them each had its share, give or take one.

    Args:
        shares: per cent for each fault; the rest is plain.
    """

    def __init__(self, shares: Mapping[Fault, float]) -> None:
        plain = 100 - sum(shares.values())
        self.faults = [Fault.PLAIN, *shares]
        self._shares = [plain / 100, *(share / 100 for share in shares.values())]
        self._given = [0] * len(self.faults)

    def next(self) -> int:
        """The place, in `faults`, of the receiver for the next request: the one that is furthest behind its share."""
        total = sum(self._given) + 1
        behind = [share * total - given for share, given in zip(self._shares, self._given, strict=True)]
        place = behind.index(max(behind))
        self._given[place] += 1
        return place
