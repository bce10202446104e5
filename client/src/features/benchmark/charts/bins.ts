import type { Distribution } from '@/api/types'

export type Bins = Distribution['histogram']
export type LogAxis = { from: number; to: number }
/** A bar in percent of the drawing. */
export type Bar = { left: number; width: number; height: number; from: number; to: number; count: number }

/** Less than this between both ends would be drawn as if it mattered. */
const RATIO_MIN = 3
const BINS_MIN = 8

/** So many bins as so many values can fill: 20 values in 60 bins are only gaps. */
export function coarsen(bins: Bins): Bins {
  const count = bins.reduce((sum, [, , inside]) => sum + inside, 0)
  const wanted = Math.max(BINS_MIN, Math.round(2 * Math.sqrt(count)))
  const size = Math.max(1, Math.ceil(bins.length / wanted))
  const joined: Bins = []
  for (let at = 0; at < bins.length; at += size) {
    const group = bins.slice(at, at + size)
    const [first, last] = [group[0], group.at(-1)]
    if (first && last) joined.push([first[0], last[1], group.reduce((sum, [, , inside]) => sum + inside, 0)])
  }
  return joined
}

/** One axis for several histograms, with a little room at both ends. */
export function logAxis(histograms: Bins[]): LogAxis {
  const edges = histograms
    .flat()
    .flatMap(([from, to]) => [from, to])
    .filter((edge) => edge > 0)
  const [low, high] = [Math.min(...edges), Math.max(...edges)]
  const room = Math.sqrt(Math.max(1.2, RATIO_MIN / (high / low)))
  return { from: low / room, to: high * room }
}

export function place({ from, to }: LogAxis, value: number): number {
  return (Math.log(Math.max(value, from) / from) / Math.log(to / from)) * 100
}

export function barsOf(bins: Bins, axis: LogAxis): Bar[] {
  const most = Math.max(1, ...bins.map(([, , count]) => count))
  return bins
    .filter(([, , count]) => count > 0)
    .map(([from, to, count]) => {
      const left = place(axis, from)
      return { left, width: place(axis, to) - left, height: (count / most) * 100, from, to, count }
    })
}

/** From the coarsest on: the finest steps that fit are taken. */
const STEPS = [[1], [1, 2, 5], [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7]]

/** Where an axis is labelled: 1, 2, 5, 10, …, closer together when there is room, powers of ten when there is none. */
export function logTicks(axis: LogAxis, ticksMax: number): number[] {
  const fitting = STEPS.map((steps) => ticksOf(axis, steps)).filter((ticks) => ticks.length <= ticksMax)
  return fitting.at(-1) ?? []
}

function ticksOf({ from, to }: LogAxis, steps: number[]): number[] {
  const found: number[] = []
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power += 1)
    found.push(...steps.map((step) => Number((step * 10 ** power).toPrecision(2))))
  return found.filter((tick) => tick >= from && tick <= to)
}
