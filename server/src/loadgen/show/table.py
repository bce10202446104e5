"""The summary as plain text, at most 100 columns wide, with colors only on a terminal."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from src.loadgen.errors import printable
from src.loadgen.figures.summary import is_whole

WIDTH = 96
IDS_SHOWN = 5
ID_LENGTH_MAX = 40
LABEL_WIDTH = 30
COLUMNS = ("min", "avg", "p50", "p95", "p99", "max")

#: The latency rows of async: key in the summary, and label.
ASYNC_ROWS = {
    "acknowledge": "acknowledged",
    "waiting": "waiting for its turn",
    "generating": "generating",
    "callback": "time to callback",
}
#: Explanations of the kinds of failure; statuses are self-explanatory.
KINDS = {
    "timeout": "no response in time (--timeout)",
    "connection": "refused, reset, or closed before the response was complete",
    "local_resources": "this machine had no file, port or memory left; not the server's fault",
    "bad_answer": "not HTTP, or no JSON with a request_id",
    "interrupted": "in flight when the run was stopped",
    "status_429": "rate limited; RATE_LIMIT_SYNC and RATE_LIMIT_ASYNC can be off",
    "status_503": "the server is not ready, or too many requests are pending",
}
TOTAL_TIME = "from the first request to the last report received."
CLIENT_BLOCKED = "the total time callers spent waiting for a response."
CONNECTIONS_HINT = (
    "Many servers limit connections per address: --connections 200 queues the rest here, which counts as latency."
)


def table(summary: Mapping[str, Any], *, coloured: bool = False) -> str:
    """Format the whole table.

    Args:
        summary: the summary of a run.
        coloured: whether to use terminal escapes.
    """
    paint = _Paint(coloured)
    modes = [summary[mode] for mode in ("sync", "async") if summary[mode]]
    blocks = [_head(summary, paint), _counts(modes, paint), _latencies(modes, paint), _failures(summary, modes, paint)]
    blocks += [_account(result, paint) for result in modes if result["mode"] == "async"]
    if len(modes) == 2 and all(map(is_whole, modes)):
        blocks.append(_side_by_side(modes[0], modes[1], paint))
    blocks += [_thresholds(summary, paint), _generator(summary, paint)]
    return "\n\n".join("\n".join(lines) for lines in map(list, blocks) if lines) + "\n"


class _Paint:
    """Wraps text in terminal escapes, or leaves it unchanged."""

    def __init__(self, coloured: bool) -> None:  # noqa: FBT001  its only argument
        self._coloured = coloured

    def bold(self, text: str) -> str:
        return self._wrap("1", text)

    def bad(self, text: str, is_bad: Any = True) -> str:  # noqa: FBT002  usually true
        return self._wrap("31", text) if is_bad else text

    def good(self, text: str) -> str:
        return self._wrap("32", text)

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured else text


def _head(summary: Mapping[str, Any], paint: _Paint) -> Iterator[str]:
    config = summary["config"]
    yield paint.bold(f"Load on {config['url']}")
    yield from _wrapped(f"{load_of(config)}; {config['num_transactions']:,} rows a report.", "")
    if summary["interrupted"]:
        yield paint.bad("Interrupted: these are the figures up to then.")


def load_of(config: Mapping[str, Any]) -> str:
    """Describe the load."""
    if config["loop"] == "open":
        begin, _, end = config["rate"].partition(":")
        rate = f"{begin} to {end} requests per second" if end else f"{begin} requests per second"
        return f"Open loop, {rate}; latency counts from when a request should have been sent"
    return f"Closed loop, {config['concurrency']:,} callers, each waits for its response"


def _counts(modes: list[Mapping[str, Any]], paint: _Paint) -> Iterator[str]:
    yield paint.bold(_row("", [result["mode"] for result in modes]))
    yield _row("requests sent", [f"{result['total_requests']:,}" for result in modes])
    yield _row("successful", [f"{result['successful']:,}" for result in modes])
    failed = [f"{result['failed']:,}" for result in modes]
    yield paint.bad(_row("failed", failed), any(result["failed"] for result in modes))
    yield _row("finished a second", [number(result["throughput_per_s"]) for result in modes])
    yield _row("first sent to last finished", [seconds(result["duration_ms"]) for result in modes])
    for result in modes:
        if result["mode"] == "async":
            yield _row("acknowledged a second", ["" for _ in modes[1:]] + [number(result["acknowledged_per_s"])])


def _latencies(modes: list[Mapping[str, Any]], paint: _Paint) -> Iterator[str]:
    yield paint.bold(_row("latency, ms", list(COLUMNS)))
    for result in modes:
        if result["mode"] == "sync":
            yield _row("sync   answered with the report", [number(value) for value in row_of_sync(result)])
        else:
            for name, label in ASYNC_ROWS.items():
                yield _row(f"async  {label}", [number(result[name][f"{column}_ms"]) for column in COLUMNS])


def row_of_sync(result: Mapping[str, Any]) -> list[float | None]:
    """Return the latencies of sync, one per column."""
    return [result[f"{name}_latency_ms" if name in {"min", "avg", "max"} else f"{name}_ms"] for name in COLUMNS]


def _failures(summary: Mapping[str, Any], modes: list[Mapping[str, Any]], paint: _Paint) -> Iterator[str]:
    if not any(result["failed"] for result in modes):
        return
    yield paint.bold("failures, in no latency above")
    for result in modes:
        for kind, count in result["failures_by_kind"].items():
            meaning = f"  {KINDS[kind]}" if kind in KINDS else ""
            yield f"  {result['mode']:5} {kind:15} {count:>9,}{meaning}"
    if summary["config"]["loop"] == "open" and any("connection" in result["failures_by_kind"] for result in modes):
        yield from _wrapped(CONNECTIONS_HINT, "  ")


def _account(result: Mapping[str, Any], paint: _Paint) -> Iterator[str]:
    account = result["account"]
    yield paint.bold("the account of async")
    lines = _wrapped(account["sentence"], "  ")
    yield from (
        paint.good(line) if account["complete"] and not account["missing"] else paint.bad(line) for line in lines
    )
    if account["by_state"]:
        states = ", ".join(f"{count:,} {printable(state)}" for state, count in account["by_state"].items())
        yield from _wrapped(f"The server says (report/callback): {states}.", "  ")
    for name, word in _LISTS.items():
        ids = [printable(one, ID_LENGTH_MAX) for one in account[name]]
        if ids:
            more = " …" if len(ids) > IDS_SHOWN else ""
            yield from _wrapped(f"{word}: {', '.join(ids[:IDS_SHOWN])}{more}", "  ")
    if len(result["receivers"]) > 1:
        yield from _receivers(result["receivers"])


_LISTS = {
    "missing_ids": "missing",
    "duplicate_ids": "duplicated",
    "out_of_order_ids": "out of order",
    "bad_signature_ids": "badly signed",
}


def _receivers(receivers: list[Mapping[str, Any]]) -> Iterator[str]:
    names = ("accepted", "received", "missing", "duplicate", "out_of_order", "attempts")
    yield "  " + _row("receiver", [name.replace("_", " ") for name in names], 10, 13)
    for receiver in receivers:
        yield "  " + _row(receiver["name"], [f"{receiver[name]:,}" for name in names], 10, 13)


def _side_by_side(sync: Mapping[str, Any], later: Mapping[str, Any], paint: _Paint) -> Iterator[str]:
    yield paint.bold(_row("side by side", ["sync", "async"]))
    yield _row("total time", [seconds(sync["duration_ms"]), seconds(later["duration_ms"])])
    yield from _wrapped(TOTAL_TIME, "  ")
    yield _row("client blocked", [seconds(sync["client_blocked_ms"]), seconds(later["client_blocked_ms"])])
    yield from _wrapped(CLIENT_BLOCKED, "  ")


def _thresholds(summary: Mapping[str, Any], paint: _Paint) -> Iterator[str]:
    if summary["thresholds"]:
        yield paint.bold("thresholds")
    for threshold in summary["thresholds"]:
        value = (
            "nothing was measured" if threshold["value"] is None else f"{threshold['value']:,.6g} {threshold['unit']}"
        )
        line = f"  {threshold['mode']:5} {threshold['expression']:24} {value.strip():>20}  "
        yield line + (paint.bad("BROKEN") if threshold["broken"] else paint.good("kept"))


def _generator(summary: Mapping[str, Any], paint: _Paint) -> Iterator[str]:
    generator = summary["generator"]
    yield from (paint.bad(line, generator["limited"]) for line in _wrapped(generator["sentence"], ""))


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _row(label: str, cells: list[str], label_width: int = LABEL_WIDTH, cell_width: int = 11) -> str:
    return (label.ljust(label_width) + "".join(cell.rjust(cell_width) for cell in cells)).rstrip()


def number(value: float | None) -> str:
    """Format a figure briefly."""
    if value is None:
        return "-"
    return f"{value:,.2f}" if value < 100 else f"{value:,.1f}"


def seconds(value_ms: float) -> str:
    """Format milliseconds as seconds."""
    return f"{value_ms / 1e3:,.2f} s"
