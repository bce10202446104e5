"""Statistics of measurements: medians, spreads, ratios, goals and changes. Pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: A figure that became worse by more than this is pointed out; below, it is noise on a shared machine.
WORSE_BY_MAX = 0.25

#: Where there is no figure.
NOTHING = "-"

Kind = Literal["ratio", "difference", "value"]


@dataclass(frozen=True, slots=True)
class Goal:
    """The goal of a row.

    Attributes:
        bound: the worst figure that still meets it.
        at_least: whether more is better.
        of: what is compared with the bound: ours by the baseline's, ours less the baseline's, or ours alone.
        unit: of the bound, unless it is a ratio.
    """

    bound: float
    at_least: bool
    of: Kind = "ratio"
    unit: str = ""

    def __str__(self) -> str:
        sign = "+" if self.of == "difference" else ""
        return f"{'≥' if self.at_least else '≤'} {sign}{self.bound:g} {self.unit}".rstrip()

    def is_met_by(self, figure: float) -> bool:
        return figure >= self.bound if self.at_least else figure <= self.bound


def at_least(bound: float) -> Goal:
    """A goal for the ratio of ours to the baseline's; higher is better."""
    return Goal(bound, at_least=True)


def at_most(bound: float, of: Kind = "ratio", unit: str = "") -> Goal:
    """A goal for the ratio of ours to the baseline's; lower is better."""
    return Goal(bound, at_least=False, of=of, unit=unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measure: a figure of each side for each round, in the order of the rounds.

    Attributes:
        measure: its name, which finds it again in a stored run.
        unit: of the figures.
        ours: our figures.
        baseline: the other side's; empty when there is none.
        goal: what is to be reached.
        we: what our side does.
        they: what the baseline does.
        same_work: whether it is the same work, and if not, what differs.
        details: figures behind the row.
    """

    measure: str
    unit: str
    ours: Sequence[float]
    baseline: Sequence[float] = ()
    goal: Goal
    we: str
    they: str = NOTHING
    same_work: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The ratio of our median to the baseline's."""
        return statistics.median(self.ours) / statistics.median(self.baseline) if self.baseline else None

    @property
    def ratios(self) -> list[float]:
        """The ratio of each round; their spread shows the noise."""
        return [ours / other for ours, other in zip(self.ours, self.baseline, strict=True)] if self.baseline else []

    @property
    def met(self) -> bool:
        """Whether the medians meet the goal."""
        figure = statistics.median(self.ours)
        if self.goal.of == "ratio":
            figure /= statistics.median(self.baseline)
        elif self.goal.of == "difference":
            figure -= statistics.median(self.baseline)
        return self.goal.is_met_by(figure)

    def to_json(self, *, quick: bool) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "measure": self.measure,
            "unit": self.unit,
            "ours": statistics.median(self.ours),
            "baseline": statistics.median(self.baseline) if self.baseline else None,
            "ratio": self.ratio,
            "goal": str(self.goal),
            "met": self.met,
            "quick": quick,
            "rounds": len(self.ours),
            "ours_spread": spread(self.ours),
            "baseline_spread": spread(self.baseline),
            "ratio_spread": spread(self.ratios),
            "we": self.we,
            "they": self.they,
            "same_work": self.same_work,
            "details": dict(self.details),
        }


def spread(figures: Iterable[float]) -> list[float]:
    """Return the minimum and the maximum; empty if there are no figures."""
    ordered = sorted(figures)
    return [ordered[0], ordered[-1]] if ordered else []


def percentile(figures: Iterable[float], percent: float) -> float:
    """Return a percentile by the nearest-rank method."""
    ordered = sorted(figures)
    return ordered[max(0, -int(-percent * len(ordered) // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Change:
    """The change of a row since the last stored run, as a factor."""

    measure: str
    factor: float
    worse: bool


def changes(rows: Sequence[Row], stored: Iterable[Mapping[str, Any]], *, quick: bool) -> list[Change]:
    """Compare rows with those of earlier runs of the same size; rows without a counterpart are omitted."""
    before = {row["measure"]: row for row in stored if row["quick"] == quick}
    return [_change(row, before[row.measure]) for row in rows if row.measure in before]


def _change(row: Row, before: Mapping[str, Any]) -> Change:
    # A ratio says more than a figure: the machine was the same for both sides of it.
    now = statistics.median(row.ours) if row.ratio is None else row.ratio
    then = before["ours"] if before["ratio"] is None else before["ratio"]
    factor = now / then
    return Change(row.measure, factor, (1 / factor if row.goal.at_least else factor) > 1 + WORSE_BY_MAX)
