import { expect, test } from 'vitest'
import { axisLabel, niceSpan, ticks } from './axis'

test('the axis grows in round steps', () => {
  expect([1, 41, 201, 520, 810, 1_010, 4_264, 12_300].map(niceSpan)).toEqual([
    50, 50, 250, 600, 900, 1_200, 4_500, 15_000,
  ])
})

test('there are a few ticks, the first at zero', () => {
  expect(ticks(600)).toEqual([0, 100, 200, 300, 400, 500, 600])
  expect(ticks(15_000)).toEqual([0, 5_000, 10_000, 15_000])
})

test('an axis has one unit', () => {
  expect([0, 500, 1_500].map((ms) => axisLabel(ms, 2_000))).toEqual(['0', '0.5 s', '1.5 s'])
  expect([0, 50].map((ms) => axisLabel(ms, 200))).toEqual(['0', '50 ms'])
})
