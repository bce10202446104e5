"""The explanation of a request as the wire shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from src.services.requests.explanation import Kind, Span, total_ms

_ID = "0197c1e2-6d1f-7c7e-9d53-3f0a4a1b2c3d"
EXAMPLE: dict[str, Any] = {
    "request_id": _ID,
    "total_ms": 1512.5,
    "spans": [
        {
            "kind": "waiting",
            "from": "2026-01-31T09:30:00.000000Z",
            "to": "2026-01-31T09:30:01.000000Z",
            "ms": 1000.0,
            "count": 2,
            "attempt": None,
            "request_id": None,
            "text": "It waited for its turn, behind 2 other reports.",
        },
        {
            "kind": "generating",
            "from": "2026-01-31T09:30:01.000000Z",
            "to": "2026-01-31T09:30:01.500000Z",
            "ms": 500.0,
            "count": None,
            "attempt": None,
            "request_id": None,
            "text": "The report was generated.",
        },
        {
            "kind": "attempt",
            "from": "2026-01-31T09:30:01.500000Z",
            "to": "2026-01-31T09:30:01.512500Z",
            "ms": 12.5,
            "count": None,
            "attempt": 1,
            "request_id": None,
            "text": "Attempt 1: The receiver answered 200.",
        },
    ],
}


class ExplainedSpan(BaseModel):
    """What a request did, or waited for, from one moment to another."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    kind: Kind
    begin: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    ms: float
    count: int | None = Field(description="`waiting`: the starts before its own, of anybody's reports; 10,000 at most.")
    attempt: int | None = Field(description="`attempt`: its number.")
    request_id: UUID | None = Field(description="`held`: the earlier callback of its lane that it waited for.")
    text: str = Field(description="The same, as a sentence.")


class Explanation(BaseModel):
    """Where a request's time went. Spans touch, and add up to the whole: up to now, where it has not ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    request_id: UUID
    total_ms: float
    spans: list[ExplainedSpan]

    @classmethod
    def of(cls, request_id: UUID, spans: Sequence[Span]) -> Self:
        """Show spans."""
        shown = [
            ExplainedSpan(
                kind=span.kind,
                begin=span.begin,
                end=span.end,
                ms=span.ms,
                count=span.count,
                attempt=span.attempt,
                request_id=span.request_id,
                text=span.text,
            )
            for span in spans
        ]
        return cls(request_id=request_id, total_ms=total_ms(spans), spans=shown)
