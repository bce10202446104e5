import { InfiniteQueryObserver, QueryClient, type InfiniteData } from '@tanstack/react-query'
import { describe, expect, test } from 'vitest'
import { request } from '@/testing/factories'
import { applyBatch } from './cache'
import { emptyBatch, type Batch, type RequestChange } from './events'
import { keys, type RequestFilters } from './keys'
import { compareRows, matches, patchPages, type RequestPages } from './lists'
import type { RequestItem, RequestList } from './types'

/** Pages as the API gave them; there is more behind the last one if there is a cursor. */
function pagesOf(pages: RequestItem[][], last: string | null = null): RequestPages {
  return {
    pages: pages.map((requests, at) => ({ requests, next_cursor: at < pages.length - 1 ? 'more' : last })),
    pageParams: pages.map(() => null),
  }
}

function updated(...items: RequestItem[]): Batch {
  const batch = emptyBatch()
  for (const item of items) batch.updated.set(item.id, item)
  return batch
}

function changed(item: RequestItem, change: Partial<RequestChange> = {}): Batch {
  const { id, status, callback_status, callback_attempts } = item
  const { callback_next_attempt_at, failure_reason, started_at, completed_at, cancelled_at } = item
  const states: RequestChange = {
    id,
    status,
    callback_status,
    callback_attempts,
    callback_next_attempt_at,
    failure_reason,
    started_at,
    completed_at,
    cancelled_at,
  }
  const batch = emptyBatch()
  batch.changed.set(id, { ...states, ...change })
  return batch
}

const idsOf = (pages: RequestPages | undefined) =>
  pages?.pages.flatMap((page) => page.requests.map(({ id }) => id))

const [oldest, middle, newest] = [request(), request(), request()]

test('a known row is replaced where it stands', () => {
  const pages = patchPages(pagesOf([[middle], [oldest]]), {}, updated({ ...oldest, status: 'COMPLETED' }))
  expect(pages.pages[1]?.requests[0]?.status).toBe('COMPLETED')
  expect(pages.pages[0]?.requests).toHaveLength(1)
})

test('a known row takes what changed in it and keeps the rest', () => {
  const pages = patchPages(pagesOf([[middle]]), {}, changed(middle, { status: 'COMPLETED' }))
  expect(pages.pages[0]?.requests[0]).toEqual({ ...middle, status: 'COMPLETED' })
})

test('a new row comes first; one that belongs behind all that is loaded stays out', () => {
  const pages = patchPages(pagesOf([[middle]], 'more'), {}, updated(oldest, newest))
  expect(idsOf(pages)).toEqual([newest.id, middle.id])
})

test('a row is put where the API would put it, whatever the order of arrival', () => {
  const late = patchPages(pagesOf([[newest], [oldest]]), {}, updated(middle))
  expect(late.pages.map((page) => page.requests.map(({ id }) => id))).toEqual([
    [newest.id],
    [middle.id, oldest.id],
  ])
  expect(idsOf(patchPages(pagesOf([[]]), {}, updated(oldest, newest, middle)))).toEqual(
    [newest, middle, oldest].map(({ id }) => id),
  )
})

test('times with and without fractions are compared as times', () => {
  const whole = { ...oldest, created_at: '2026-01-01T00:00:00Z' }
  const later = { ...oldest, created_at: '2026-01-01T00:00:00.000001Z' }
  expect(compareRows(later, whole)).toBeLessThan(0)
  expect(compareRows(whole, later)).toBeGreaterThan(0)
})

test('a row that no longer matches the filters leaves the list', () => {
  const filters = { status: 'PENDING' } as const
  expect(idsOf(patchPages(pagesOf([[middle]]), filters, updated({ ...middle, status: 'FAILED' })))).toEqual(
    [],
  )
  expect(idsOf(patchPages(pagesOf([[middle]]), filters, changed(middle, { status: 'FAILED' })))).toEqual([])
})

test('nothing new means the very same list: nothing is drawn again', () => {
  const pages = pagesOf([[middle]], 'more')
  expect(patchPages(pages, {}, updated(oldest))).toBe(pages)
})

