"""The callback log as the wire shows it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

_ID = "0197c1e2-6d1f-7c7e-9d53-3f0a4a1b2c3d"
EXAMPLE: dict[str, Any] = {
    "request_id": _ID,
    "total_attempts": 1,
    "logs": [
        {
            "attempt_number": 1,
            "status_code": 503,
            "success": False,
            "error_code": "bad_status",
            "error_message": "The receiver answered 503.",
            "response_excerpt": "busy",
            "response_time_ms": 12,
            "attempted_at": "2026-01-31T09:30:00.123456Z",
            "next_attempt_at": "2026-01-31T09:30:01.135456Z",
            "request": {
                "url": "https://receiver.example.com/webhook",
                "headers": {
                    "content-type": "application/json",
                    "user-agent": "financial-report-generator",
                    "webhook-id": "msg_0197c1e26d1f7c7e9d533f0a4a1b2c3d",
                    "webhook-timestamp": "1769851800",
                    "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
                },
                "body": '{"type":"report.completed","timestamp":"2026-01-31T09:30:00.120000Z"}',
            },
            "response": {"headers": {"content-type": "text/plain", "retry-after": "1"}, "excerpt": "busy"},
        }
    ],
}


class AttemptedCallback(BaseModel):
    """One attempt to deliver a callback, as an event tells it."""

    model_config = ConfigDict(from_attributes=True)

    attempt_number: int
    status_code: int | None
    success: bool
    error_code: str | None
    error_message: str | None
    response_excerpt: str | None
    response_time_ms: int
    attempted_at: datetime
    next_attempt_at: datetime | None


class AttemptRequest(BaseModel):
    """What an attempt sent, or was about to send. Without the headers that only frame it, such as `Content-Length`."""

    model_config = ConfigDict(from_attributes=True)

    url: str
    headers: dict[str, str]
    body: str | None = Field(
        description="Exactly what was signed. It is made again from the request and compared with the SHA-256 of what "
        "was sent; null where they differ, as after a change of `PUBLIC_BASE_URL`."
    )


class AttemptResponse(BaseModel):
    """What an attempt was answered."""

    headers: dict[str, str] = Field(
        description="Names in lower case, values of one name joined by a comma; the first 2 KiB, without cookies."
    )
    excerpt: str | None = Field(description="The first KiB of the body, as text.")


class CallbackLog(AttemptedCallback):
    """One attempt to deliver a callback, with what was sent and what was answered."""

    request: AttemptRequest | None = Field(
        description="Null when nothing was to be sent (`expired`), or when it was logged by an earlier version."
    )
    response: AttemptResponse | None = Field(description="Null when no answer came.")


class CallbackLogs(BaseModel):
    """Every attempt to deliver a request's callback, first one first."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    request_id: UUID
    total_attempts: int
    logs: list[CallbackLog]
