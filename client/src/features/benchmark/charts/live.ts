import type uPlot from 'uplot'
import { WARM_UP, type Sample } from '@/api/benchmarks'
import type { BenchmarkSummary, Mode, SyncSide } from '@/api/types'

/** A moment of a run as it is drawn: what the program said live, or what it wrote down. */
export type Point = Pick<Sample, 'mode' | 'at_ms' | 'throughput_per_s' | 'p50_ms' | 'p95_ms' | 'p99_ms'> & {
  callbacks_per_s: number | null
  p50_callback_ms: number | null
}

/** The load generator's own window for rates and percentiles. */
const WINDOW_MS = 5_000
/** The axis of times grows by factors of ten, and zero is not on it. */
const SHORTEST_MS = 0.01

/** The samples after the warm-up, with the rate at which callbacks came in the last seconds. */
export function livePoints(samples: Sample[]): Point[] {
  const measured = samples.filter((sample) => sample.phase !== WARM_UP)
  let oldest = 0
  return measured.map((sample, at) => {
    while (!isInWindow(measured[oldest], sample)) oldest += 1
    const before = oldest < at ? measured[oldest] : undefined
    return Object.assign({}, sample, { callbacks_per_s: before ? rateBetween(before, sample) : null })
  })
}

function isInWindow(before: Sample | undefined, sample: Sample): boolean {
  return before?.mode === sample.mode && sample.at_ms - before.at_ms <= WINDOW_MS
}

function rateBetween(before: Sample, after: Sample): number | null {
  if (before.callbacks_received === null || after.callbacks_received === null) return null
  return ((after.callbacks_received - before.callbacks_received) / (after.at_ms - before.at_ms)) * 1_000
}

/** The same drawn from a result: async goes on where sync stopped. */
export function timelinePoints({ sync, async: later }: BenchmarkSummary): Point[] {
  return [
    ...(sync ? sidePoints(sync, 0) : []),
    ...(later ? sidePoints(later, sync ? sync.duration_ms : 0) : []),
  ]
}

function sidePoints({ mode, timeline }: SyncSide, beginMs: number): Point[] {
  return timeline.map((slot, at) => {
    const end = timeline[at + 1]?.t_ms ?? slot.t_ms + (slot.t_ms - (timeline[at - 1]?.t_ms ?? 0))
    const window = timeline.slice(0, at + 1).filter((one) => end - one.t_ms <= WINDOW_MS)
    const span = end - (window[0]?.t_ms ?? 0)
    const done = window.reduce((sum, one) => sum + one.done, 0)
    return {
      mode,
      at_ms: beginMs + end,
      throughput_per_s: span > 0 ? (done / span) * 1_000 : null,
      p50_ms: slot.p50_ms,
      p95_ms: slot.p95_ms,
      p99_ms: slot.p99_ms,
      callbacks_per_s: null,
      p50_callback_ms: null,
    }
  })
}

export function throughputData(points: Point[]): uPlot.AlignedData {
  return drawn(points, [(point) => point.throughput_per_s, (point) => point.callbacks_per_s])
}

export function percentileData(points: Point[]): uPlot.AlignedData {
  const time = (ms: number | null) => (ms === null ? null : Math.max(ms, SHORTEST_MS))
  return drawn(points, [
    (point) => time(point.p50_ms),
    (point) => time(point.p95_ms),
    (point) => time(point.p99_ms),
    (point) => time(point.p50_callback_ms),
  ])
}

/** In seconds; a line ends where the other mode begins. */
function drawn(points: Point[], lines: ((point: Point) => number | null)[]): uPlot.AlignedData {
  const moments = points.flatMap((point, at) => {
    const before = points[at - 1]
    const moment = { at_ms: point.at_ms, point }
    if (!before || before.mode === point.mode) return [moment]
    return [{ at_ms: (before.at_ms + point.at_ms) / 2, point: null }, moment]
  })
  return [
    moments.map((moment) => moment.at_ms / 1_000),
    ...lines.map((line) => moments.map(({ point }) => point && line(point))),
  ]
}

export type Mark = { at: number; text: string }

/** Where each mode began, in seconds, when there is more than one. */
export function modeMarks(points: Point[]): Mark[] {
  const marks: Mark[] = []
  let mode: Mode | null = null
  for (const point of points) {
    if (point.mode === mode) continue
    mode = point.mode
    marks.push({ at: point.at_ms / 1_000, text: mode })
  }
  return marks.length > 1 ? marks : []
}
