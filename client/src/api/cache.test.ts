import { QueryClient } from '@tanstack/react-query'
import { expect, test } from 'vitest'
import { attempt, detail, request } from '@/testing/factories'
import { applyBatch, matches, mergeAttempts, patchPages, type RequestPages } from './cache'
import { emptyBatch } from './events'
import { keys } from './keys'
import type { RequestItem } from './types'

function pagesOf(...pages: RequestItem[][]): RequestPages {
  return {
    pages: pages.map((requests) => ({ requests, next_cursor: null })),
    pageParams: pages.map(() => null),
  }
}

function updated(...items: RequestItem[]) {
  const batch = emptyBatch()
  for (const item of items) batch.updated.set(item.id, item)
  return batch
}

const [oldest, middle, newest] = [request(), request(), request()]

test('a known row is replaced where it stands', () => {
  const pages = patchPages(pagesOf([middle], [oldest]), {}, updated({ ...oldest, status: 'COMPLETED' }))
  expect(pages.pages[1]?.requests[0]?.status).toBe('COMPLETED')
  expect(pages.pages[0]?.requests).toHaveLength(1)
})

test('a new row comes first; an old one that was not loaded stays out', () => {
  const pages = patchPages(pagesOf([middle]), {}, updated(oldest, newest))
  expect(pages.pages[0]?.requests.map((item) => item.id)).toEqual([newest.id, middle.id])
})

test('a row that no longer matches the filters leaves the list', () => {
  const pages = patchPages(pagesOf([middle]), { status: 'PENDING' }, updated({ ...middle, status: 'FAILED' }))
  expect(pages.pages[0]?.requests).toEqual([])
})

test('nothing new means the very same list: nothing is drawn again', () => {
  const pages = pagesOf([middle])
  expect(patchPages(pages, {}, updated(oldest))).toBe(pages)
})

test('the text filter is a part of the name, whatever its case', () => {
  const item = request({ report_name: 'Annual_Report' })
  expect(matches(item, { q: 'ANNUAL' })).toBe(true)
  expect(matches(item, { q: 'monthly' })).toBe(false)
})

test('an attempt that came twice is one attempt', () => {
  const logs = { request_id: 'a', total_attempts: 1, logs: [attempt(1)] }
  expect(mergeAttempts(logs, [attempt(2), attempt(1)]).logs.map((log) => log.attempt_number)).toEqual([1, 2])
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
