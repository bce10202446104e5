"""Conversion of database rows to records, and back."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import orjson

from src.models import Mode, Priority, Status
from src.services.identity.caller import Owner
from src.services.report_generator import ReportParameters
from src.services.requests.observers import Ended
from src.services.requests.records import (
    Attempt,
    CompletedReport,
    Duplicate,
    Finished,
    Job,
    LaneKey,
    OwedLane,
    OwedReport,
)
from src.trace_context import TraceContext


def ended_of(record: asyncpg.Record, result: str | None = None) -> Ended:
    """Build the record of an ended generation.

    Args:
        record: the row of the request.
        result: its result as JSON text, if there is one.
    """
    described = orjson.loads(result) if result else None
    began, ended = record["started_at"], record["completed_at"]
    return Ended(
        request_id=record["id"],
        mode=Mode(record["mode"]),
        status=Status(record["status"]),
        waiting_s=((began or ended) - record["created_at"]).total_seconds(),
        generating_s=(ended - began).total_seconds() if began else None,
        created_at=record["created_at"],
        rows=described["summary"]["total_transactions"] if described else 0,
        size_bytes=described["file_size_bytes"] if described else 0,
        account=record["account"],
        trace=_trace_of(record),
    )


def duplicate_of(record: asyncpg.Record) -> Duplicate:
    """Build the request that a key belongs to."""
    result = record["result_payload"]
    return Duplicate(
        request_id=record["id"],
        mode=Mode(record["mode"]),
        status=Status(record["status"]),
        queue_position=record["queue_position"],
        created_at=record["created_at"],
        result=orjson.loads(result) if result else None,
    )


def job_of(record: asyncpg.Record) -> Job:
    """Build a job."""
    return Job(
        request_id=record["id"],
        queue_position=record["queue_position"],
        caller=record["caller"],
        parameters=ReportParameters.from_json(orjson.loads(record["input_payload"])),
        callback_url=record["callback_url"],
        receiver=record["receiver"],
        generation_attempts=record["generation_attempts"],
        priority=Priority(record["priority"]),
        owner=Owner(record["account"], record["run_id"]),
        trace=_trace_of(record),
        batch_id=record["batch_id"],
    )


def owed_of(record: asyncpg.Record) -> OwedReport:
    """Build an undelivered callback."""
    return OwedReport(
        job=job_of(record),
        finished=Finished(
            request_id=record["id"],
            completed_at=record["completed_at"],
            result=record["result_payload"],
            failure_reason=record["failure_reason"],
        ),
        attempts=record["callback_attempts"],
        series_start=record["callback_series_start"],
        next_attempt_at=record["callback_next_attempt_at"],
        redelivered_at=record["callback_redelivered_at"],
    )


def owed_lanes_of(records: Iterable[asyncpg.Record]) -> list[OwedLane]:
    """Build the lanes with undelivered callbacks."""
    return [
        OwedLane(key=LaneKey(caller, receiver, sequence), next_attempt_at=due, owed_since=since)
        for caller, receiver, sequence, due, since in records
    ]


def completed_of(record: asyncpg.Record) -> CompletedReport:
    """Build a stored report."""
    result = orjson.loads(record["result_payload"])
    return CompletedReport(
        request_id=record["id"],
        parameters=ReportParameters.from_json(orjson.loads(record["input_payload"])),
        size_bytes=result["file_size_bytes"],
        sha256=result["sha256"],
    )


def _trace_of(record: asyncpg.Record) -> TraceContext | None:
    header: str | None = record["traceparent"]
    return TraceContext.parse(header) if header else None


def columns_of_attempts(attempts: Sequence[Attempt], epoch: int | None) -> list[Any]:
    """Build the arguments of the statements that record attempts."""
    return [
        [a.request_id for a in attempts],
        [a.attempt_number for a in attempts],
        [a.status_code for a in attempts],
        [a.success for a in attempts],
        [a.error_code for a in attempts],
        [a.error_message for a in attempts],
        [a.response_excerpt for a in attempts],
        [a.response_time_ms for a in attempts],
        [a.attempted_at for a in attempts],
        [a.ended_at for a in attempts],
        [a.next_attempt_at for a in attempts],
        epoch,
        [_json(a.request_headers) for a in attempts],
        [a.request_body_sha256 for a in attempts],
        [_json(a.response_headers) for a in attempts],
    ]


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
