import { expect, test } from 'vitest'
import { curveData, nines, ninesTicks, percentileAt, percentileLabel, valueAt, type Drawn } from './curves'

const curve = (points: [number, number][], count = 1_000): Drawn => ({
  name: 'Sync answers',
  colour: '--accent',
  count,
  distribution: { percentile_curve: points, histogram: [] },
})

test('each nine more is one step further', () => {
  expect([90, 99, 99.9].map((percentile) => Math.round(nines(percentile, 1e9) * 1e6) / 1e6)).toEqual([
    1, 2, 3,
  ])
  expect(percentileAt(2)).toBeCloseTo(99)
})

test('the longest of twenty is not drawn as if it were the longest of a million', () => {
  expect(nines(100, 20)).toBeCloseTo(nines(97.5, 1e9))
  expect(nines(100, 20)).toBeLessThan(nines(100, 1_000))
})

test('only what the axis reaches is labelled, with as many nines as there are', () => {
  expect(ninesTicks(2.5).map(percentileAt).map(percentileLabel)).toEqual(['0 %', '50 %', '90 %', '99 %'])
  expect(percentileLabel(99.99)).toBe('99.99 %')
  expect(percentileLabel(75)).toBe('75 %')
})

test('curves of different lengths share one axis', () => {
  const data = curveData([
    curve([
      [0, 1],
      [50, 2],
      [100, 5],
    ]),
    curve(
      [
        [0, 3],
        [100, 4],
      ],
      10,
    ),
  ])
  expect(data[0]).toEqual([...(data[0] ?? [])].toSorted((one, other) => one - other))
  expect([...(data[1] ?? [])].filter((ms) => ms != null)).toEqual([1, 2, 5])
  expect([...(data[2] ?? [])].filter((ms) => ms != null)).toEqual([3, 4])
})

test('no curve is no data, not an error', () => {
  expect(curveData([])).toEqual([[]])
})

test('a percentile between two points is read from the next one: so many took no longer', () => {
  const points: [number, number][] = [
    [0, 1],
    [50, 2],
    [90, 4],
    [100, 9],
  ]
  expect([0, 50, 51, 90, 99, 100].map((percentile) => valueAt(points, percentile))).toEqual([
    1, 2, 4, 4, 9, 9,
  ])
  expect(valueAt([], 50)).toBeNull()
})
