"""Traces by the OpenTelemetry SDK, exported by OTLP over HTTP.

    POST ──▶ wait ──▶ generate ──▶ attempt ──▶ attempt …

All of them are children of the POST, whose context is stored with the request: whichever process generates or
delivers, and however often it is restarted, adds to the same trace. What follows the POST is recorded as a whole when
it has ended, with the times of its row: it may have begun in another process.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation import set_span_in_context

from src.models import Mode, Status
from src.random_ids import new_hex
from src.services.requests.observers import Ended, Observers
from src.services.requests.records import Attempt, attempt_span
from src.trace_context import TraceContext

SERVICE_NAME = "financial-report-generator"
#: Timeout of one export, with its retries, seconds; what the collector has not taken by then is lost.
EXPORTED_WITHIN_S = 5.0
#: Time for what is left at shutdown, seconds; then an export that is under way is the last.
CLOSED_WITHIN_S = 2.0
#: Spans waiting for their export; beyond it, the oldest are dropped.
SPANS_MAX = 10_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Attributes = Mapping[str, str | int]


class OtlpTracing:
    """Records spans from any thread; nothing waits for the collector.

    Args:
        endpoint: base URL of the collector.
        version: of the service.
    """

    def __init__(self, endpoint: str, version: str) -> None:
        self._ids = _Ids()
        of_service = {"service.name": SERVICE_NAME, "service.version": version, "service.instance.id": new_hex(8)}
        # Its sampler is that of OTEL_TRACES_SAMPLER; by default every trace is recorded whose caller does not object.
        self._provider = TracerProvider(
            resource=Resource.create(of_service), id_generator=self._ids, shutdown_on_exit=False
        )
        self._tracer = self._provider.get_tracer(SERVICE_NAME, version)
        self._exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORTED_WITHIN_S)

    def start(self) -> None:
        """Start the thread that exports."""
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter, max_queue_size=SPANS_MAX))

    async def aclose(self) -> None:
        """Export what is left within `CLOSED_WITHIN_S`, and end the thread."""
        closing = asyncio.get_running_loop().run_in_executor(None, self._provider.shutdown)
        if not (await asyncio.wait([closing], timeout=CLOSED_WITHIN_S))[0]:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the exports that follow fail at once
        await closing

    def begin_call(self, parent: TraceContext | None, method: str, path: str, scheme: str) -> "OtlpCall":
        """Begin the span of an HTTP call; without a parent, it is the first of its trace."""
        attributes = {"http.request.method": method, "url.path": path, "url.scheme": scheme}
        below = _below(parent) if parent else Context()
        return OtlpCall(self._tracer.start_span(method, below, SpanKind.SERVER, attributes), method)

    def observers(self) -> Observers:
        """Return observers that record waiting, generation and attempts."""
        return Observers(ended=self._ended, attempted=self._attempted)

    def _ended(self, reports: Sequence[Ended]) -> None:
        for report in reports:
            if report.trace is not None:
                self._record_report(report, report.trace)

    def _record_report(self, report: Ended, trace: TraceContext) -> None:
        attributes: Attributes = {"frg.request.id": str(report.request_id), "frg.mode": report.mode}
        begun_at = report.created_at + timedelta(seconds=report.waiting_s)
        if report.mode is Mode.ASYNC:
            self._record("wait", trace, attributes, (report.created_at, begun_at))
        if report.generating_s is not None:
            ended_at = begun_at + timedelta(seconds=report.generating_s)
            about: Attributes = {"frg.report.status": report.status.lower(), "frg.report.rows": report.rows}
            error = "report failed" if report.status is Status.FAILED else None
            self._record(
                "generate",
                trace,
                {**attributes, **about, "frg.report.size": report.size_bytes},
                (begun_at, ended_at),
                error=error,
            )

    def _attempted(self, attempt: Attempt) -> None:
        if attempt.trace is None:
            return
        attributes: dict[str, str | int] = {
            "frg.request.id": str(attempt.request_id),
            "frg.callback.attempt": attempt.attempt_number,
            "http.request.method": "POST",
            **_of_url(attempt.url or ""),
        }
        if attempt.attempt_number > 1:
            attributes["http.request.resend_count"] = attempt.attempt_number - 1
        if attempt.status_code is not None:
            attributes["http.response.status_code"] = attempt.status_code
        error = None if attempt.success else str(attempt.status_code or attempt.error_code)
        own = attempt_span(attempt.trace, attempt.request_id, attempt.attempt_number)
        with self._ids.next_is(own.span_id):
            times = (attempt.attempted_at, attempt.ended_at)
            self._record("POST", attempt.trace, attributes, times, SpanKind.CLIENT, error=error)

    def _record(
        self,
        name: str,
        parent: TraceContext,
        attributes: Attributes,
        times: tuple[datetime, datetime],
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        error: str | None = None,
    ) -> None:
        begun_at, ended_at = times
        span = self._tracer.start_span(name, _below(parent), kind, attributes, start_time=_ns(begun_at))
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(StatusCode.ERROR)
        span.end(_ns(ended_at))


class OtlpCall:
    """An HTTP call that is being answered."""

    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method
        ids = span.get_span_context()
        self.context = TraceContext(f"{ids.trace_id:032x}", f"{ids.span_id:016x}", ids.trace_flags.sampled)

    def end(self, route: str | None, status: int) -> None:
        """Record its end; the attributes are those of the semantic conventions for HTTP servers."""
        if route is not None:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute("http.route", route)
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if not status or status >= 500:
            self._span.set_attribute("error.type", str(status or "no response"))
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class _Ids(RandomIdGenerator):
    """Random ids, but for spans whose id the receiver was told before they were recorded."""

    def __init__(self) -> None:
        self._next: ContextVar[int | None] = ContextVar("next_span_id", default=None)

    @contextmanager
    def next_is(self, span_id: str) -> Iterator[None]:
        """Give spans of this context an id."""
        token = self._next.set(int(span_id, 16))
        try:
            yield
        finally:
            self._next.reset(token)

    def generate_span_id(self) -> int:
        return self._next.get() or super().generate_span_id()


def _below(parent: TraceContext) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    ids = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(ids), Context())


def _of_url(text: str) -> Attributes:
    """Describe a URL without its query, which may hold a secret."""
    url = urlsplit(text)
    if not url.hostname:
        return {}
    default_port = 443 if url.scheme == "https" else 80
    return {
        "url.full": url._replace(query="", fragment="").geturl(),
        "server.address": url.hostname,
        "server.port": url.port or default_port,
    }


def _ns(moment: datetime) -> int:
    """Return nanoseconds since 1970 without the rounding of floats."""
    return (moment - _EPOCH) // _MICROSECOND * 1_000
