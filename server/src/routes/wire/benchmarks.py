"""The wire of benchmarks: what is asked for, what was measured, and runs side by side."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict

CONCURRENCY_MAX = 100
REQUESTS_MAX = 5_000
TRANSACTIONS_MAX = 1_000
RATE_MAX_PER_S = 2_000

Milliseconds = float | None
RunStatusName = Literal["RUNNING", "COMPLETED", "STOPPED", "FAILED"]


class BenchmarkRequest(BaseModel):
    """How this server is to be measured."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"concurrency": 20, "requests": 20, "num_transactions": 50}]},
    )

    concurrency: Annotated[int, Strict()] = Field(
        default=20, ge=1, le=CONCURRENCY_MAX, description="Callers at the same moment."
    )
    requests: Annotated[int, Strict()] = Field(
        default=20, ge=1, le=REQUESTS_MAX, description="Requests, for each of the two modes."
    )
    num_transactions: Annotated[int, Strict()] = Field(
        default=50, ge=1, le=TRANSACTIONS_MAX, description="Rows of each report."
    )
    rate_per_s: Annotated[float, Strict()] | None = Field(
        default=None,
        ge=0.1,
        le=RATE_MAX_PER_S,
        description="Requests begun in a second, whatever becomes of those before (an open loop; latency counts from "
        "when the request was due). Left out: each caller waits for its answer before it asks again (a closed loop).",
    )


class Spread(BaseModel):
    """How a time is distributed, ms."""

    min_ms: Milliseconds
    avg_ms: Milliseconds
    p50_ms: Milliseconds
    p95_ms: Milliseconds
    p99_ms: Milliseconds
    max_ms: Milliseconds
    count: int


class Distribution(BaseModel):
    """A distribution to draw."""

    percentile_curve: list[tuple[float, float]] = Field(description="Pairs of percentile and ms.")
    histogram: list[tuple[float, float, int]] = Field(description="From ms, to ms, how many.")


class TimelinePoint(BaseModel):
    """What happened in one part of the run, which begins at `t_ms`."""

    t_ms: float
    sent: int
    done: int
    failed: int
    p50_ms: Milliseconds
    p95_ms: Milliseconds
    p99_ms: Milliseconds


class ReceiverAccount(BaseModel):
    """What one receiver got."""

    name: str
    url: str
    accepted: int
    received: int
    missing: int
    duplicate: int
    out_of_order: int
    bad_signatures: int | None
    attempts: int = Field(description="Whatever came, also what was refused or came again.")


class Account(BaseModel):
    """Where every accepted request ended up."""

    accepted: int
    delivered: int
    missing: int
    duplicate: int
    out_of_order: int
    bad_signatures: int | None = Field(description="Null: signatures were not checked.")
    unexpected: int = Field(description="Callbacks for requests that were never acknowledged to the load generator.")
    by_state: dict[str, int] = Field(description="Requests by `status/callback_status`, as the server tells them.")
    missing_ids: list[str]
    duplicate_ids: list[str]
    out_of_order_ids: list[str]
    bad_signature_ids: list[str]
    unexpected_ids: list[str]
    complete: bool
    sentence: str


class SyncSide(BaseModel):
    """What a mode's requests measured. Failures are counted by kind and are in no percentile."""

    mode: Literal["sync", "async"]
    total_requests: int
    successful: int
    failed: int
    avg_latency_ms: Milliseconds
    min_latency_ms: Milliseconds
    max_latency_ms: Milliseconds
    p50_ms: Milliseconds
    p90_ms: Milliseconds
    p95_ms: Milliseconds
    p99_ms: Milliseconds
    p999_ms: Milliseconds
    throughput_per_s: float | None
    duration_ms: float = Field(description="From the first request to the last result (async: the last callback).")
    client_blocked_ms: float = Field(description="The time that callers waited for answers, added up.")
    failures_by_kind: dict[str, int]
    latency: Distribution
    timeline: list[TimelinePoint]


class AsyncSide(SyncSide):
    """Latencies are those of the acknowledgement; times to callback count from the sending of the request."""

    callbacks_received: int
    callbacks_missing: int
    callbacks_duplicate: int
    callbacks_out_of_order: int
    avg_callback_ms: Milliseconds
    p50_callback_ms: Milliseconds
    p95_callback_ms: Milliseconds
    p99_callback_ms: Milliseconds
    acknowledged_per_s: float | None
    acknowledge: Spread
    waiting: Spread
    generating: Spread
    callback: Spread
    callback_curve: Distribution
    scatter: list[tuple[float, float, int]] = Field(
        description="When it was sent (ms from the beginning), time to callback (ms), which receiver."
    )
    receivers: list[ReceiverAccount]
    account: Account


class Generator(BaseModel):
    """Whether the load generator itself was the limit."""

    cpu_percent: float | None = Field(description="Of one processor, while it was sending.")
    without_cpu_percent: float | None = Field(description="When it wanted a processor and had none.")
    limited: bool
    sentence: str
    lag_p50_ms: Milliseconds = Field(description="How late its event loop was.")
    lag_p99_ms: Milliseconds
    late_p50_ms: Milliseconds = Field(description="How late requests were sent (open loop).")
    late_p99_ms: Milliseconds
    held_up: int = Field(description="Requests that waited for a connection (open loop).")


class BenchmarkAnswer(BaseModel):
    """What was measured; a mode that was not asked for is null."""

    sync: SyncSide | None
    async_: AsyncSide | None = Field(alias="async")
    config: dict[str, Any]
    test_duration_ms: float
    interrupted: bool
    started_at: datetime
    generator: Generator
    thresholds: list[dict[str, Any]]


class BenchmarkStarted(BaseModel):
    """The run is under way; its progress is on the WebSocket as `benchmark.progress`."""

    run_id: UUID
    status: RunStatusName
    status_url: str


class RunFigures(BaseModel):
    """The figures of one mode in a list of runs."""

    total_requests: int
    successful: int
    failed: int
    throughput_per_s: float | None
    p50_ms: Milliseconds
    p95_ms: Milliseconds
    p99_ms: Milliseconds
    p95_callback_ms: Milliseconds = None


class _Run(BaseModel):
    run_id: UUID
    mode: Literal["sync", "async", "both"]
    status: RunStatusName
    config: dict[str, Any]
    failure_reason: str | None
    created_at: datetime
    ended_at: datetime | None


class BenchmarkRun(_Run):
    """One run in a list."""

    sync: RunFigures | None
    async_: RunFigures | None = Field(alias="async")

    model_config = ConfigDict(populate_by_name=True)


class BenchmarkRuns(BaseModel):
    """The runs that are kept, newest first."""

    runs: list[BenchmarkRun]


class BenchmarkRunDetail(_Run):
    """One run with everything that was measured."""

    progress: dict[str, Any] | None = Field(description="What it said last, while it is under way in this process.")
    summary: BenchmarkAnswer | None


class ComparedMeasure(BaseModel):
    """One figure of two runs."""

    model_config = ConfigDict(from_attributes=True)

    mode: Literal["sync", "async"]
    measure: str
    a: float | None
    b: float | None
    change_percent: float | None
    better: bool | None = Field(description="Whether b is better than a; null where neither is.")


class BenchmarkComparison(BaseModel):
    """Two runs side by side."""

    a: BenchmarkRun
    b: BenchmarkRun
    measures: list[ComparedMeasure]


class RunDeleted(BaseModel):
    """The run is gone."""

    deleted: Literal[True]
    run_id: UUID
