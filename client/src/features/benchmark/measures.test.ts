import { expect, test } from 'vitest'
import type { ComparedMeasure } from '@/api/types'
import { formatChange, measureOf, perRequest, verdictOf } from './measures'

const judged = (a: number | null, b: number | null, better: boolean | null) => ({
  a,
  b,
  better,
  change_percent: a && b !== null ? ((b - a) / a) * 100 : null,
})

test('the judgement is the server’s', () => {
  expect(verdictOf(judged(100, 50, true))).toBe('better')
  expect(verdictOf(judged(100, 150, false))).toBe('worse')
})

test('noise is no change', () => {
  expect(verdictOf(judged(100, 101.9, false))).toBe('same')
  expect(verdictOf(judged(0, 0, null))).toBe('same')
})

test('what only one of the two has is not compared', () => {
  expect(verdictOf(judged(null, 5, null))).toBe('unknown')
  expect(verdictOf(judged(20, 50, null))).toBe('unknown')
})

test('a failure more than none is worse, although it cannot be said by how many percent', () => {
  expect(verdictOf({ a: 0, b: 3, better: false, change_percent: null })).toBe('worse')
  expect(formatChange(null)).toBe('–')
})

test('changes have their sign, and a measure that is not known here has its own name', () => {
  expect([-12.34, 0, 4, 250].map(formatChange)).toEqual(['−12.3 %', '0 %', '+4.0 %', '+250 %'])
  expect(measureOf('queue_ms').name).toBe('queue_ms')
})

test('the time callers waited is compared per request: ten times the requests are no worse', () => {
  const row = (measure: string, a: number, b: number) =>
    ({
      mode: 'sync',
      measure,
      unit: '',
      a,
      b,
      better: false,
      change_percent: 900,
    }) as unknown as ComparedMeasure
  const rows = perRequest([row('total_requests', 20, 200), row('client_blocked_ms', 1_000, 5_000)])
  expect(rows[1]).toMatchObject({ a: 50, b: 25, change_percent: -50, better: true })
  expect(measureOf(rows[1]?.measure ?? '').name).toBe('Client blocked, per request')
})
