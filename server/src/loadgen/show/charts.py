"""Charts as inline SVG: no script, no font, nothing that is loaded. Colours come from the page's style."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 26, 38
COLOURS = 6
TICKS_MAX = 6


class Line(NamedTuple):
    """Points that belong together."""

    name: str
    points: Sequence[tuple[float, float]]


class Axis:
    """From values to places on paper.

    Args:
        low: the least value.
        high: the greatest one.
        label: what it shows, with the unit.
        logarithmic: equal factors are equally far apart.
    """

    def __init__(self, low: float, high: float, label: str, *, logarithmic: bool = False) -> None:
        self.label = label
        self._scale: Callable[[float], float] = (lambda value: math.log10(max(value, low))) if logarithmic else float
        self._low, self._high = self._scale(low), self._scale(max(high, low + 1e-9))
        self.ticks = _decades(low, high) if logarithmic else _round_steps(low, high)

    def share(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        return (self._scale(value) - self._low) / (self._high - self._low or 1.0)


class PercentileAxis(Axis):
    """Percentiles, each further nine as wide as the one before: 90, 99, 99.9 %."""

    def __init__(self, nines: float) -> None:
        super().__init__(0.0, nines, "percentile")
        self.ticks = [
            (_nines(percentile), f"{percentile:g} %")
            for percentile in (0, 50, 90, 99, 99.9, 99.99, 99.999)
            if _nines(percentile) <= nines
        ]


def line_chart(x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """Lines, and what they are called."""
    drawn = [
        f'<polyline class="line c{place % COLOURS}" points="{_places(x, y, line.points)}"/>'
        for place, line in enumerate(lines)
    ]
    return _chart(x, y, "".join(drawn)) + _legend([line.name for line in lines])


def bar_chart(x: Axis, y: Axis, bars: Sequence[tuple[float, float, float]]) -> str:
    """Bars: from, to, how high."""
    drawn = []
    for begin, end, value in bars:
        left, right, top = _x(x, begin), _x(x, end), _y(y, value)
        title = f"<title>{begin:,.2f} to {end:,.2f}: {value:,.0f}</title>"
        drawn.append(
            f'<rect class="bar" x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 1, 1):.1f}"'
            f' height="{max(HEIGHT - BOTTOM - top, 0):.1f}">{title}</rect>'
        )
    return _chart(x, y, "".join(drawn))


def dot_chart(x: Axis, y: Axis, groups: Sequence[Line]) -> str:
    """Dots, coloured by group."""
    drawn = [
        f'<circle class="dot c{place % COLOURS}" cx="{_x(x, across):.1f}" cy="{_y(y, up):.1f}" r="2"/>'
        for place, group in enumerate(groups)
        for across, up in group.points
    ]
    return _chart(x, y, "".join(drawn)) + _legend([group.name for group in groups])


def percentile_points(curve: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """A percentile curve as points for a `PercentileAxis`; the last one, 100 %, lies where its neighbour does."""
    points = [(_nines(percentile), value) for percentile, value in curve if percentile < 100]
    if curve and points:
        points.append((points[-1][0], curve[-1][1]))
    return points


def _nines(percentile: float) -> float:
    return -math.log10(max(1 - percentile / 100, 1e-9))


def _places(x: Axis, y: Axis, points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_x(x, across):.1f},{_y(y, up):.1f}" for across, up in points)


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _chart(x: Axis, y: Axis, drawn: str) -> str:
    label = escape(f"{y.label} over {x.label}")
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">']
    for value, text in y.ticks:
        place = _y(y, value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{escape(text)}</text>')
    for value, text in x.ticks:
        parts.append(
            f'<text x="{_x(x, value):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(text)}</text>'
        )
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{escape(x.label)}</text>')
    parts.append(f'<text x="{LEFT - 6}" y="12" text-anchor="end">{escape(y.label)}</text>')
    return "".join([*parts, drawn, "</svg>"])


def _legend(names: Sequence[str]) -> str:
    entries = "".join(f'<li class="c{place % COLOURS}">{escape(name)}</li>' for place, name in enumerate(names))
    return f'<ul class="legend">{entries}</ul>'


def _round_steps(low: float, high: float) -> list[tuple[float, str]]:
    """Marks at 1, 2 or 5 times a power of ten."""
    span = max(high - low, 1e-9)
    rough = span / TICKS_MAX
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [(number * step, f"{number * step:,.10g}") for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[tuple[float, str]]:
    """Marks at powers of ten; between them at 2 and 5 when there are few."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(exponents) > 4 else (1, 2, 5)
    values = [factor * 10.0**exponent for exponent in exponents for factor in factors]
    return [(value, f"{value:,.10g}") for value in values if low <= value <= high]
