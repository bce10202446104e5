import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { keys } from './keys'
import { createRefresher } from './refresher'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A query that somebody looks at; each read is answered when it is told to. */
function observed(client: QueryClient, queryKey: readonly unknown[]) {
  const answers: (() => void)[] = []
  const read = vi.fn<() => Promise<number>>(
    () => new Promise((resolve) => answers.push(() => resolve(answers.length))),
  )
  client.setQueryData(queryKey, 0)
  new QueryObserver(client, { queryKey, queryFn: read, staleTime: Infinity }).subscribe(() => undefined)
  return { read, answer: () => answers.splice(0).forEach((answer) => answer()) }
}

test('a key is read at once, and once more after the pause however often it was asked for', async () => {
  const client = new QueryClient()
  const { read, answer } = observed(client, keys.queue)
  const refresh = createRefresher(client)
  for (let time = 0; time < 5; time += 1) refresh(keys.queue)
  expect(read).toHaveBeenCalledTimes(1)
  answer()
  await vi.advanceTimersByTimeAsync(1_500)
  expect(read).toHaveBeenCalledTimes(2)
  answer()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(read).toHaveBeenCalledTimes(2)
})

test('what was being read already when it changed is read once more after that', async () => {
  const client = new QueryClient()
  const { read, answer } = observed(client, keys.queue)
  const refresh = createRefresher(client)
  void client.invalidateQueries({ queryKey: keys.queue })
  refresh([])
  expect(read).toHaveBeenCalledTimes(1)
  answer()
  await vi.advanceTimersByTimeAsync(400)
  expect(read).toHaveBeenCalledTimes(2)
  answer()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(read).toHaveBeenCalledTimes(2)
})

test('where many watch, what all would read is spread; what only this page looks at is not', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const client = new QueryClient()
  const [shared, own] = [observed(client, keys.queue), observed(client, keys.detail('a'))]
  const refresh = createRefresher(client, () => 40_000)
  for (const key of [[], keys.queue, keys.detail('a')]) refresh(key)
  await vi.advanceTimersByTimeAsync(19_900)
  expect(own.read).toHaveBeenCalledTimes(1)
  expect(shared.read).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(200)
  expect(shared.read).toHaveBeenCalledTimes(1)
  vi.restoreAllMocks()
})

/** How often a key is read again when something asks for it ten times a second. */
async function readings(key: readonly unknown[], seconds: number): Promise<number> {
  const client = new QueryClient()
  const { read, answer } = observed(client, key)
  const refresh = createRefresher(client)
  for (let tenth = 0; tenth < seconds * 10; tenth += 1) {
    refresh(key)
    answer()
    await vi.advanceTimersByTimeAsync(100)
  }
  refresh.stop()
  return read.mock.calls.length
}

test('the queue is read less than once a second, however much happens; what a person waits for is read sooner', async () => {
  const [queue, detail] = [await readings(keys.queue, 20), await readings(keys.detail('a'), 20)]
  expect(queue).toBeLessThan(20)
  expect(queue).toBeGreaterThan(6)
  expect(detail).toBeGreaterThan(40)
})

test('reading the queue again does not read the proof again', () => {
  expect(keys.fifoProof[0]).not.toBe(keys.queue[0])
})
