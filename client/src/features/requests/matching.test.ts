// @vitest-environment jsdom
import { expect, test } from 'vitest'
import { isDrained, redeliveryFilter, type Redelivery } from './matching'

test('filters become those of a redelivery', () => {
  expect(redeliveryFilter({ callback_status: 'FAILED', receiver: 'http://a.test:80' })).toEqual({
    callback_status: 'FAILED',
    receiver: 'http://a.test:80',
  })
  expect(redeliveryFilter({ mode: 'async', status: 'COMPLETED', since: '2026-01-01T00:00:00Z' })).toEqual({
    since: '2026-01-01T00:00:00Z',
  })
})

test('what a redelivery cannot express, or what would be everything, is not offered', () => {
  expect(redeliveryFilter({})).toBeNull()
  expect(redeliveryFilter({ q: 'annual', callback_status: 'FAILED' })).toBeNull()
  expect(redeliveryFilter({ callback_status: 'PENDING' })).toBeNull()
  expect(redeliveryFilter({ status: 'FAILED', receiver: 'http://a.test:80' })).toBeNull()
  expect(redeliveryFilter({ mode: 'sync', since: '2026-01-01T00:00:00Z' })).toBeNull()
})

test('it is watched until everything that was queued has ended', () => {
  const one = { status: 'COMPLETED', queued: 3, succeeded: 1, failed: 1, settled_at: null } as Redelivery
  expect(isDrained(one)).toBe(false)
  // One of the three was cancelled, or deleted.
  expect(isDrained({ ...one, settled_at: '2026-01-01T00:00:00Z' })).toBe(true)
})
