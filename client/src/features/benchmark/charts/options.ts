import uPlot from 'uplot'
import type { PlotOptions, PlotStyle } from '@/components/Plot'
import { formatDuration, formatNumber } from '@/lib/format'
import { logTicks } from './bins'
import type { Mark } from './live'

type Line = { colour: string; dash?: number[] }

export const answersLine: Line = { colour: '--accent' }
export const callbacksLine: Line = { colour: '--async-fill', dash: [6, 4] }
export const p50Line: Line = { colour: '--accent' }
export const p95Line: Line = { colour: '--accent', dash: [6, 4] }
export const p99Line: Line = { colour: '--accent', dash: [2, 3] }

const RATES = [answersLine, callbacksLine]
const TIMES = [p50Line, p95Line, p99Line, callbacksLine]
/** The shortest stretch that the axis of a run shows. */
const SPAN_MIN_S = 2
/** Above the longest and below the shortest time. */
const TIME_ROOM = 1.3
const TICKS_MAX = 8
/** One line of labels under a chart. */
export const LABELS_PX = 28

/** Times grow by factors, so that 5 ms and 5 s are both seen; as much of the scale as there are values. */
export const timeScale: uPlot.Scale = {
  distr: 3,
  log: 10,
  range: (_chart, min, max) => (min === null ? [1, 1_000] : [min / TIME_ROOM, max * TIME_ROOM]),
}

export function timeAxis({ axis }: PlotStyle): uPlot.Axis {
  return {
    ...axis,
    size: 52,
    splits: (_chart, _axis, from, to) => logTicks({ from, to }, TICKS_MAX),
    filter: (_chart, ticks) => ticks,
    values: (_chart, ticks) => ticks.map(shortTime),
  }
}

/** `0.1 ms`, `20 ms`, `5 s`: short, for an axis. */
export function shortTime(ms: number): string {
  if (ms === 0) return '0'
  if (ms >= 60_000) return formatDuration(ms).replace(/ 0 s$/, '')
  return ms >= 1_000 ? `${round(ms / 1_000)} s` : `${round(ms)} ms`
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}

/** Rates over the seconds of a run. */
export function rateOptions(style: PlotStyle, marks: () => Mark[]): PlotOptions {
  return {
    ...overSeconds(style, RATES, marks),
    scales: { x: secondsScale, y: { range: (_chart, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      secondsAxis(style),
      { ...style.axis, size: 52, values: (_chart, ticks) => ticks.map((one) => formatRateTick(one)) },
    ],
  }
}

/** Percentiles over the seconds of a run. */
export function timeOptions(style: PlotStyle, marks: () => Mark[]): PlotOptions {
  return {
    ...overSeconds(style, TIMES, marks),
    scales: { x: secondsScale, y: timeScale },
    axes: [secondsAxis(style), timeAxis(style)],
  }
}

function formatRateTick(perSecond: number): string {
  return perSecond < 10 && perSecond % 1 !== 0 ? perSecond.toFixed(1) : formatNumber(perSecond)
}

const secondsScale: uPlot.Scale = {
  time: false,
  range: (_chart, _min, max) => [0, Math.max(SPAN_MIN_S, max)],
}

export function secondsAxis({ axis }: PlotStyle): uPlot.Axis {
  return {
    ...axis,
    size: LABELS_PX,
    space: 60,
    values: (_chart, ticks) => ticks.map((s) => shortTime(s * 1_000)),
  }
}

function overSeconds(
  style: PlotStyle,
  lines: Line[],
  marks: () => Mark[],
): Omit<PlotOptions, 'axes' | 'scales'> {
  return {
    legend: { show: false },
    cursor: { show: false },
    series: [{}, ...lines.map((line) => seriesOf(line, style))],
    hooks: { draw: [(chart) => marks().forEach((mark) => drawMark(chart, mark, style))] },
  }
}

export function seriesOf({ colour, dash }: Line, style: PlotStyle): uPlot.Series {
  return {
    stroke: style.colour(colour),
    width: 2,
    points: { size: 4 },
    ...(dash && { dash }),
  }
}

/** A line with a word at its top: here the other mode began. */
function drawMark(chart: uPlot, { at, text }: Mark, { colour }: PlotStyle): void {
  const { ctx } = chart
  const { top, height } = chart.bbox
  const x = Math.round(chart.valToPos(at, 'x', true))
  ctx.save()
  ctx.strokeStyle = colour('--line-strong')
  ctx.fillStyle = colour('--muted')
  ctx.textAlign = 'left'
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`
  ctx.beginPath()
  ctx.moveTo(x, top)
  ctx.lineTo(x, top + height)
  ctx.stroke()
  ctx.fillText(text, x + 4 * devicePixelRatio, top + 12 * devicePixelRatio)
  ctx.restore()
}
