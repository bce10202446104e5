import { QueryClient } from '@tanstack/react-query'
import { expect, test } from 'vitest'
import { attempt, detail } from '@/testing/factories'
import { applyBatch, mergeAttempts } from './cache'
import { collect, emptyBatch } from './events'
import { keys } from './keys'
import type { BatchState, RequestItem } from './types'

function updated(...items: RequestItem[]) {
  const batch = emptyBatch()
  for (const item of items) batch.updated.set(item.id, item)
  return batch
}

test('an attempt that came twice is one attempt', () => {
  const logs = { request_id: 'a', total_attempts: 1, logs: [attempt(1)] }
  expect(mergeAttempts(logs, [attempt(2), attempt(1)]).logs.map((log) => log.attempt_number)).toEqual([1, 2])
})

test('an attempt that the stream tells shows at once, and its exchange is read; one that was read keeps it', () => {
  const client = new QueryClient()
  const exchange = { request: { url: 'http://a/', headers: {}, body: '{}' }, response: null }
  client.setQueryData(keys.logs('a'), { request_id: 'a', total_attempts: 1, logs: [attempt(1, exchange)] })
  const batch = emptyBatch()
  const { request: _, response: __, ...told } = attempt(2)
  collect(batch, { type: 'callback.attempted', seq: 1, at: '', data: { ...attempt(1), request_id: 'a' } })
  collect(batch, { type: 'callback.attempted', seq: 2, at: '', data: { ...told, request_id: 'a' } })

  expect(applyBatch(client, batch)).toContainEqual(keys.logs('a'))
  expect(client.getQueryData(keys.logs('a'))).toMatchObject({
    total_attempts: 2,
    logs: [exchange, { attempt_number: 2, request: null, response: null }],
  })
})

test('a changed state is shown at once and its details are read again', () => {
  const client = new QueryClient()
  const old = detail()
  client.setQueryData(keys.detail(old.id), old)
  const stale = applyBatch(client, updated({ ...old, status: 'COMPLETED' }))
  expect(client.getQueryData(keys.detail(old.id))).toMatchObject({ status: 'COMPLETED', webhook_id: 'msg_1' })
  expect(stale).toContainEqual(keys.detail(old.id))
})

test('a resync reads everything again', () => {
  expect(applyBatch(new QueryClient(), { ...emptyBatch(), resync: true })).toEqual([[]])
})

test('an attempt that shows in its request alone has its log read again', () => {
  const client = new QueryClient()
  const { id, status, callback_attempts, ...rest } = detail({ callback_attempts: 2 })
  const batch = emptyBatch()
  batch.changed.set(id, { ...rest, id, status, callback_attempts })
  client.setQueryData(keys.logs(id), { request_id: id, total_attempts: 1, logs: [attempt(1)] })
  expect(applyBatch(client, batch)).toEqual([keys.logs(id), keys.queue, keys.received, keys.counts])
})

test('a batch that goes on is shown at once; one that no page has yet is read', () => {
  const client = new QueryClient()
  const counts = { PENDING: 1, PROCESSING: 0, COMPLETED: 1, FAILED: 0, CANCELLED: 0, deleted: 0 }
  const old = { batch_id: 'a', progress: 0.5, counts } as BatchState
  client.setQueryData(keys.batches, { pages: [{ batches: [old], next_cursor: null }], pageParams: [null] })
  const batch = emptyBatch()
  collect(batch, { type: 'batch.updated', seq: 1, at: '', data: { ...old, progress: 1 } })

  expect(applyBatch(client, batch)).toEqual([])
  expect(client.getQueryData(keys.batches)).toMatchObject({ pages: [{ batches: [{ progress: 1 }] }] })
  collect(batch, { type: 'batch.updated', seq: 2, at: '', data: { ...old, batch_id: 'b' } })
  expect(applyBatch(client, batch)).toEqual([keys.batches])
})
