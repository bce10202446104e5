import { expect, test } from 'vitest'
import type { ApiKey } from '@/api/types'
import { at } from '@/testing/factories'
import {
  describeRate,
  describeWaiting,
  endAfter,
  inOrder,
  lifetimeName,
  lifetimesFor,
  masked,
  stateOf,
} from './describe'

const now = Date.parse(at(0))
const DAY = 86_400_000

function apiKey(changes: Partial<ApiKey> = {}): ApiKey {
  return {
    id: 'aaaaaaaa',
    name: 'ci',
    account: 'acme',
    scopes: ['read'],
    created_at: at(-1_000),
    expires_at: null,
    last_used_at: null,
    revoked_at: null,
    replaced_by: null,
    ...changes,
  }
}

test('what is left of a limit', () => {
  expect(describeRate(null)).toBe('No limit')
  expect(describeRate({ limit: 1_200, remaining: 1_200, reset_s: 0 })).toBe('1,200 of 1,200 left')
  expect(describeRate({ limit: 30, remaining: 27, reset_s: 12 })).toBe('27 of 30 left; one more in 12 s')
  expect(describeWaiting({ limit: 10_000, used: 3 })).toBe('3 of 10,000')
})

test.each([
  ['good', {}],
  ['good', { expires_at: at(1) }],
  ['replaced', { replaced_by: 'bbbbbbbb', expires_at: at(1) }],
  ['expired', { replaced_by: 'bbbbbbbb', expires_at: at(0) }],
  ['revoked', { revoked_at: at(-5), expires_at: at(-9) }],
])('a key is %s', (state, changes) => {
  expect(stateOf(apiKey(changes), now)).toBe(state)
})

test('keys that are good come first, the newest on top', () => {
  const [old, young] = [
    apiKey({ id: 'old', created_at: at(-9) }),
    apiKey({ id: 'young', created_at: at(-2) }),
  ]
  const gone = apiKey({ id: 'gone', created_at: at(-1), revoked_at: at(-1) })
  expect(inOrder([gone, old, young], now).map(({ id }) => id)).toEqual(['young', 'old', 'gone'])
})

test('a new key ends no later than the one it is made with, unless that is the operator’s', () => {
  const ends = { expires_at: new Date(now + 40 * DAY).toISOString(), scopes: ['manage' as const] }
  expect(lifetimesFor(ends, now)).toEqual([7, 30, null])
  expect(lifetimeName(null, ends)).toBe('Until the key in use ends')
  expect(lifetimesFor({ ...ends, scopes: ['admin'] }, now)).toEqual([7, 30, 90, 365, null])
  expect(lifetimesFor({ ...ends, expires_at: null }, now)).toEqual([7, 30, 90, 365, null])
  expect(lifetimeName(null, { ...ends, expires_at: null })).toBe('No end')
  expect(lifetimeName(365, ends)).toBe('1 year')
  expect(endAfter(7, now)).toBe(new Date(now + 7 * DAY).toISOString())
  expect(endAfter(null, now)).toBeNull()
})

test('a secret that is not shown tells only what it is', () => {
  expect(masked('whsec_c2VjcmV0')).toBe(`whsec_${'•'.repeat(24)}`)
  expect(masked('c2VjcmV0')).not.toContain('c2')
})
