import { expect, test } from 'vitest'
import { at, attempt, detail } from '@/testing/factories'
import { deliveries } from './phases'

const refused = attempt(1, { success: false, status_code: 400, attempted_at: at(610), response_time_ms: 10 })
const redelivered = { completed_at: at(600), callback_redelivered_at: at(336_000) }
const lengths = (...args: Parameters<typeof deliveries>) =>
  deliveries(...args).map((phase) => [phase.kind, phase.to === null ? null : phase.to - phase.from])

test('the idle time before a redelivery by hand is in no phase', () => {
  const logs = [refused, attempt(2, { attempted_at: at(336_020) })]
  expect(lengths(detail({ ...redelivered, callback_status: 'SUCCESS' }), logs, 0)).toEqual([
    ['backoff', 10],
    ['failing', 10],
    ['backoff', 20],
    ['delivering', 5],
  ])
})

test('a redelivery that is still owed waits from when it was asked for', () => {
  expect(deliveries(detail(redelivered), [refused], 0).at(-1)).toEqual({
    kind: 'backoff',
    from: Date.parse(at(336_000)),
    to: null,
  })
})
