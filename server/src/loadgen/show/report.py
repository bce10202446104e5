"""The `--html` report: one file with charts and tables that loads nothing, readable in light and in dark."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from src.loadgen.figures.summary import is_whole
from src.loadgen.show.charts import (
    Axis,
    Line,
    PercentileAxis,
    bar_chart,
    dot_chart,
    line_chart,
    percentile_points,
)
from src.loadgen.show.table import (
    ASYNC_ROWS,
    CLIENT_BLOCKED,
    COLUMNS,
    KINDS,
    TOTAL_TIME,
    load_of,
    number,
    row_of_sync,
    seconds,
)

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --soft: #5b6675; --rule: #dde2e9; --card: #f6f8fa;
  --c0: #0b62c4; --c1: #b45309; --c2: #0f766e; --c3: #9d174d;
  --c4: #6d28d9; --c5: #4d7c0f; --bad: #b42318; --good: #1a7f4b; }
@media (prefers-color-scheme: dark) { :root { --paper: #11151b; --ink: #e6eaf0; --soft: #9aa5b4; --rule: #2b333e;
  --card: #191f27; --c0: #6cb2ff; --c1: #f5a855; --c2: #4fd1c0;
  --c3: #f58ab8; --c4: #b79cf7; --c5: #b3d465; --bad: #ff8a80; --good: #6bd69c; } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1120px; padding: 24px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 24px; margin: 0 } h2 { font-size: 19px; margin: 32px 0 8px } h3 { font-size: 15px; margin: 0 0 8px }
p { margin: 4px 0 12px } .soft { color: var(--soft) } .bad { color: var(--bad) } .good { color: var(--good) }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 16px }
figure { margin: 0; padding: 14px; background: var(--card); border: 1px solid var(--rule); border-radius: 8px }
figcaption { font-weight: 600; margin-bottom: 6px } svg { width: 100%; height: auto; display: block }
svg text { fill: var(--soft); font-size: 11px } .grid { stroke: var(--rule) } .bar { fill: var(--c0) }
.line { fill: none; stroke: currentColor; stroke-width: 1.8 } .dot { fill: currentColor; fill-opacity: .55 }
.c0 { color: var(--c0) } .c1 { color: var(--c1) } .c2 { color: var(--c2) } .c3 { color: var(--c3) }
.c4 { color: var(--c4) } .c5 { color: var(--c5) }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 6px 0 0; padding: 0 }
.legend li { font-size: 13px } .legend li::before { content: ""; display: inline-block; width: 10px; height: 10px;
  margin-right: 6px; border-radius: 2px; background: currentColor }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 4px 0 16px }
th, td { text-align: right; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--rule); white-space: nowrap }
th:first-child, td:first-child { text-align: left } th { font-weight: 600 }
code { font-size: 13px; word-break: break-all }
"""


def html_report(summary: Mapping[str, Any]) -> str:
    """Write the report.

    Args:
        summary: of a run. Every string in it is escaped.
    """
    sides = [summary[mode] for mode in ("sync", "async") if summary[mode]]
    url = escape(summary["config"]["url"])
    parts = [f"<h1>Load on {url}</h1>", *_introduction(summary)]
    parts += ["<h2>Figures</h2>", *_figures(sides)]
    if len(sides) == 2 and all(map(is_whole, sides)):
        parts += _side_by_side(sides)
    parts += _thresholds(summary["thresholds"])
    for side in sides:
        parts += [f"<h2>{escape(side['mode'])}</h2>", '<div class="charts">', *_charts(side), "</div>"]
        parts += [*_failures(side), *(_account(side) if side["mode"] == "async" else [])]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Load on '
        f'{url}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _introduction(summary: Mapping[str, Any]) -> Iterator[str]:
    config, generator = summary["config"], summary["generator"]
    yield f'<p class="soft">{escape(load_of(config))}; {config["num_transactions"]:,} rows a report;'
    yield f" {escape(summary['started_at'])}, {seconds(summary['test_duration_ms'])} in all.</p>"
    if summary["interrupted"]:
        yield '<p class="bad">The run was interrupted: these are the figures until then.</p>'
    yield f"<p{' class=bad' if generator['limited'] else ''}>{escape(generator['sentence'])}</p>"


def _figures(sides: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        ["requests sent", *(f"{side['total_requests']:,}" for side in sides)],
        ["successful", *(f"{side['successful']:,}" for side in sides)],
        ["failed", *(f"{side['failed']:,}" for side in sides)],
        ["finished a second", *(number(side["throughput_per_s"]) for side in sides)],
        ["first sent to last finished", *(seconds(side["duration_ms"]) for side in sides)],
    ]
    yield _table(["", *(side["mode"] for side in sides)], rows)
    latencies = []
    for side in sides:
        if side["mode"] == "sync":
            latencies.append(["sync: answered with the report", *map(number, row_of_sync(side))])
        else:
            for name, label in ASYNC_ROWS.items():
                latencies.append([f"async: {label}", *(number(side[name][f"{column}_ms"]) for column in COLUMNS)])
    yield _table(["latency, ms", *COLUMNS], latencies)


