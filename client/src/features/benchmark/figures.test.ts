import { expect, test } from 'vitest'
import { summary } from '@/testing/factories'
import { describeFailures, figureRows } from './figures'

const row = (measure: string, from = summary()) => figureRows(from).find((one) => one.measure === measure)

test('answers, receipts and callbacks stand side by side', () => {
  expect(row('p95_ms')).toEqual({ measure: 'p95_ms', sync: 300, receipt: 20, callback: 4_900 })
  expect(row('max_latency_ms')).toMatchObject({ callback: 5_200 })
})

test('a percentile that is not given for callbacks is read from their curve', () => {
  expect(row('p90_ms')).toMatchObject({ callback: 4_700 })
})

test('without callbacks there are no times of them, and without async none of its figures', () => {
  const empty = { percentile_curve: [], histogram: [] }
  const spread = {
    min_ms: null,
    avg_ms: null,
    p50_ms: null,
    p95_ms: null,
    p99_ms: null,
    max_ms: null,
    count: 0,
  }
  const silent = summary({ async: { callback_curve: empty, callback: spread } })
  expect([row('p50_ms', silent)?.callback, row('p90_ms', silent)?.callback]).toEqual([null, null])
  expect(row('p50_ms', { ...summary(), async: null })?.receipt).toBeUndefined()
})

test('failures are told by kind, and only those that happened', () => {
  expect(describeFailures({ failures_by_kind: { timeout: 2, status_429: 5, connection: 0 } })).toBe(
    '2 × timeout, 5 × status 429',
  )
  expect(describeFailures({ failures_by_kind: { timeout: 0 } })).toBeNull()
})

test('no percentile is told of too few requests to have one', () => {
  expect(row('p999_ms')).toBeUndefined()
  expect(row('p999_ms', summary({ sync: { successful: 1_000 } }))).toBeDefined()
})
