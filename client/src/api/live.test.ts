// @vitest-environment jsdom
import { expect, test, vi } from 'vitest'
import { at, request } from '@/testing/factories'
import type { Batch, LiveEvent } from './events'
import { createBuffer } from './live'

test('a thousand events within a frame are one flush', () => {
  const frames: FrameRequestCallback[] = []
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => frames.push(callback))
  const flush = vi.fn<(batch: Batch) => void>()
  const buffer = createBuffer(flush)
  for (let seq = 0; seq < 1_000; seq += 1) {
    buffer.add({ type: 'request.updated', seq, at: '', data: request() })
  }
  expect(frames).toHaveLength(1)
  frames[0]?.(0)
  expect(flush).toHaveBeenCalledTimes(1)
  expect(flush.mock.calls[0]?.[0].updated.size).toBe(1_000)
  vi.unstubAllGlobals()
})

test('a gathered frame is the same as its events one by one', () => {
  const frames: FrameRequestCallback[] = []
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => frames.push(callback))
  const flush = vi.fn<(batch: Batch) => void>()
  const buffer = createBuffer(flush)
  const [told, gone, whole] = [request(), request(), request({ started_at: at(1) })]
  const { callback_next_attempt_at: _, failure_reason: __, completed_at: ___, ...withoutNulls } = whole
  buffer.add({
    seq: 2,
    at: '',
    type: 'events',
    data: {
      spread_s: 0,
      events: [
        { type: 'request.deleted', data: { ids: [gone.id] } },
        { type: 'requests.updated', data: { requests: [{ ...withoutNulls, started_at: at(1) }] } },
        {
          type: 'requests.changed',
          data: { requests: [{ id: told.id, status: 'COMPLETED', callback_attempts: 1 }] },
        },
        { type: 'queue.changed', data: { waiting: 3, processing_request_id: null } },
      ],
    },
  } as LiveEvent)
  frames[0]?.(0)
  vi.unstubAllGlobals()
  const batch = flush.mock.calls[0]?.[0]
  expect(flush).toHaveBeenCalledTimes(1)
  expect(batch?.updated).toEqual(new Map([[whole.id, whole]]))
  expect(batch?.changed.get(told.id)).toMatchObject({
    status: 'COMPLETED',
    callback_attempts: 1,
    started_at: null,
  })
  expect([...(batch?.deleted ?? [])]).toEqual([gone.id])
  expect(batch?.queue?.waiting).toBe(3)
})
