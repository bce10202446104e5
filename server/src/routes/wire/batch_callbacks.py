"""What a receiver is sent of a batch, as the OpenAPI document tells it."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Body
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from src.routes.wire.batches import BatchCounts

_BATCH_ID = "0197c1e2-7a3b-7d10-8e42-5b6c7d8e9f01"
_ENTRY_ID = "0197c1e2-7a3c-7a55-b1c2-d3e4f5061728"
_BASE = "https://reports.example.com/api"
EXAMPLES: dict[str, Any] = {
    "completed": {
        "summary": "Every report of the batch has ended.",
        "value": {
            "type": "batch.completed",
            "timestamp": "2026-01-31T09:30:00.123456Z",
            "batch_id": _BATCH_ID,
            "name": "Month end",
            "status": "completed",
            "data": {
                "count": 1,
                "counts": {
                    "PENDING": 0,
                    "PROCESSING": 0,
                    "COMPLETED": 1,
                    "FAILED": 0,
                    "CANCELLED": 0,
                    "deleted": 0,
                },
                "entries": [
                    {
                        "index": 0,
                        "request_id": _ENTRY_ID,
                        "status": "completed",
                        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                        "link": f"{_BASE}/reports/{_ENTRY_ID}.csv",
                    }
                ],
            },
            "links": {
                "batch": f"{_BASE}/batches/{_BATCH_ID}",
                "requests": f"{_BASE}/batches/{_BATCH_ID}/requests",
            },
        },
    }
}


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default")


class BatchCallbackEntry(BaseModel):
    """How a request of the batch ended."""

    index: int
    request_id: UUID
    status: Literal["completed", "failed", "cancelled"]
    sha256: str | None
    link: str | SkipJsonSchema[None] = Field(
        default=None, description="The file; absent when there is none.", json_schema_extra=_no_default
    )


class BatchCallbackData(BaseModel):
    """How the batch ended."""

    count: int
    counts: BatchCounts
    entries: list[BatchCallbackEntry] | None = Field(
        description="Null in a batch of more than 100: read them at `links.requests`."
    )


class BatchCallbackLinks(BaseModel):
    """Where to look further: absolute URLs that begin with `PUBLIC_BASE_URL`."""

    batch: str
    requests: str


class BatchCallbackMessage(BaseModel):
    """What a receiver is sent. Signed as Standard Webhooks 1.0 says."""

    type: Literal["batch.completed"]
    timestamp: str = Field(description="When the last request ended, RFC 3339 in UTC.")
    batch_id: UUID
    name: str | None
    status: Literal["completed", "cancelled"]
    data: BatchCallbackData
    links: BatchCallbackLinks


def batch_callback(body: Annotated[BatchCallbackMessage, Body(openapi_examples=EXAMPLES)]) -> None:
    """Tell a receiver that every request of a batch has ended, behind the callbacks of those that go there."""
