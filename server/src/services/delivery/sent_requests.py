"""Reconstructs the requests that attempts sent: the log only stores what differs between attempts.

The body is not stored, because it is derived from the request, and from the time of the attempt where links are
signed. Its SHA-256 is, so that the exact body is shown or none at all: links begin with `PUBLIC_BASE_URL`, which may
have changed, like `SECRETS_KEY`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row

from src.services.delivery.message import message_body, message_id
from src.services.report_files.links import ReportLinks
from src.services.report_generator import ReportParameters
from src.services.requests.records import Finished, Job, OwedCallback, OwedReport

USER_AGENT = "financial-report-generator"


@dataclass(frozen=True, slots=True)
class SentRequest:
    """The HTTP request of an attempt, without framing headers (`Host`, `Content-Length`, …)."""

    url: str
    headers: Mapping[str, str]
    #: None if it can no longer be reconstructed.
    body: str | None


def fixed_headers(request_id: UUID) -> dict[str, str]:
    """Return the headers that are the same at every attempt."""
    return {"content-type": "application/json", "user-agent": USER_AGENT, "webhook-id": message_id(request_id)}


def digest(body: bytes) -> bytes:
    """Return the SHA-256 of a body, which the log stores."""
    return hashlib.sha256(body).digest()


class SentRequests:
    """The HTTP requests sent by the attempts to deliver one callback.

    Args:
        callback: the callback; None if what it tells of has not ended, so that nothing was sent.
        links: makes the links in the body.
    """

    def __init__(self, callback: OwedCallback | None, links: ReportLinks) -> None:
        self._callback = callback
        self._links = links
        #: By the end of their links.
        self._bodies: dict[int | None, bytes] = {}

    def of(self, log: Row[Any]) -> SentRequest | None:
        """Return the request an attempt sent; None if nothing was sent, or the log entry predates this record."""
        if self._callback is None or log.request_headers is None:
            return None
        return SentRequest(
            url=self._callback.url,
            headers={**fixed_headers(self._callback.request_id), **log.request_headers},
            body=self._body_of(self._callback, log),
        )

    def _body_of(self, callback: OwedCallback, log: Row[Any]) -> str | None:
        end = self._links.callback_end(log.attempted_at)
        if end not in self._bodies:
            self._bodies[end] = message_body(callback, self._links, end)
        body = self._bodies[end]
        return body.decode() if log.request_body_sha256 == digest(body) else None


def callback_of(request: Row[Any]) -> OwedReport | None:
    """Return the callback of a request, delivered or not; None if it has none, or has not ended."""
    if request.receiver is None or request.completed_at is None:
        return None
    result = request.result_payload
    return OwedReport(
        job=Job(
            request_id=request.id,
            queue_position=request.queue_position,
            caller=request.caller,
            parameters=ReportParameters.from_json(request.input_payload),
            callback_url=request.callback_url,
            receiver=request.receiver,
            generation_attempts=request.generation_attempts,
        ),
        finished=Finished(
            request_id=request.id,
            completed_at=request.completed_at,
            result=None if result is None else orjson.dumps(result).decode(),
            failure_reason=request.failure_reason,
        ),
    )
