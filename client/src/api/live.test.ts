// @vitest-environment jsdom
import { expect, test, vi } from 'vitest'
import { request } from '@/testing/factories'
import type { Batch } from './events'
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
