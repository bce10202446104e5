import { QueryClient } from '@tanstack/react-query'
import { expect, test, vi } from 'vitest'
import { keys } from './keys'
import { createRefresher } from './refresher'

const SECONDS = 20

/** How often a key is read again when something asks for it ten times a second. */
function readings(key: readonly unknown[]): number {
  vi.useFakeTimers()
  const client = new QueryClient()
  const invalidate = vi.spyOn(client, 'invalidateQueries').mockResolvedValue()
  const refresh = createRefresher(client)
  for (let tenth = 0; tenth < SECONDS * 10; tenth += 1) {
    refresh(key)
    vi.advanceTimersByTime(100)
  }
  refresh.stop()
  vi.useRealTimers()
  return invalidate.mock.calls.length
}

test('the queue is read less than once a second, however much happens', () => {
  expect(readings(keys.queue)).toBeLessThan(SECONDS)
  expect(readings(keys.queue)).toBeGreaterThan(SECONDS / 3)
})

test('what a person waits for is read sooner', () => {
  expect(readings(keys.detail('a'))).toBeGreaterThan(SECONDS * 2)
})

test('reading the queue again does not read the proof again', () => {
  expect(keys.fifoProof[0]).not.toBe(keys.queue[0])
})
