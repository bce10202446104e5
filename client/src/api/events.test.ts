import { expect, test } from 'vitest'
import { attempt, request } from '@/testing/factories'
import { collect, emptyBatch, isEmpty, type LiveEvent } from './events'

const event = (rest: object) => ({ seq: 1, at: '', ...rest }) as LiveEvent

test('only the newest state of a request is kept', () => {
  const batch = emptyBatch()
  const one = request()
  collect(batch, event({ type: 'request.updated', data: one }))
  collect(batch, event({ type: 'request.updated', data: { ...one, status: 'COMPLETED' } }))
  expect(batch.updated.get(one.id)?.status).toBe('COMPLETED')
  expect(batch.updated.size).toBe(1)
})

test('every attempt is kept', () => {
  const batch = emptyBatch()
  for (const number of [1, 2]) {
    collect(batch, event({ type: 'callback.attempted', data: { ...attempt(number), request_id: 'a' } }))
  }
  expect(batch.attempts.get('a')?.map((log) => log.attempt_number)).toEqual([1, 2])
})

test('a deletion outweighs an update before it; no ids mean all', () => {
  const batch = emptyBatch()
  const one = request()
  collect(batch, event({ type: 'request.updated', data: one }))
  collect(batch, event({ type: 'request.deleted', data: { ids: [one.id] } }))
  expect(batch.updated.size).toBe(0)
  collect(batch, event({ type: 'request.deleted', data: { ids: [] } }))
  expect(batch.allDeleted).toBe(true)
})

test('a change is laid over the whole request that came before it, and a whole one wins over a change', () => {
  const batch = emptyBatch()
  const [one, other] = [request({ failure_reason: 'before' }), request()]
  const change = (id: string) => ({ id, status: 'COMPLETED', callback_attempts: 1 })
  collect(batch, event({ type: 'request.updated', data: one }))
  collect(batch, event({ type: 'requests.changed', data: { requests: [change(one.id), change(other.id)] } }))
  collect(batch, event({ type: 'request.updated', data: other }))
  expect(batch.updated.get(one.id)).toEqual({
    ...one,
    ...change(one.id),
    callback_status: null,
    failure_reason: null,
  })
  expect(batch.updated.get(other.id)).toEqual(other)
  expect(batch.changed.size).toBe(0)
})

test('an event of a newer server changes nothing', () => {
  const batch = emptyBatch()
  collect(batch, event({ type: 'worker.updated', data: {} }))
  expect(isEmpty(batch)).toBe(true)
})

test('pings and greetings change nothing', () => {
  const batch = emptyBatch()
  collect(batch, event({ type: 'ping' }))
  collect(batch, event({ type: 'hello', data: { heartbeat_s: 15 } }))
  expect(isEmpty(batch)).toBe(true)
})

test('too much at once is forgotten and read again', () => {
  const batch = emptyBatch()
  for (let count = 0; count <= 2_000; count += 1) {
    collect(batch, event({ type: 'request.updated', data: request() }))
  }
  expect(batch.resync).toBe(true)
  expect(batch.updated.size).toBe(0)
})
