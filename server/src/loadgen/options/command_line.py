"""The command line: `python -m src.loadgen --help`."""

import argparse
import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

from src.loadgen.errors import CannotRun
from src.loadgen.options.faults import parse_faults
from src.loadgen.options.quantities import parse_duration, parse_rate
from src.loadgen.options.target import parse_target
from src.loadgen.options.thresholds import parse_thresholds

REQUESTS_MAX = 10_000_000
CONCURRENCY_MAX = 10_000
#: Requests in flight in open loop. Further ones are queued here, and their wait counts as latency.
CONNECTIONS_DEFAULT = 10_000
TRANSACTIONS_MAX = 1_000_000
WARM_UP_MAX = 10_000

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
#: A header's value: visible ASCII, spaces and tabs.
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
_OUR_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "content-type", "upgrade", "expect"}

EPILOG = """\
closed loop (--concurrency): N callers, each sends its next request after the response to the previous one.
  Shows the capacity of the server; hides stalls, because nothing is sent during them.
open loop (--rate): requests are sent on a fixed schedule, independent of the server, as independent users would.
  Latency counts from the time at which the request should have been sent, so that it includes waiting in a stall.

async: the program starts a receiver for callbacks. The server must be allowed to call it: start the server with
  CALLBACK_ALLOWED_ORIGINS=http://127.0.0.1:9100 and this program with --callback-port 9100.
  With --receiver-faults each fault has its own receiver on one of the following ports, in the order given.
rate limits: by default the server responds with 429 after some 30 requests per minute; start it with
  RATE_LIMIT_SYNC=off RATE_LIMIT_ASYNC=off.

thresholds: [sync:|async:]METRIC<|<=|>|>=NUMBER[UNIT], where METRIC is min, avg, max, p50, p90, p95, p99, p999,
  callback_avg, callback_p50, callback_p95, callback_p99 (us, ms, s), throughput (/s), failed (a number or %),
  missing, duplicate or out_of_order (numbers).

environment: LOADGEN_TOKEN is sent as X-Benchmark-Token; LOADGEN_SIGNING_SECRETS (whsec_..., comma-separated)
  enables verification of callback signatures; LOADGEN_RECEIVER_FD is a listening socket for callbacks;
  LOADGEN_PARENT_FD is a pipe; its end of file stops the run.

exit status: 0 success, 1 a threshold was broken, 2 the run was not possible, or requests failed because this machine
  ran out of files, ports or memory, 130 interrupted (Ctrl-C prints the measurements so far; a second one exits at
  once).

examples:
  python -m src.loadgen --mode sync --requests 2000 --concurrency 20
  python -m src.loadgen --mode sync --rate 200 --duration 30s --fail-if 'p99>500ms,failed>0'
  python -m src.loadgen --mode both --requests 500 --callback-port 9100 --html report.html
"""


class _Parser(argparse.ArgumentParser):
    """Reports errors in one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise CannotRun(f"{message[:1].upper()}{message[1:]} (--help explains every option).")


def parser() -> argparse.ArgumentParser:
    """Build the argument parser, which raises `CannotRun` on errors."""
    made = _Parser(
        prog="python -m src.loadgen",
        description="Load test a Financial Report Generator: latency of /api/sync, time to callback of /api/async.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_load(made.add_argument_group("load"))
    _add_callbacks(made.add_argument_group("callbacks (async)"))
    _add_results(made.add_argument_group("results"))
    return made


def _add_load(group: Any) -> None:
    add = group.add_argument
    number = {"metavar": "N"}
    time = {"metavar": "TIME", "type": _value(parse_duration)}
    add("--url", type=_value(parse_target), default="http://127.0.0.1:8000", help="base URL (default %(default)s)")
    add("--mode", choices=("sync", "async", "both"), default="sync", help="default sync; both: one after the other")
    add("--requests", type=_whole(1, REQUESTS_MAX), **number, help="requests per mode (default 1000)")
    add("--duration", **time, help="stop sending after 30s, 2m ... or after --requests, whichever is first")
    add(
        "--concurrency", type=_whole(1, CONCURRENCY_MAX), default=10, **number, help="closed loop: callers (default 10)"
    )
    add("--rate", type=_value(parse_rate), metavar="R", help="open loop: requests per second, or a ramp FROM:TO")
    in_flight = "open loop: maximum requests in flight; others are queued, and the wait counts (default 10000)"
    add("--connections", type=_whole(1, CONCURRENCY_MAX), default=CONNECTIONS_DEFAULT, **number, help=in_flight)
    add("--transactions", type=_whole(1, TRANSACTIONS_MAX), default=50, **number, help="rows per report (default 50)")
    warm_up = "requests before the measurement; the first checks the server (default: one per caller, at most 10)"
    add("--warmup", type=_whole(1, WARM_UP_MAX), **number, help=warm_up)
    add("--timeout", **time, default=30.0, help="timeout of a request (default 30s)")
    header = "header sent with every request; may be repeated"
    add("--header", type=_value(_header), action="append", default=[], metavar="'NAME: VALUE'", help=header)


def _add_callbacks(group: Any) -> None:
    add = group.add_argument
    host = "address of this machine that the server can call (default %(default)s)"
    add("--callback-host", type=_value(_host), default="127.0.0.1", metavar="HOST", help=host)
    add(
        "--callback-port",
        type=_whole(0, 65535),
        default=0,
        metavar="PORT",
        help="port to listen on (default: a free one)",
    )
    patience = "give up when no callback has arrived for this long (default 60s)"
    add("--callback-timeout", type=_value(parse_duration), default=60.0, metavar="TIME", help=patience)
    faults = "receivers that misbehave, and their share: fail=10%%,hang=2%%,reject=1%%,drop=1%%,double=1%%"
    add("--receiver-faults", type=_value(parse_faults), default={}, metavar="FAULTS", help=faults)


def _add_results(group: Any) -> None:
    add = group.add_argument
    add("--json", type=Path, metavar="PATH", help="write the summary as JSON")
    add("--html", type=Path, metavar="PATH", help="write a self-contained HTML report with charts")
    bound = "exit with status 1 if true; several separated by commas or by repeating the option"
    add("--fail-if", type=_value(parse_thresholds), action="append", default=[], metavar="'p99>500ms'", help=bound)
    progress = "a bar on the terminal, JSON lines on standard output, or nothing (default: a bar if on a terminal)"
    add("--progress", choices=("bar", "json", "none"), help=progress)


def _value(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let argparse show the message of a ValueError."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
            raise ValueError(f"{text!r} is not a whole number from {least:,} to {most:,}")
        return int(text)

    return _value(read)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not _HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
        raise ValueError(f"{text!r} is not a header; write 'Name: value'")
    if name.lower() in _OUR_HEADERS:
        raise ValueError(f"the header {name} is set by this program")
    return name, value.strip()


def _host(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address of this machine") from None
