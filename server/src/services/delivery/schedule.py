"""When a callback is tried again, and whether. Pure: the time and the dice are arguments."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from src.services.outbound.client import Failure, Reply, lacks_resources

#: A receiver may ask for more patience than this, but does not get it.
RETRY_AFTER_MAX_S = 60.0
#: Waits are made longer by up to this share, so that callbacks which failed together do not come back together.
JITTER_SHARE = 0.1
#: Before the next attempt after one for which this machine lacked something.
LACK_WAIT_S = 5.0
#: The 4xx that say "later", not "no": 408 (RFC 9110, 15.5.9), 425 (RFC 8470, 5.2), 429 (RFC 6585, 4).
PASSING_REFUSALS = frozenset({408, 425, 429})


Outcome = Reply | Failure


def succeeded(outcome: Outcome) -> bool:
    """Any 2xx is a success, whatever its body does."""
    return isinstance(outcome, Reply) and 200 <= outcome.status_code < 300


def may_be_retried(outcome: Outcome) -> bool:
    """A fault of the network or of the receiver passes; a success or a refusal, theirs or ours, is the end."""
    if isinstance(outcome, Failure):
        return outcome.error_code != "blocked_address"
    return outcome.status_code >= 500 or outcome.status_code in PASSING_REFUSALS


def next_wait_s(
    outcome: Outcome, attempts_in_series: int, delays_s: tuple[float, ...], *, now: datetime, chance: float
) -> float | None:
    """Return the delay before the next attempt; None if there will be none.

    Args:
        outcome: what came of the last attempt.
        attempts_in_series: attempts made, with the last one.
        delays_s: waits before the second, third, … attempt.
        now: the time the attempt ended.
        chance: from 0 to 1; the wait becomes longer with it, never shorter.
    """
    if lacks_resources(outcome):
        return LACK_WAIT_S * (1 + JITTER_SHARE * chance)  # no matter how often: the receiver was never asked
    if succeeded(outcome) or not may_be_retried(outcome) or attempts_in_series > len(delays_s):
        return None
    asked_s = _retry_after_s(outcome.retry_after, now) if isinstance(outcome, Reply) else 0
    return max(delays_s[attempts_in_series - 1], asked_s) * (1 + JITTER_SHARE * chance)


def longest_wait_s(delays_s: tuple[float, ...]) -> float:
    """Return the longest delay that `next_wait_s` can return.

    A due time read from the table may be further away when the machine's clock was set back before a restart.
    """
    return max(*delays_s, RETRY_AFTER_MAX_S, LACK_WAIT_S) * (1 + JITTER_SHARE)


def _retry_after_s(header: str | None, now: datetime) -> float:
    """Read `Retry-After` (RFC 9110, section 10.2.3): seconds or a date; what cannot be read counts as zero."""
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