def _side_by_side(sides: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "<h2>Side by side</h2>"
    yield _table(
        ["", *(side["mode"] for side in sides)],
        [
            ["total time", *(seconds(side["duration_ms"]) for side in sides)],
            ["client blocked", *(seconds(side["client_blocked_ms"]) for side in sides)],
        ],
    )
    yield f'<p class="soft">Total time is {TOTAL_TIME} Client blocked is {CLIENT_BLOCKED}</p>'


def _thresholds(thresholds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if thresholds:
        yield "<h2>Thresholds</h2>"
        yield _table(
            ["threshold", "mode", "measured", ""],
            [
                [
                    one["expression"],
                    one["mode"],
                    f"{number(one['value'])} {one['unit']}",
                    "broken" if one["broken"] else "kept",
                ]
                for one in thresholds
            ],
        )


def _charts(side: Mapping[str, Any]) -> Iterator[str]:
    what = "Acknowledgement" if side["mode"] == "async" else "Latency"
    curves = [Line(what.lower(), percentile_points(side["latency"]["percentile_curve"]))]
    if side["mode"] == "async":
        curves.append(Line("time to callback", percentile_points(side["callback_curve"]["percentile_curve"])))
    yield from _percentiles([line for line in curves if line.points])
    yield from _histogram(f"{what}: how many took how long", side["latency"]["histogram"])
    if side["mode"] == "async":
        yield from _histogram("Time to callback: how many took how long", side["callback_curve"]["histogram"])
        yield from _scatter(side)
    yield from _timeline(side)


def _percentiles(lines: Sequence[Line]) -> Iterator[str]:
    if lines:
        highest = max(value for line in lines for _, value in line.points)
        lowest = min(value for line in lines for _, value in line.points)
        nines = max(max(point for point, _ in line.points) for line in lines)
        y = Axis(max(lowest, 0.001), highest, "ms", logarithmic=True)
        yield _figure("Percentiles", line_chart(PercentileAxis(max(nines, 1.0)), y, lines))


def _histogram(title: str, bins: Sequence[Sequence[float]]) -> Iterator[str]:
    if bins:
        x = Axis(max(bins[0][0], 0.001), bins[-1][1], "ms", logarithmic=True)
        y = Axis(0, max(count for *_, count in bins), "requests")
        yield _figure(title, bar_chart(x, y, [(begin, end, count) for begin, end, count in bins]))


def _timeline(side: Mapping[str, Any]) -> Iterator[str]:
    points = side["timeline"]
    if len(points) < 2:
        return
    ends = [*(point["t_ms"] for point in points[1:]), side["duration_ms"]]
    x = Axis(0, max(points[-1]["t_ms"] / 1e3, 0.001), "seconds")
    rates = [
        Line(
            name,
            [(one["t_ms"] / 1e3, one[key] / _span_s(one["t_ms"], end)) for one, end in zip(points, ends, strict=True)],
        )
        for key, name in (("sent", "sent"), ("done", "answered"), ("failed", "of these failed"))
    ]
    highest = max(value for line in rates for _, value in line.points[:-1])
    rates = [Line(line.name, line.points[:-1]) for line in rates]
    yield _figure("Requests a second over time", line_chart(x, Axis(0, highest or 1.0, "a second"), rates))
    lines = [
        Line(name, [(one["t_ms"] / 1e3, one[f"{name}_ms"]) for one in points if one[f"{name}_ms"] is not None])
        for name in ("p50", "p95", "p99")
    ]
    if lines[0].points:
        highest = max(value for line in lines for _, value in line.points)
        yield _figure("Latency over time", line_chart(x, Axis(0, highest, "ms"), lines))


def _span_s(begin_ms: float, end_ms: float) -> float:
    return max(end_ms - begin_ms, 1.0) / 1e3


def _scatter(side: Mapping[str, Any]) -> Iterator[str]:
    scatter = side["scatter"]
    if not scatter:
        return
    groups = [
        Line(receiver["name"], [(sent / 1e3, took) for sent, took, at in scatter if at == place])
        for place, receiver in enumerate(side["receivers"])
    ]
    x = Axis(0, max(max(sent for sent, *_ in scatter) / 1e3, 0.001), "sent, seconds")
    y = Axis(0, max(took for _, took, _ in scatter), "ms")
    yield _figure("Time to callback, by the moment a request was sent", dot_chart(x, y, groups))


def _failures(side: Mapping[str, Any]) -> Iterator[str]:
    if side["failures_by_kind"]:
        yield "<h3>Failures, in no latency above</h3>"
        rows = [[f"{kind}: {KINDS.get(kind, kind)}", f"{count:,}"] for kind, count in side["failures_by_kind"].items()]
        yield _table(["kind", "how many"], rows)


def _account(side: Mapping[str, Any]) -> Iterator[str]:
    account = side["account"]
    is_good = account["complete"] and not account["missing"]
    yield f'<h2>The account</h2><p class="{"good" if is_good else "bad"}">{escape(account["sentence"])}</p>'
    yield _table(
        ["the server says (report/callback)", "requests"], [[*map(str, one)] for one in account["by_state"].items()]
    )
    names = ("accepted", "received", "missing", "duplicate", "out_of_order", "bad_signatures", "attempts")
    rows = [
        [receiver["name"], *("-" if receiver[name] is None else f"{receiver[name]:,}" for name in names)]
        for receiver in side["receivers"]
    ]
    yield _table(["receiver", *(name.replace("_", " ") for name in names)], rows)
    for key in ("missing_ids", "duplicate_ids", "out_of_order_ids", "bad_signature_ids", "unexpected_ids"):
        if account[key]:
            yield f"<h3>{key.replace('_', ' ')}</h3><p><code>{escape(', '.join(account[key]))}</code></p>"


def _figure(title: str, chart: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
