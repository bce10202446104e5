"""Log lines about requests, attempts and leadership terms."""

import logging
from collections.abc import Sequence
from typing import Any

from src.logs import LogFormat
from src.services.requests.observers import Ended, Observers, TermBegun
from src.services.requests.records import Attempt, NewRequest
from src.trace_context import TraceContext

log = logging.getLogger(__name__)


def log_lines(style: LogFormat) -> Observers:
    """Return observers that write the log.

    Args:
        style: `plain` is for people, who are told of what failed; `json` for programs, which get a line for each
            accepted request, finished report and attempt.
    """
    if style == "json":
        return Observers(accepted=_accepted, ended=_ended, attempted=_tried, term_begun=_term_begun)
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


def _accepted(requests: Sequence[NewRequest]) -> None:
    for request in requests:
        _write(
            "request accepted",
            request.trace,
            call_id=request.call_id or None,
            request_id=str(request.id),
            account=request.caller.owner.account,
            mode=request.mode,
            priority=request.priority,
        )


def _ended(reports: Sequence[Ended]) -> None:
    for report in reports:
        _write(
            "report finished",
            report.trace,
            request_id=str(report.request_id),
            account=report.account,
            mode=report.mode,
            status=report.status.lower(),
            waiting_ms=_ms(report.waiting_s),
            generating_ms=None if report.generating_s is None else _ms(report.generating_s),
            rows=report.rows,
            size_bytes=report.size_bytes,
        )


def _tried(attempt: Attempt) -> None:
    _write(
        "callback attempt",
        attempt.trace,
        request_id=str(attempt.request_id),
        account=attempt.account,
        attempt=attempt.attempt_number,
        success=attempt.success,
        status_code=attempt.status_code,
        error_code=attempt.error_code,
        response_time_ms=attempt.response_time_ms,
        next_attempt_at=attempt.next_attempt_at,
    )


def _write(event: str, trace: TraceContext | None, **fields: Any) -> None:
    # Several of one transaction are told of in the context of one call: its ids are not theirs.
    own = {"call_id": None, "trace_id": trace and trace.trace_id, **fields}
    log.info(event, extra={"fields": own})


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