test('the text filter is a part of the name, whatever its case', () => {
  const item = request({ report_name: 'Annual_Report' })
  expect(matches(item, { q: 'ANNUAL' })).toBe(true)
  expect(matches(item, { q: 'monthly' })).toBe(false)
  expect(matches(item, { q: item.id.toUpperCase() })).toBe(true)
  expect(matches(item, { q: 'http://localhost:8000/api' })).toBe(true)
  expect(matches(item, { q: 'http://localhost:8001' })).toBe(false)
})

test('a request that was told whole enters a list whose filters it matches later', () => {
  const client = new QueryClient()
  const filters = { status: 'COMPLETED' } as const
  client.setQueryData(keys.list(filters), pagesOf([[]]))
  applyBatch(client, updated(middle))
  const stale = applyBatch(client, changed(middle, { status: 'COMPLETED' }))
  expect(client.getQueryData<RequestPages>(keys.list(filters))?.pages[0]?.requests).toEqual([
    { ...middle, status: 'COMPLETED' },
  ])
  expect(stale).not.toContainEqual(keys.list(filters))
})

test('a list that a little known request may belong to is read again; others are not', () => {
  const client = new QueryClient()
  for (const filters of [{}, { status: 'COMPLETED' }, { status: 'FAILED' }] as const) {
    client.setQueryData(keys.list(filters), pagesOf([[]], 'more'))
  }
  const stale = applyBatch(client, changed(middle, { status: 'COMPLETED' }))
  expect(stale).toContainEqual(keys.list({ status: 'COMPLETED' }))
  expect(stale).not.toContainEqual(keys.list({ status: 'FAILED' }))
  expect(stale).not.toContainEqual(keys.list({}))
})

test('what is told while a list is being fetched is there after the answer, which is older', async () => {
  const client = new QueryClient()
  const server = createServer([middle])
  const fetching = fetchList(client, server, {})
  server.answer()
  await fetching
  const again = fetchList(client, server, {})
  applyBatch(client, updated(newest, { ...middle, status: 'COMPLETED' }))
  server.answer()
  await again
  const list = client.getQueryData<RequestPages>(keys.list({}))
  expect(list?.pages[0]?.requests).toEqual([newest, { ...middle, status: 'COMPLETED' }])
})

/** Answers as the API does, but only when told to, with what was there when it was asked. */
function createServer(initial: RequestItem[]) {
  const rows = new Map(initial.map((item) => [item.id, item]))
  const owed: (() => void)[] = []
  const page = (filters: RequestFilters, cursor: string | null, size: number): RequestList => {
    const all = [...rows.values()].filter((item) => matches(item, filters)).toSorted(compareRows)
    const from = cursor === null ? 0 : all.filter((item) => `${item.created_at} ${item.id}` >= cursor).length
    const last = all[from + size - 1]
    const next_cursor = last && all.length > from + size ? `${last.created_at} ${last.id}` : null
    return { requests: all.slice(from, from + size), next_cursor }
  }
  return {
    rows,
    ask: (filters: RequestFilters, cursor: string | null) => {
      const asked = page(filters, cursor, 4)
      return new Promise<RequestList>((resolve) => owed.push(() => resolve(asked)))
    },
    owes: () => owed.length > 0,
    answer: () => owed.shift()?.(),
    list: (filters: RequestFilters) => page(filters, null, Infinity).requests,
  }
}

function listOptions(server: ReturnType<typeof createServer>, filters: RequestFilters) {
  return {
    queryKey: keys.list(filters),
    queryFn: ({ pageParam }: { pageParam: unknown }) => server.ask(filters, pageParam as string | null),
    initialPageParam: null as string | null,
    getNextPageParam: (page: RequestList) => page.next_cursor,
  }
}

function fetchList(client: QueryClient, server: ReturnType<typeof createServer>, filters: RequestFilters) {
  return client.fetchInfiniteQuery({ ...listOptions(server, filters), staleTime: 0 })
}

/** The same numbers for the same seed (mulberry32). */
function seeded(seed: number) {
  let state = seed
  const random = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { below: (end: number) => Math.floor(random() * end), chance: (share: number) => random() < share }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0))
const STATES = ['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED'] as const

