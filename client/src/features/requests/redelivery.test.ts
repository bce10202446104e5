// @vitest-environment jsdom
import { expect, test, vi } from 'vitest'
import { ProblemError } from '@/api/client'
import { request } from '@/testing/factories'
import { describeResult, oneByOne, redeliverable } from './redelivery'

const never = () => false
const noPause = () => Promise.resolve()
const problem = (status: number, headers: Record<string, string> = {}) =>
  new ProblemError(new Response(null, { status, headers }), { detail: 'It is being delivered.' })

test('callbacks are redelivered one after the other, in the order they are given', async () => {
  const sent: string[] = []
  const seen: number[] = []
  const result = await oneByOne(
    ['a', 'b', 'c'],
    async (id) => sent.push(id),
    (done) => seen.push(done),
    never,
    noPause,
  )
  expect([sent, seen]).toEqual([
    ['a', 'b', 'c'],
    [1, 2, 3],
  ])
  expect(result).toEqual({ done: 3, failures: [], left: 0 })
})

test('one that cannot be redelivered keeps no other one from it, and is counted', async () => {
  const send = vi.fn<(id: string) => Promise<void>>().mockRejectedValueOnce(problem(409)).mockResolvedValue()
  const result = await oneByOne(['a', 'b'], send, () => undefined, never, noPause)
  expect([result.done, result.failures.length]).toEqual([1, 1])
  expect(describeResult(result)).toBe(
    'Redelivering 1 callback. 1 request could not be redelivered: It is being delivered.',
  )
})

test('a rate limit is waited for, as long as the server says', async () => {
  const send = vi
    .fn<(id: string) => Promise<void>>()
    .mockRejectedValueOnce(problem(429, { 'Retry-After': '7' }))
  send.mockResolvedValue()
  const pause = vi.fn<(seconds: number) => Promise<void>>().mockResolvedValue()
  expect((await oneByOne(['a'], send, () => undefined, never, pause)).done).toBe(1)
  expect(pause).toHaveBeenCalledWith(7)
})

test('what was stopped leaves the others as they are', async () => {
  let sent = 0
  const result = await oneByOne(
    ['a', 'b', 'c'],
    async () => (sent += 1),
    () => undefined,
    () => sent > 0,
    noPause,
  )
  expect(result).toMatchObject({ done: 1, left: 2 })
})

test('only async requests that have ended can be redelivered', () => {
  const failed = request({ status: 'COMPLETED', callback_status: 'FAILED' })
  const sync = request({ mode: 'sync', status: 'COMPLETED', callback_status: null })
  expect(redeliverable([failed, sync, request()])).toEqual([failed.id])
})
