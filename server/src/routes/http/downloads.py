"""What a request for a report is answered with, before its file is looked at: preconditions and ranges (RFC 9110)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import Any

from fastapi import Request, Response
from sqlalchemy import Row

from src.routes.http.preconditions import Validators, Verdict, conditional_headers, judge, names_version
from src.routes.http.problems import instance_of, problem
from src.routes.http.ranges import Part, Unsatisfiable, part_asked_for
from src.services.report_files.storage import attachment

_TEXT = {"type": "string"}
CSV_CONTENT: dict[str, Any] = {
    "text/csv": {
        "schema": _TEXT,
        "example": "Transaction ID,Date,Type,Category,Description,Amount,Currency\r\n"
        "TXN-0000001,2026-01-13,Revenue,Subscriptions,Plan upgrade,534.69,USD\r\n",
    }
}
VALIDATOR_HEADERS: dict[str, Any] = {
    "ETag": {"schema": _TEXT, "description": "The SHA-256 of the whole report, in quotes."},
    "Last-Modified": {"schema": _TEXT, "description": "When the report was generated."},
}
FILE_HEADERS: dict[str, Any] = {
    **VALIDATOR_HEADERS,
    "Accept-Ranges": {"schema": _TEXT, "description": "`bytes`"},
    "Content-Disposition": {"schema": _TEXT, "description": "The name of the file."},
}
PART_HEADERS: dict[str, Any] = {
    **FILE_HEADERS,
    "Content-Range": {"schema": _TEXT, "description": "Which bytes of how many (RFC 9110, 14.4)."},
}
#: The successful responses, for the OpenAPI document.
DOWNLOADED: dict[int | str, dict[str, Any]] = {
    200: {"content": CSV_CONTENT, "description": "The report (RFC 4180, UTF-8).", "headers": FILE_HEADERS},
    206: {"content": CSV_CONTENT, "description": "A part of the report.", "headers": PART_HEADERS},
    302: {
        "description": "Where reports are kept in S3 (and `STORAGE_DOWNLOADS` is `auto`): an address of the store,"
        " good for `STORAGE_SIGNED_URL_SECONDS`.",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}, "description": "The address."}},
    },
    304: {"description": "The report has not changed.", "headers": VALIDATOR_HEADERS},
}


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What is known of a report that has been stored.

    Args:
        validators: by which it is known.
        size_bytes: of the whole.
        headers: that say what it is.
    """

    validators: Validators
    size_bytes: int
    headers: Mapping[str, str]

    @property
    def caching(self) -> dict[str, str]:
        """The caching headers, also sent with a 304 and a 412."""
        return {
            "etag": f'"{self.validators.etag}"',
            "last-modified": formatdate(self.validators.last_modified.timestamp(), usegmt=True),
            "cache-control": "private, no-cache",
        }


@dataclass(frozen=True, slots=True)
class Download:
    """A report, or a part of it, that is to be sent.

    Args:
        part: which bytes.
        status: 200, or 206 for less than the whole.
        headers: without `Content-Length`.
        may_redirect: another server, which does not know our validators, would send the same.
    """

    part: Part
    status: int
    headers: Mapping[str, str]
    may_redirect: bool


def stored_report(row: Row[Any]) -> StoredReport:
    """Read it from the row of a completed request."""
    result = row.result_payload
    return StoredReport(
        Validators(result["sha256"], row.completed_at.replace(microsecond=0)),
        result["file_size_bytes"],
        {"content-disposition": attachment(row.id, result["report_name"]), "x-content-type-options": "nosniff"},
    )


def judge_download(request: Request, stored: StoredReport, now: datetime) -> Download | Response:
    """Evaluate preconditions and the range; a response where nothing is to be sent: 304, 412 or 416."""
    conditions = conditional_headers(request.scope)
    verdict = judge(request.method, conditions, stored.validators, now)
    if verdict is Verdict.FAILED:
        detail = f"This report is not the one that the request is about: its ETag is {stored.caching['etag']}."
        return problem(412, "precondition-failed", detail, instance_of(request.scope), headers=stored.caching)
    if verdict is Verdict.NOT_MODIFIED:
        return Response(status_code=304, headers=stored.caching)
    # For HEAD ranges are not defined (section 14.2).
    wants_part = request.method == "GET" and verdict is Verdict.PERFORM
    size_bytes = stored.size_bytes
    try:
        part = part_asked_for(conditions.get("range") if wants_part else None, size_bytes)
    except Unsatisfiable:
        detail = f"The report has {size_bytes:,} bytes, numbered from 0; nothing of the range lies inside."
        refusal = {"content-range": f"bytes */{size_bytes}", "accept-ranges": "bytes"}
        return problem(416, "range-not-satisfiable", detail, instance_of(request.scope), headers=refusal)
    headers = {**stored.caching, **stored.headers, "accept-ranges": "bytes"}
    if part:
        headers["content-range"] = part.content_range(size_bytes)
    may_redirect = request.method == "GET" and not names_version(conditions)
    return Download(part or Part(0, size_bytes), 206 if part else 200, headers, may_redirect)
