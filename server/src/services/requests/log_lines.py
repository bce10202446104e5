"""Log lines about attempts and leadership terms."""

import logging

from src.services.requests.observers import Observers, TermBegun
from src.services.requests.records import Attempt

log = logging.getLogger(__name__)


def log_lines() -> Observers:
    """Return observers that write the log."""
    return Observers(attempted=_attempted, term_begun=_term_begun)


def _attempted(attempt: Attempt) -> None:
    log.log(
        logging.DEBUG if attempt.success else logging.INFO,
        "callback attempt %d for %s: %s in %d ms",
        attempt.attempt_number,
        attempt.request_id,
        attempt.status_code or attempt.error_code,
        attempt.response_time_ms,
    )


def _term_begun(term: TermBegun) -> None:
    log.info("This process is the leader (epoch %d).", term.epoch)
