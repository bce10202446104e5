import { expect, test } from 'vitest'
import { readRateLimit } from './rateLimits'

const answer = (status: number, headers: Record<string, string>) => new Response(null, { status, headers })
const headers = { 'X-RateLimit-Limit': '30', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '100' }

test('Retry-After says how long to wait', () => {
  expect(readRateLimit(answer(429, { ...headers, 'Retry-After': '7' }), 50_000)?.blockedUntil).toBe(57_000)
})

test('without it, the window ends at the reset', () => {
  expect(readRateLimit(answer(429, headers), 50_000)?.blockedUntil).toBe(100_000)
})

test('a success blocks nothing, and no headers mean no limit', () => {
  expect(readRateLimit(answer(200, headers), 0)?.blockedUntil).toBeNull()
  expect(readRateLimit(answer(200, {}), 0)).toBeNull()
})
