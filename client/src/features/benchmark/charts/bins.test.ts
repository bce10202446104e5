import { expect, test } from 'vitest'
import { barsOf, coarsen, logAxis, logTicks, place, type Bins } from './bins'

const bins = (counts: number[], from = 1, factor = 2): Bins =>
  counts.map((count, at) => [from * factor ** at, from * factor ** (at + 1), count])

test('few values are put into few bins, and none is lost', () => {
  const coarse = coarsen(bins([1, 0, 2, 0, 0, 3, 0, 4, 0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 6], 1, 1.2))
  expect(coarse.length).toBeLessThanOrEqual(10)
  expect(coarse.reduce((sum, [, , count]) => sum + count, 0)).toBe(20)
  expect(coarse[0]?.[0]).toBe(1)
  expect(coarse.at(-1)?.[1]).toBeCloseTo(1.2 ** 20)
})

test('many values keep their bins', () => {
  const many = bins(Array.from({ length: 60 }, () => 100))
  expect(coarsen(many)).toEqual(many)
})

test('equal factors are equally far apart', () => {
  const axis = { from: 1, to: 10_000 }
  expect([1, 10, 100, 1_000, 10_000].map((value) => Math.round(place(axis, value)))).toEqual([
    0, 25, 50, 75, 100,
  ])
})

test('every bar stands inside the drawing, the fullest at its full height', () => {
  const histograms = [bins([5, 10], 10), bins([1], 2_000)]
  const axis = logAxis(histograms)
  const bars = histograms.flatMap((one) => barsOf(one, axis))
  for (const bar of bars) {
    expect(bar.left).toBeGreaterThanOrEqual(0)
    expect(bar.left + bar.width).toBeLessThanOrEqual(100)
  }
  expect(bars.map((bar) => bar.height)).toEqual([50, 100, 100])
})

test('a single time is not stretched over the whole axis', () => {
  const one: Bins = [[100, 100.1, 20]]
  expect(barsOf(one, logAxis([one]))[0]?.width).toBeLessThan(1)
})

test('an axis is labelled as finely as there is room', () => {
  expect(logTicks({ from: 210, to: 360 }, 8)).toEqual([250, 300])
  expect(logTicks({ from: 1.1, to: 4.5 }, 6)).toEqual([1.2, 1.5, 2, 2.5, 3, 4])
  expect(logTicks({ from: 1, to: 60 }, 6)).toEqual([1, 2, 5, 10, 20, 50])
  expect(logTicks({ from: 0.5, to: 50_000 }, 6)).toEqual([1, 10, 100, 1_000, 10_000])
})
