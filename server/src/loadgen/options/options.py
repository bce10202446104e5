"""The options of a run, parsed and validated from the command line and the environment."""

import os
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.loadgen.errors import CannotRun
from src.loadgen.options.command_line import HEADER_VALUE, parser
from src.loadgen.options.faults import Fault
from src.loadgen.options.quantities import Rate
from src.loadgen.options.schedule import schedule
from src.loadgen.options.target import Target
from src.loadgen.options.thresholds import Threshold

REQUESTS_DEFAULT = 1000
#: Default number of warm-up requests: one per caller, up to this.
WARM_UP_DEFAULT_MAX = 10


@dataclass(frozen=True)
class Options:
    """The options of one run."""

    target: Target
    modes: tuple[str, ...]
    requests: int | None
    duration_s: float | None
    concurrency: int
    rate: Rate | None
    connections_max: int
    num_transactions: int
    warm_up: int
    timeout_s: float
    callback_timeout_s: float
    callback_host: str
    callback_port: int
    faults: Mapping[Fault, float]
    thresholds: tuple[Threshold, ...]
    headers: Mapping[str, str]
    json_path: Path | None
    html_path: Path | None
    progress: str | None
    signing_secrets: tuple[str, ...] = ()
    receiver_fd: int | None = None
    parent_fd: int | None = None

    @property
    def loop(self) -> str:
        """`closed` if callers wait for responses, `open` if requests follow a schedule."""
        return "open" if self.rate else "closed"


def parse_options(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Parse the command line and the environment.

    Raises:
        CannotRun: they are invalid.
    """
    given = parser().parse_args(arguments)
    modes = ("sync", "async") if given.mode == "both" else (given.mode,)
    thresholds = tuple(threshold for expressions in given.fail_if for threshold in expressions)
    _check_measured(thresholds, modes)
    return Options(
        target=given.url,
        modes=modes,
        requests=_requests(given),
        duration_s=given.duration,
        concurrency=given.concurrency,
        rate=given.rate,
        connections_max=given.connections,
        num_transactions=given.transactions,
        warm_up=given.warmup or min(given.concurrency, WARM_UP_DEFAULT_MAX),
        timeout_s=given.timeout,
        callback_timeout_s=given.callback_timeout,
        callback_host=given.callback_host,
        callback_port=given.callback_port,
        faults=given.receiver_faults,
        thresholds=thresholds,
        headers=dict(given.header) | _token_header(environment),
        json_path=given.json,
        html_path=given.html,
        progress=given.progress,
        signing_secrets=tuple(
            secret.strip() for secret in environment.get("LOADGEN_SIGNING_SECRETS", "").split(",") if secret.strip()
        ),
        receiver_fd=_descriptor(environment, "LOADGEN_RECEIVER_FD"),
        parent_fd=_descriptor(environment, "LOADGEN_PARENT_FD"),
    )


def _requests(given: Namespace) -> int | None:
    """Return the number of requests; None if only the duration limits the run."""
    requests: int | None = given.requests
    if requests is None and given.duration is None:
        requests = REQUESTS_DEFAULT
    return schedule(given.rate, requests, given.duration).count if given.rate is not None else requests


def _token_header(environment: Mapping[str, str]) -> dict[str, str]:
    token = environment.get("LOADGEN_TOKEN")
    return {"X-Benchmark-Token": _from_environment("LOADGEN_TOKEN", _token, token)} if token else {}


def _check_measured(thresholds: Sequence[Threshold], modes: Sequence[str]) -> None:
    """Reject a threshold that these modes do not measure."""
    for threshold in thresholds:
        if not threshold.modes.intersection(modes):
            raise CannotRun(f"{threshold.expression!r} is not measured with --mode {' and '.join(modes)}.")


def _token(text: str) -> str:
    if not HEADER_VALUE.fullmatch(text):
        raise ValueError("the value is not visible ASCII")
    return text


def _from_environment(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise CannotRun(f"The environment variable {name} is invalid: {error}.") from None


def _descriptor(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    return _from_environment(name, _open_file, text) if text else None


def _open_file(text: str) -> int:
    try:
        os.fstat(int(text))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is not the number of an open file") from None
    return int(text)
