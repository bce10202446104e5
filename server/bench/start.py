"""The time from the command to the first successful readiness check."""

from collections.abc import Sequence

from bench.figures import Row, at_most
from bench.harness import Bench
from bench.programs import service


def measure(bench: Bench) -> Sequence[Row]:
    """Start once with an empty folder, then repeatedly with the existing data."""
    cold_s, *warm_s = (_start_s(bench) for _ in range(1 + bench.sizes.more_rounds))
    return [
        Row(
            measure="start to ready, warm",
            unit="s",
            ours=warm_s,
            goal=at_most(2, "value", "s"),
            we="python -m src with its embedded PostgreSQL, from the command to GET /api/health/ready with 200",
            same_work="there is no baseline",
            details={"cold_s": cold_s},
        )
    ]


def _start_s(bench: Bench) -> float:
    server = service(bench.folder / "start")
    took_s = server.start()
    server.stop()
    return took_s
