"""`--fail-if 'p99>500ms'`: thresholds that fail a run."""

import operator
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

#: Each metric, with its key in a mode's summary and its unit.
METRICS = {
    **{name: (f"{name}_ms", "ms") for name in ("p50", "p90", "p95", "p99", "p999")},
    **{name: (f"{name}_latency_ms", "ms") for name in ("min", "avg", "max")},
    **{f"callback_{name}": (f"{name}_callback_ms", "ms") for name in ("avg", "p50", "p95", "p99")},
    "throughput": ("throughput_per_s", "/s"),
    "failed": ("failed", ""),
    "missing": ("callbacks_missing", ""),
    "duplicate": ("callbacks_duplicate", ""),
    "out_of_order": ("callbacks_out_of_order", ""),
}
_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_UNITS = {"ms": {"us": 1e-3, "ms": 1.0, "s": 1e3}, "/s": {"": 1.0, "/s": 1.0}, "": {"": 1.0}, "%": {"%": 1.0}}
_EXPRESSION = re.compile(
    r"(?:(sync|async):)?\s*([a-z_0-9]+)\s*(>=|<=|>|<)\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z%/]*)", re.ASCII
)


class Threshold(NamedTuple):
    """A condition that fails the run."""

    expression: str
    #: The mode it applies to; None: every mode that has the metric.
    mode: str | None
    metric: str
    comparison: str
    #: In the metric's own unit, or in percent.
    bound: float
    unit: str

    @property
    def modes(self) -> set[str]:
        """The modes that measure it."""
        measured = {"async"} if "callback" in METRICS[self.metric][0] else {"sync", "async"}
        return measured & {self.mode} if self.mode else measured


def parse_thresholds(text: str) -> list[Threshold]:
    """Parse one or more thresholds, separated by commas.

    Raises:
        ValueError: one of them is invalid; the message is one sentence.
    """
    return [_parse(part.strip()) for part in text.split(",")]


def judge(thresholds: list[Threshold], modes: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Evaluate thresholds against the measurements.

    A metric without a value (nothing succeeded) breaks its threshold: a run that measured nothing has not passed.

    Args:
        thresholds: the thresholds.
        modes: the summaries of the modes.
    """
    return [
        _judged(threshold, mode, result)
        for threshold in thresholds
        for mode, result in modes.items()
        if threshold.mode in {None, mode} and METRICS[threshold.metric][0] in result
    ]


def _parse(expression: str) -> Threshold:
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        raise ValueError(f"{expression!r} is not a threshold; write 'p99>500ms', 'failed>1%' or 'throughput<100'")
    mode, metric, comparison, number, suffix = match.groups()
    if metric not in METRICS:
        raise ValueError(f"{metric!r} is not a metric; there are {', '.join(METRICS)}")
    unit = "%" if metric == "failed" and suffix == "%" else METRICS[metric][1]
    if suffix not in _UNITS[unit]:
        wanted = " or ".join(filter(None, _UNITS[unit])) or "no unit"
        raise ValueError(f"{expression!r} needs {wanted} after the number")
    return Threshold(expression, mode, metric, comparison, float(number) * _UNITS[unit][suffix], unit)


def _judged(threshold: Threshold, mode: str, result: Mapping[str, Any]) -> dict[str, Any]:
    value = result[METRICS[threshold.metric][0]]
    if threshold.unit == "%":
        value = 100.0 * value / result["total_requests"] if result["total_requests"] else None
    return {
        "expression": threshold.expression,
        "mode": mode,
        "value": value,
        "unit": threshold.unit,
        "value_ms": value if threshold.unit == "ms" else None,
        "broken": value is None or _OPERATORS[threshold.comparison](value, threshold.bound),
    }
