"""The retry schedule: whether and when to retry a callback. Pure: time and randomness are arguments."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from src.services.outbound.client import Failure, Reply, lacks_resources

#: Upper limit of a receiver's `Retry-After`.
RETRY_AFTER_MAX_S = 60.0
#: Delays are lengthened by up to this share, so that callbacks that failed together are not retried together.
JITTER_SHARE = 0.1
#: Delay after an attempt that failed because this machine lacked a resource.
LACK_WAIT_S = 5.0
#: The temporary 4xx: 408 (RFC 9110, 15.5.9), 425 (RFC 8470, 5.2), 429 (RFC 6585, 4).
PASSING_REFUSALS = frozenset({408, 425, 429})


Outcome = Reply | Failure


def succeeded(outcome: Outcome) -> bool:
    """Return whether the response is a 2xx, whatever happened to its body."""
    return isinstance(outcome, Reply) and 200 <= outcome.status_code < 300


def may_be_retried(outcome: Outcome) -> bool:
    """Return whether the failure may be temporary; successes and refusals, the receiver's or our own, are final."""
    if isinstance(outcome, Failure):
        return outcome.error_code != "blocked_address"
    return outcome.status_code >= 500 or outcome.status_code in PASSING_REFUSALS


def next_wait_s(
    outcome: Outcome, attempts_in_series: int, delays_s: tuple[float, ...], *, now: datetime, chance: float
) -> float | None:
    """Return the delay before the next attempt; None if there will be none.

    Args:
        outcome: the outcome of the last attempt.
        attempts_in_series: attempts made, including the last one.
        delays_s: delays before the second, third, … attempt.
        now: the time the attempt ended.
        chance: a random number from 0 to 1 for jitter, which only lengthens the delay.
    """
    if lacks_resources(outcome):
        return LACK_WAIT_S * (1 + JITTER_SHARE * chance)  # without a limit: the receiver was never contacted
    if succeeded(outcome) or not may_be_retried(outcome) or attempts_in_series > len(delays_s):
        return None
    asked_s = _retry_after_s(outcome.retry_after, now) if isinstance(outcome, Reply) else 0
    return max(delays_s[attempts_in_series - 1], asked_s) * (1 + JITTER_SHARE * chance)


def longest_wait_s(delays_s: tuple[float, ...]) -> float:
    """Return the longest delay that `next_wait_s` can return.

    A due time read from the table may be further away if the machine's clock was set back before a restart.
    """
    return max(*delays_s, RETRY_AFTER_MAX_S, LACK_WAIT_S) * (1 + JITTER_SHARE)


def _retry_after_s(header: str | None, now: datetime) -> float:
    """Parse `Retry-After` (RFC 9110, section 10.2.3), seconds or a date; an invalid value counts as zero."""
    if header is None:
        return 0
    if header.strip().isdecimal() and header.isascii():
        asked_s = float(header.strip()[:10])
    else:
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            return 0
        asked_s = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    return min(max(asked_s, 0), RETRY_AFTER_MAX_S)
