"""The figures of a run as they are written down: the `--json` file, and what table and report are made from."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from src.loadgen.callbacks.ledger import Books, Ledger
from src.loadgen.callbacks.receiver import Receiver, Receivers
from src.loadgen.callbacks.states import NOT_READ, State
from src.loadgen.figures.histogram import LatencyHistogram
from src.loadgen.figures.recorder import Recorder
from src.loadgen.http.connection import LOCAL_RESOURCES
from src.loadgen.options.options import Options

IDS_MAX = 100
SCATTER_POINTS_MAX = 1000


def config_of(options: Options) -> dict[str, Any]:
    """What was asked for."""
    return {
        "url": options.target.url,
        "mode": "both" if len(options.modes) > 1 else options.modes[0],
        "loop": options.loop,
        "requests": options.requests,
        "concurrency": options.concurrency,
        "rate": str(options.rate) if options.rate else None,
        "connections": options.connections_max if options.rate else options.concurrency,
        "duration_s": options.duration_s,
        "num_transactions": options.num_transactions,
        "warmup": options.warm_up,
        "timeout_s": options.timeout_s,
        "receiver_faults": ",".join(f"{fault}={share:g}%" for fault, share in options.faults.items()) or None,
    }


def whole_summary(
    options: Options,
    sides: Mapping[str, dict[str, Any]],
    *,
    started_at: datetime,
    duration_s: float,
    interrupted: bool,
    generator: dict[str, Any],
    thresholds: list[dict[str, Any]],
) -> dict[str, Any]:
    """Put the sides together."""
    return {
        "sync": sides.get("sync"),
        "async": sides.get("async"),
        "config": config_of(options),
        "test_duration_ms": _ms(duration_s),
        "interrupted": interrupted,
        "started_at": started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "generator": generator,
        "thresholds": thresholds,
    }


def is_whole(side: Mapping[str, Any]) -> bool:
    """Whether everything that was sent came to its end; what broke off early must not look quick."""
    return not side["failed"] and not side.get("callbacks_missing")


def local_failures(sides: Mapping[str, Mapping[str, Any] | None]) -> int:
    """How many requests failed because this program's own machine lacked something."""
    return sum(side["failures_by_kind"].get(LOCAL_RESOURCES, 0) for side in sides.values() if side)


def sync_side(recorder: Recorder) -> dict[str, Any]:
    """The figures of sync: what came of the requests."""
    duration_s = recorder.last_result_s - recorder.started_s
    return _answers("sync", recorder, duration_s, recorder.successful)


def async_side(recorder: Recorder, receivers: Receivers, states: Mapping[str, State]) -> dict[str, Any]:
    """The figures of async: acknowledgements, callbacks, and the account of every accepted request.

    Args:
        recorder: what came of the requests.
        receivers: what came to them.
        states: what the server says of the accepted requests, as far as it could be read.
    """
    ledger, checked = receivers.ledger, receivers.checks_signatures
    books = ledger.books()
    callback, waiting, generating = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for accepted in books.delivered:
        callback.record(ledger.arrivals[accepted.request_id].at_s - accepted.began_s)
    for state in states.values():
        _record(waiting, state.waiting_s)
        _record(generating, state.generating_s)
    last_s = max([recorder.last_result_s, *(ledger.arrivals[one.request_id].at_s for one in books.delivered)])
    side = _answers("async", recorder, last_s - recorder.started_s, len(books.delivered))
    stats = callback.stats()
    return {
        **side,
        "callbacks_received": len(books.delivered),
        "callbacks_missing": len(books.missing),
        "callbacks_duplicate": len(books.duplicate),
        "callbacks_out_of_order": len(books.out_of_order),
        **{f"{name}_callback_ms": stats[f"{name}_ms"] for name in ("avg", "p50", "p95", "p99")},
        "acknowledged_per_s": _per_s(recorder.successful, recorder.last_result_s - recorder.started_s),
        "acknowledge": recorder.latencies.stats(),
        "waiting": waiting.stats(),
        "generating": generating.stats(),
        "callback": stats,
        "callback_curve": _curve(callback),
        "scatter": _scatter(books, ledger, recorder.started_s),
        "receivers": [_receiver(place, one, books, ledger, checked=checked) for place, one in enumerate(receivers.all)],
        "account": account(books, states, checked=checked),
    }


