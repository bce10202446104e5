// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LiveEvent } from './events'
import { createEventStream } from './eventStream'

/** The browser's, as far as it is used: each one is opened by its address, and breaks when told. */
class Source extends EventTarget {
  static readonly CLOSED = 2
  static opened: Source[] = []
  readyState = 1
  readonly url: string

  constructor(url: string) {
    super()
    this.url = url
    Source.opened.push(this)
  }

  close(): void {
    this.readyState = Source.CLOSED
  }

  speak(): void {
    this.dispatchEvent(new MessageEvent('message', { data: '{"type":"ping","seq":1,"at":""}' }))
  }

  fail(readyState: number): void {
    this.readyState = readyState
    this.dispatchEvent(new Event('error'))
  }
}

const listener = () => ({
  begin: vi.fn<(isNew: boolean) => void>(),
  take: vi.fn<(event: LiveEvent) => void>(),
  lose: vi.fn<() => void>(),
  end: vi.fn<() => void>(),
})
const last = () => Source.opened.at(-1) as Source

beforeEach(() => {
  Source.opened = []
  vi.stubGlobal('EventSource', Source)
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('an address that is good once is asked for anew after a break, and is a new stream', async () => {
  let tickets = 0
  const told = listener()
  const stream = createEventStream(() => Promise.resolve(`/api/events?ticket=${++tickets}`), told)
  stream.start()
  stream.start()
  await vi.runAllTimersAsync()
  last().speak()
  last().fail(0)
  expect(told.lose).toHaveBeenCalledTimes(1)
  await vi.runAllTimersAsync()
  last().speak()
  expect(Source.opened.map(({ url }) => url)).toEqual(['/api/events?ticket=1', '/api/events?ticket=2'])
  expect(Source.opened[0]?.readyState).toBe(Source.CLOSED)
  expect(told.begin.mock.calls).toEqual([[true], [true]])
  expect(told.end).not.toHaveBeenCalled()
})

test('one that is refused at once ends, and none is opened once it is stopped', async () => {
  const told = listener()
  const stream = createEventStream(() => Promise.resolve('/api/events'), told)
  stream.start()
  await vi.runAllTimersAsync()
  last().fail(Source.CLOSED)
  expect(told.end).toHaveBeenCalledTimes(1)
  stream.start()
  stream.stop()
  await vi.runAllTimersAsync()
  expect(Source.opened).toHaveLength(1)
})

test('without a key the browser itself comes back, and tells what it got', () => {
  const told = listener()
  const stream = createEventStream(() => '/api/events', told)
  stream.start()
  last().speak()
  last().fail(0)
  last().speak()
  expect(Source.opened).toHaveLength(1)
  expect(told.begin.mock.calls).toEqual([[true], [false]])
  expect(stream.speaks()).toBe(true)
})
