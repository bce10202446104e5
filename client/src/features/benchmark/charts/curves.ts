import uPlot from 'uplot'
import type { BenchmarkSummary, Distribution } from '@/api/types'

/** How a time is distributed, and how it is drawn; `count` is how many values stand behind it. */
export type Drawn = {
  name: string
  colour: string
  dash?: number[]
  count: number
  distribution: Distribution
}

/** How far right a percentile stands: 90, 99, 99.9 % are one step apart. 100 % would be infinitely far. */
export function nines(percentile: number, count: number): number {
  const furthest = 100 * (1 - 1 / (2 * Math.max(1, count)))
  return -Math.log10(1 - Math.min(percentile, furthest) / 100)
}

export function percentileAt(x: number): number {
  return 100 * (1 - 10 ** -x)
}

/** `50 %`, `99.9 %`: as many nines as there are. */
export function percentileLabel(percentile: number): string {
  const decimals = percentile < 99 ? 0 : Math.ceil(-Math.log10(1 - percentile / 100) - 1e-9) - 2
  return `${percentile.toFixed(Math.max(0, decimals))} %`
}

const LABELLED = [0, 50, 90, 99, 99.9, 99.99]

/** Where the axis is labelled, up to its end. */
export function ninesTicks(end: number): number[] {
  return LABELLED.map((percentile) => -Math.log10(1 - percentile / 100)).filter((x) => x <= end + 1e-9)
}

/** All curves over one axis; where a curve has no point of its own there is none. */
export function curveData(curves: Drawn[]): uPlot.AlignedData {
  const tables = curves.map(({ distribution, count }): uPlot.AlignedData => {
    const byPlace = new Map(
      distribution.percentile_curve.map(([percentile, ms]) => [nines(percentile, count), Math.max(ms, 0.01)]),
    )
    return [[...byPlace.keys()], [...byPlace.values()]]
  })
  return tables.length === 0 ? [[]] : uPlot.join(tables)
}

/** The time that so many percent did not exceed: the first point of the curve that reaches them. */
export function valueAt(points: Distribution['percentile_curve'], percentile: number): number | null {
  const reached = points.find(([at]) => at >= percentile - 1e-9) ?? points.at(-1)
  return reached ? reached[1] : null
}

/** A colour for each mode, the same in every chart; a callback is its mode's dashed line. */
export const colours = { sync: '--sync-fill', async: '--async-fill' } as const
export const CALLBACK_DASH = [6, 4]

/** What can be drawn of a run: answers of sync, receipts of async, and its callbacks. */
export function distributionsOf({ sync, async: later }: BenchmarkSummary): Drawn[] {
  const drawn: Drawn[] = []
  if (sync) {
    const { successful: count, latency: distribution } = sync
    drawn.push({ name: 'Sync answers', colour: colours.sync, count, distribution })
  }
  if (later) {
    const { successful: count, latency: distribution } = later
    drawn.push({ name: 'Async receipts', colour: colours.async, count, distribution })
    const callbacks = { count: later.callbacks_received, distribution: later.callback_curve }
    drawn.push({ name: 'Async callbacks', colour: colours.async, dash: CALLBACK_DASH, ...callbacks })
  }
  return drawn.filter((one) => one.distribution.percentile_curve.length > 0)
}

const DOTTED = [2, 4]

/** The curves of two runs over each other, kind by kind: the first one dotted, the second one drawn through. */
export function overlaid(a: BenchmarkSummary | null, b: BenchmarkSummary | null) {
  const [first, second] = [a ? distributionsOf(a) : [], b ? distributionsOf(b) : []]
  const kinds = new Set([...first, ...second].map((curve) => curve.name))
  return [...kinds].map((name) => {
    const before = first.filter((curve) => curve.name === name)
    const after = second.filter((curve) => curve.name === name)
    const curves = [
      ...before.map((curve) => Object.assign({}, curve, { name: 'A', dash: DOTTED })),
      ...after.map((curve) => Object.assign({}, curve, { name: 'B', dash: undefined })),
    ]
    return { name, curves }
  })
}