def account(books: Books, states: Mapping[str, State], *, checked: bool) -> dict[str, Any]:
    """Account for every accepted request.

    It is complete when each was called back, or the server told in which state it is.
    """
    unread = [one for one in books.missing if one not in states]
    by_state = Counter(states[one.request_id].name if one.request_id in states else NOT_READ for one in books.accepted)
    bad = [request_id for request_id, _ in books.bad_signatures]
    return {
        "accepted": len(books.accepted),
        "delivered": len(books.delivered),
        "missing": len(books.missing),
        "duplicate": len(books.duplicate),
        "out_of_order": len(books.out_of_order),
        "bad_signatures": len(bad) if checked else None,
        "unexpected": len(books.unexpected),
        "by_state": dict(by_state.most_common()),
        "missing_ids": books.missing[:IDS_MAX],
        "duplicate_ids": _few(books.duplicate),
        "out_of_order_ids": books.out_of_order[:IDS_MAX],
        "bad_signature_ids": _few(bad),
        "unexpected_ids": books.unexpected[:IDS_MAX],
        "complete": not unread,
        "sentence": _sentence(books, states, unread, checked=checked),
    }


def _answers(mode: str, recorder: Recorder, duration_s: float, finished: int) -> dict[str, Any]:
    latencies = recorder.latencies
    p50, p90, p95, p99, p999 = latencies.percentiles_ms((50, 90, 95, 99, 99.9))
    return {
        "mode": mode,
        "total_requests": recorder.sent,
        "successful": recorder.successful,
        "failed": recorder.failed,
        "avg_latency_ms": latencies.avg_ms,
        "min_latency_ms": latencies.min_ms,
        "max_latency_ms": latencies.max_ms,
        "p50_ms": p50,
        "p90_ms": p90,
        "p95_ms": p95,
        "p99_ms": p99,
        "p999_ms": p999,
        "throughput_per_s": _per_s(finished, duration_s),
        "duration_ms": _ms(duration_s),
        "client_blocked_ms": _ms(recorder.waited_s),
        "failures_by_kind": dict(recorder.failures.most_common()),
        "latency": _curve(latencies),
        "timeline": recorder.timeline(),
    }


def _curve(latencies: LatencyHistogram) -> dict[str, Any]:
    return {"percentile_curve": latencies.curve(), "histogram": latencies.bins()}


def _scatter(books: Books, ledger: Ledger, started_s: float) -> list[list[float]]:
    """When each was sent and how long its callback took: at most a thousand of them, evenly taken."""
    step = max(1, -(-len(books.delivered) // SCATTER_POINTS_MAX))
    return [
        [_ms(one.began_s - started_s), _ms(ledger.arrivals[one.request_id].at_s - one.began_s), one.receiver]
        for one in books.delivered[::step]
    ]


def _receiver(place: int, receiver: Receiver, books: Books, ledger: Ledger, *, checked: bool) -> dict[str, Any]:
    def here(request_ids: Iterable[str]) -> int:
        return sum(ledger.accepted[one].receiver == place for one in request_ids)

    return {
        "name": receiver.fault.value,
        "url": receiver.url,
        "accepted": sum(one.receiver == place for one in books.accepted),
        "received": sum(one.receiver == place for one in books.delivered),
        "missing": here(books.missing),
        "duplicate": here(books.duplicate),
        "out_of_order": here(books.out_of_order),
        "bad_signatures": sum(at == place for _, at in books.bad_signatures) if checked else None,
        "attempts": books.attempts[place],
    }


def _sentence(books: Books, states: Mapping[str, State], unread: Sequence[str], *, checked: bool) -> str:
    accepted = len(books.accepted)
    if not accepted:
        return "Nothing was accepted, so there is nothing to account for."
    lost = sum(states[one].callback_status == "SUCCESS" for one in books.missing if one in states)
    parts = [
        f"{len(books.delivered):,} called back",
        f"{len(books.missing):,} missing" + (f" ({lost:,} of which the server takes for delivered)" if lost else ""),
        f"{len(books.duplicate):,} doubled",
        f"{len(books.out_of_order):,} out of order",
        f"{len(books.bad_signatures):,} badly signed" if checked else "signatures not checked",
    ]
    if books.unexpected:
        parts.append(f"{len(books.unexpected):,} callbacks for requests that were never acknowledged here")
    if unread:
        parts.append(f"the server did not tell what became of {len(unread):,}")
    complete = "The account is not complete" if unread else "The account is complete"
    return f"{complete}: of {accepted:,} accepted requests {', '.join(parts)}."


def _few(request_ids: Iterable[str]) -> list[str]:
    return [*dict.fromkeys(request_ids)][:IDS_MAX]


def _record(histogram: LatencyHistogram, seconds: float | None) -> None:
    if seconds is not None:
        histogram.record(seconds)


def _per_s(count: int, seconds: float) -> float | None:
    return round(count / seconds, 3) if seconds > 0 else None


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
