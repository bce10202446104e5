import { expect, test } from 'vitest'
import { addLines } from '@/api/benchmarks'
import { progress } from '@/testing/factories'
import { livePoints, modeMarks, percentileData, throughputData } from './live'

const both = livePoints(
  addLines(
    [],
    [
      progress({ phase: 'warm-up', elapsed_ms: 1_000 }),
      progress({ elapsed_ms: 500 }),
      progress({ elapsed_ms: 1_000 }),
      progress({ mode: 'async', phase: 'warm-up', elapsed_ms: 1_000, callbacks_received: 5 }),
      progress({ mode: 'async', elapsed_ms: 1_000, callbacks_received: 0 }),
      progress({ mode: 'async', elapsed_ms: 2_000, callbacks_received: 4, p50_ms: 0 }),
    ],
  ),
)

test('the warm-up is not drawn', () => {
  expect(both.map((point) => point.at_ms)).toEqual([500, 1_000, 2_000, 3_000])
})

test('a line ends where the other mode begins', () => {
  const [times, answers] = throughputData(both)
  expect(times).toEqual([0.5, 1, 1.5, 2, 3])
  expect(answers).toEqual([40, 40, null, 40, 40])
  expect(modeMarks(both)).toEqual([
    { at: 0.5, text: 'sync' },
    { at: 2, text: 'async' },
  ])
})

test('callbacks are counted by the second; what was called back in the warm-up is not', () => {
  expect(both.map((point) => point.callbacks_per_s)).toEqual([null, null, null, 4])
})

test('rates are those of the last five seconds', () => {
  const samples = [0, 4, 8, 12].map((s) =>
    progress({ mode: 'async', elapsed_ms: s * 1_000 + 1, callbacks_received: s * s }),
  )
  expect(livePoints(addLines([], samples)).at(-1)?.callbacks_per_s).toBe((144 - 64) / 4)
})

test('no time is zero on an axis that grows by factors', () => {
  expect(percentileData(both)[1]?.at(-1)).toBeGreaterThan(0)
})

test('one mode needs no marks', () => {
  expect(modeMarks(both.slice(0, 2))).toEqual([])
})