describe('any interleaving of pages and events ends in what the API says', () => {
  test.each(Array.from({ length: 30 }, (_, seed) => seed))('seed %i', async (seed) => {
    const { below, chance } = seeded(seed)
    const filters: RequestFilters = seed % 2 === 0 ? {} : { status: 'COMPLETED' }
    const client = new QueryClient({ defaultOptions: { queries: { retry: false, gcTime: Infinity } } })
    const server = createServer(Array.from({ length: 10 }, () => request()))
    const onTheWay: Batch[] = []
    const told = new Set(server.rows.keys())
    const options = listOptions(server, filters)
    const observer = new InfiniteQueryObserver(client, { ...options, staleTime: Infinity })
    const stop = observer.subscribe(() => undefined)

    const tell = (item: RequestItem) => {
      server.rows.set(item.id, item)
      const compact = told.has(item.id) && chance(0.5)
      told.add(item.id)
      onTheWay.push(compact ? changed(item) : updated(item))
    }
    const receive = () => {
      const batch = onTheWay.shift()
      if (!batch) return
      for (const key of applyBatch(client, batch)) {
        const wasFetching = client.isFetching({ queryKey: key }) > 0
        void client.invalidateQueries({ queryKey: key }, { cancelRefetch: wasFetching })
      }
    }
    const steps = [
      () => tell(request({ status: STATES[below(4)] ?? 'PENDING' })),
      () => {
        const item = [...server.rows.values()][below(server.rows.size)]
        if (item) tell({ ...item, status: STATES[below(4)] ?? 'PENDING' })
      },
      () => {
        const id = [...server.rows.keys()][below(server.rows.size)]
        if (!id || chance(0.5)) return
        server.rows.delete(id)
        onTheWay.push({ ...emptyBatch(), deleted: new Set([id]) })
      },
      receive,
      receive,
      () =>
        void (observer.getCurrentResult().hasNextPage && !client.isFetching() && observer.fetchNextPage()),
      () => void client.invalidateQueries({ queryKey: keys.lists }, { cancelRefetch: chance(0.5) }),
      () => void client.cancelQueries({ queryKey: keys.lists }),
      () => server.answer(),
      () => server.answer(),
    ]
    for (let step = 0; step < 120; step += 1) {
      steps[below(steps.length)]?.()
      if (chance(0.7)) await settled()
    }
    while (onTheWay.length > 0) receive()
    for (let quiet = 0; quiet < 3;) {
      await settled()
      if (server.owes()) server.answer()
      else if (client.isFetching() === 0 && observer.getCurrentResult().hasNextPage)
        void observer.fetchNextPage()
      else if (client.isFetching() === 0 && !observer.getCurrentResult().data) void observer.refetch()
      else quiet += 1
    }
    stop()
    const data = client.getQueryData<InfiniteData<RequestList>>(options.queryKey)
    expect(data?.pages.flatMap((page) => page.requests)).toEqual(server.list(filters))
  })
})

test('a new row is told by its receiver and its time; how an attempt failed it does not tell', () => {
  const item = request({ callback_url: 'https://a.example/hook?x=1', created_at: '2026-01-31T10:00:00.5Z' })
  expect(matches(item, { receiver: 'https://a.example:443' })).toBe(true)
  expect(matches(item, { receiver: 'http://a.example:80' })).toBe(false)
  expect(matches(item, { since: '2026-01-31T11:00:00+01:00', until: '2026-01-31T10:00:01Z' })).toBe(true)
  expect(matches(item, { until: '2026-01-31T10:00:00.500Z' })).toBe(false)
  expect(matches(item, { error_code: 'timeout' })).toBe(false)
})

test('a row that the API found by something the row does not tell stays when it changes', () => {
  const found = request({ callback_status: 'FAILED' })
  const filters = { q: 'its-idempotency-key', error_code: 'timeout', callback_status: 'FAILED' } as const
  expect(idsOf(patchPages(pagesOf([[found]]), filters, changed(found, { callback_attempts: 3 })))).toEqual([
    found.id,
  ])
  expect(
    idsOf(patchPages(pagesOf([[found]]), filters, changed(found, { callback_status: 'SUCCESS' }))),
  ).toEqual([])
})
