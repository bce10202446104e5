"""The summary of a run: the `--json` file, and the source of table and report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from src.loadgen.callbacks.ledger import Ledger, Reconciliation
from src.loadgen.callbacks.receiver import Receiver, Receivers
from src.loadgen.callbacks.states import NOT_READ, State
from src.loadgen.figures.histogram import LatencyHistogram
from src.loadgen.figures.recorder import Recorder
from src.loadgen.http.connection import LOCAL_RESOURCES
from src.loadgen.options.options import Options

IDS_MAX = 100
SCATTER_POINTS_MAX = 1000


def config_of(options: Options) -> dict[str, Any]:
    """Return the configuration of the run."""
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
    modes: Mapping[str, dict[str, Any]],
    *,
    started_at: datetime,
    duration_s: float,
    interrupted: bool,
    generator: dict[str, Any],
    thresholds: list[dict[str, Any]],
) -> dict[str, Any]:
    """Combine the summaries of the modes."""
    return {
        "sync": modes.get("sync"),
        "async": modes.get("async"),
        "config": config_of(options),
        "test_duration_ms": _ms(duration_s),
        "interrupted": interrupted,
        "started_at": started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "generator": generator,
        "thresholds": thresholds,
    }


def is_whole(result: Mapping[str, Any]) -> bool:
    """Return whether every request succeeded; a run with failures must not look fast."""
    return not result["failed"] and not result.get("callbacks_missing")


def local_failures(modes: Mapping[str, Mapping[str, Any] | None]) -> int:
    """Return the number of requests that failed for lack of local resources."""
    return sum(result["failures_by_kind"].get(LOCAL_RESOURCES, 0) for result in modes.values() if result)


def summarize_sync(recorder: Recorder) -> dict[str, Any]:
    """Summarize the sync mode."""
    duration_s = recorder.last_result_s - recorder.started_s
    return _requests("sync", recorder, duration_s, recorder.successful)


def summarize_async(recorder: Recorder, receivers: Receivers, states: Mapping[str, State]) -> dict[str, Any]:
    """Summarize the async mode: acknowledgements, callbacks, and an account of every accepted request.

    Args:
        recorder: the recorded requests.
        receivers: the receivers, with the ledger.
        states: the final states of the accepted requests, as far as they could be read.
    """
    ledger, checked = receivers.ledger, receivers.checks_signatures
    matched = ledger.reconcile()
    callback, waiting, generating = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for accepted in matched.delivered:
        callback.record(ledger.arrivals[accepted.request_id].at_s - accepted.began_s)
    for state in states.values():
        _record(waiting, state.waiting_s)
        _record(generating, state.generating_s)
    last_s = max([recorder.last_result_s, *(ledger.arrivals[one.request_id].at_s for one in matched.delivered)])
    result = _requests("async", recorder, last_s - recorder.started_s, len(matched.delivered))
    stats = callback.stats()
    return {
        **result,
        "callbacks_received": len(matched.delivered),
        "callbacks_missing": len(matched.missing),
        "callbacks_duplicate": len(matched.duplicate),
        "callbacks_out_of_order": len(matched.out_of_order),
        **{f"{name}_callback_ms": stats[f"{name}_ms"] for name in ("avg", "p50", "p95", "p99")},
        "acknowledged_per_s": _per_s(recorder.successful, recorder.last_result_s - recorder.started_s),
        "acknowledge": recorder.latencies.stats(),
        "waiting": waiting.stats(),
        "generating": generating.stats(),
        "callback": stats,
        "callback_curve": _curve(callback),
        "scatter": _scatter(matched, ledger, recorder.started_s),
        "receivers": [
            _receiver(index, one, matched, ledger, checked=checked) for index, one in enumerate(receivers.all)
        ],
        "account": account(matched, states, checked=checked),
    }


def account(matched: Reconciliation, states: Mapping[str, State], *, checked: bool) -> dict[str, Any]:
    """Account for every accepted request.

    The account is complete if each request either got its callback or has a known state.
    """
    unread = [one for one in matched.missing if one not in states]
    by_state = Counter(
        states[one.request_id].name if one.request_id in states else NOT_READ for one in matched.accepted
    )
    bad = [request_id for request_id, _ in matched.bad_signatures]
    return {
        "accepted": len(matched.accepted),
        "delivered": len(matched.delivered),
        "missing": len(matched.missing),
        "duplicate": len(matched.duplicate),
        "out_of_order": len(matched.out_of_order),
        "bad_signatures": len(bad) if checked else None,
        "unexpected": len(matched.unexpected),
        "by_state": dict(by_state.most_common()),
        "missing_ids": matched.missing[:IDS_MAX],
        "duplicate_ids": _few(matched.duplicate),
        "out_of_order_ids": matched.out_of_order[:IDS_MAX],
        "bad_signature_ids": _few(bad),
        "unexpected_ids": matched.unexpected[:IDS_MAX],
        "complete": not unread,
        "sentence": _sentence(matched, states, unread, checked=checked),
    }


def _requests(mode: str, recorder: Recorder, duration_s: float, finished: int) -> dict[str, Any]:
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


def _scatter(matched: Reconciliation, ledger: Ledger, started_s: float) -> list[list[float]]:
    """Return send time, time to callback and receiver, evenly sampled to at most a thousand points."""
    step = max(1, -(-len(matched.delivered) // SCATTER_POINTS_MAX))
    return [
        [_ms(one.began_s - started_s), _ms(ledger.arrivals[one.request_id].at_s - one.began_s), one.receiver]
        for one in matched.delivered[::step]
    ]


def _receiver(
    index: int, receiver: Receiver, matched: Reconciliation, ledger: Ledger, *, checked: bool
) -> dict[str, Any]:
    def here(request_ids: Iterable[str]) -> int:
        return sum(ledger.accepted[one].receiver == index for one in request_ids)

    return {
        "name": receiver.fault.value,
        "url": receiver.url,
        "accepted": sum(one.receiver == index for one in matched.accepted),
        "received": sum(one.receiver == index for one in matched.delivered),
        "missing": here(matched.missing),
        "duplicate": here(matched.duplicate),
        "out_of_order": here(matched.out_of_order),
        "bad_signatures": sum(at == index for _, at in matched.bad_signatures) if checked else None,
        "attempts": matched.attempts[index],
    }


def _sentence(matched: Reconciliation, states: Mapping[str, State], unread: Sequence[str], *, checked: bool) -> str:
    accepted = len(matched.accepted)
    if not accepted:
        return "Nothing was accepted, so there is nothing to account for."
    lost = sum(states[one].callback_status == "SUCCESS" for one in matched.missing if one in states)
    parts = [
        f"{len(matched.delivered):,} called back",
        f"{len(matched.missing):,} missing" + (f" ({lost:,} of which the server considers delivered)" if lost else ""),
        f"{len(matched.duplicate):,} duplicated",
        f"{len(matched.out_of_order):,} out of order",
        f"{len(matched.bad_signatures):,} badly signed" if checked else "signatures not checked",
    ]
    if matched.unexpected:
        parts.append(f"{len(matched.unexpected):,} callbacks for requests that were never acknowledged here")
    if unread:
        parts.append(f"the state of {len(unread):,} could not be read from the server")
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
