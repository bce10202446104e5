import { expect, test } from 'vitest'
import { summary } from '@/testing/factories'
import { explain, verdictsOf } from './verdicts'

test('each wins at what it is good at, and neither is divided by the other', () => {
  const verdicts = verdictsOf(summary())
  expect(verdicts).toEqual({ total: 'sync', blocked: 'async', reservation: null })
  expect(explain('sync', verdicts)).toContain('several at a time')
  expect(explain('async', verdicts)).toContain('receipt')
})

test('it is said when it comes out the other way round', () => {
  const verdicts = verdictsOf(summary({ async: { duration_ms: 100, client_blocked_ms: 9_000 } }))
  expect(verdicts).toMatchObject({ total: 'async', blocked: 'sync' })
  expect(explain('sync', verdicts)).toContain('before a receipt')
  expect(explain('async', verdicts)).toContain('sooner')
})

test('nearly the same is no victory: at a fixed rate the rate decides how long it takes', () => {
  const verdicts = verdictsOf(summary({ sync: { duration_ms: 9_954 }, async: { duration_ms: 9_972 } }))
  expect(verdicts.total).toBe('tie')
  expect(explain('sync', verdicts)).not.toContain('sooner')
})

test.each([
  ['a run that was stopped', { interrupted: true }, 'stopped early'],
  ['a failure', { sync: { failed: 1 } }, '1 request failed'],
  ['a missing callback', { async: { callbacks_missing: 2 } }, '2 callbacks never arrived'],
])('nobody wins after %s', (_name, changes, reason) => {
  const { total, blocked, reservation } = verdictsOf(summary(changes))
  expect([total, blocked]).toEqual([null, null])
  expect(reservation).toContain(reason)
})

test('one side alone has nobody to win against', () => {
  expect(verdictsOf({ ...summary(), async: null })).toEqual({ total: null, blocked: null, reservation: null })
})
