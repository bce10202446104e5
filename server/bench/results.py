"""The output of a run: the table, `build/bench.json`, and the comparison with the last stored run."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.figures import NOTHING, Row, changes, spread

HEADINGS = ("measure", "ours", "baseline", "ratio", "goal", "")
THOUSAND = 1000


def table(rows: Sequence[Row]) -> str:
    """Return medians with their spread, one line per measure."""
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def explanations(rows: Sequence[Row]) -> str:
    """Return what both sides do, and whether it is the same work."""
    said: dict[str, list[str]] = {}
    for row in rows:
        said.setdefault(f"    ours: {row.we}\n    baseline: {row.they}\n    same work: {row.same_work}", []).append(
            row.measure
        )
    return "\n".join("\n".join((*measures, does)) for does, measures in said.items())


def markdown(rows: Sequence[Row]) -> str:
    """Return the table in the format of `docs/benchmarks.md`."""
    lines = ["| measure | ours | baseline | ratio | goal | met |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        *cells, met = _cells(row)
        lines.append("| " + " | ".join((*cells, "yes" if met == "met" else "**no**")) + " |")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    ratio = NOTHING if row.ratio is None else f"{row.ratio:.2f} ({' to '.join(map(short, spread(row.ratios)))})"
    met = "met" if row.met else "MISSED"
    return row.measure, _figure(row.ours, row.unit), _figure(row.baseline, row.unit), ratio, str(row.goal), met


def _figure(figures: Sequence[float], unit: str) -> str:
    if not figures:
        return NOTHING
    low, high = spread(figures)
    return f"{short(statistics.median(figures))} {unit} ({short(low)} to {short(high)})"


def short(figure: float) -> str:
    """Format a figure with three significant digits."""
    return f"{figure:,.0f}" if abs(figure) >= THOUSAND else f"{figure:.3g}"


class Store:
    """The stored runs.

    Args:
        folder: where `bench.json` (this run), `bench.previous.json` (for each measure the last run before) and
            `bench.md` (this run as `docs/benchmarks.md` shows it) are.
    """

    def __init__(self, folder: Path) -> None:
        self._now = folder / "bench.json"
        self._before = folder / "bench.previous.json"
        self._document = folder / "bench.md"

    def save(self, rows: Sequence[Row], *, quick: bool) -> str:
        """Store a run and return how it compares with the last one of each measure."""
        before = self._earlier()
        self._now.parent.mkdir(exist_ok=True)
        _write(self._before, before)
        _write(self._now, [row.to_json(quick=quick) for row in rows])
        self._document.write_text(markdown(rows) + "\n")
        lines = [
            f"{change.measure}: {change.factor:.2f} times the last run{'  WORSE' if change.worse else ''}"
            for change in changes(rows, before, quick=quick)
        ]
        return "\n".join(lines) or "There is no earlier run to compare with."

    def _earlier(self) -> list[dict[str, Any]]:
        """Keep the stored rows of groups that were not part of this run."""
        rows = [*_read(self._before), *_read(self._now)]
        return list({(row["measure"], row["quick"]): row for row in rows}.values())


def _read(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return rows


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
