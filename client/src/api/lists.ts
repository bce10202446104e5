import type { InfiniteData, Query, QueryClient } from '@tanstack/react-query'
import { addRequests, emptyBatch, type Batch, type RequestChange } from './events'
import { keys, type RequestFilters } from './keys'
import type { RequestItem, RequestList } from './types'

export type RequestPages = InfiniteData<RequestList, string | null>

/** Whole requests remembered, so that one that changes can enter a list whose filters it now matches. */
const KNOWN_MAX = 5_000

/** Keeps every list of requests in step with the live stream, also those that are being fetched. */
class Lists {
  readonly #client: QueryClient
  readonly #known = new Map<string, RequestItem>()
  /** What happened while a list was being fetched, by its hash: the answer may be older, and is written over it. */
  readonly #during = new Map<string, Batch>()

  constructor(client: QueryClient) {
    this.#client = client
    client.getQueryCache().subscribe(({ type, query }) => {
      if (type === 'updated' && query.state.fetchStatus === 'idle') this.#settle(query)
      if (type === 'removed') this.#during.delete(query.queryHash)
    })
  }

  /** Returns the keys of lists that must be read again: something may belong there of which too little is known. */
  apply(batch: Batch): (readonly unknown[])[] {
    this.#complete(batch)
    const stale: (readonly unknown[])[] = []
    for (const query of this.#client.getQueryCache().findAll({ queryKey: keys.lists })) {
      const filters = query.queryKey[2] as RequestFilters
      if (query.state.fetchStatus !== 'idle') addRequests(this.#batchDuring(query), batch)
      const pages = query.state.data as RequestPages | undefined
      if (!pages) continue
      const patched = patchPages(pages, filters, batch)
      if (patched !== pages) this.#client.setQueryData(query.queryKey, patched)
      if (lacksSome(patched, filters, batch)) stale.push(query.queryKey)
    }
    return stale
  }

  #batchDuring({ queryHash }: Query): Batch {
    const during = this.#during.get(queryHash) ?? emptyBatch()
    this.#during.set(queryHash, during)
    return during
  }

  /** Patch what a fetch brought, or what its end put back. */
  #settle({ queryHash, queryKey, state }: Query): void {
    const during = this.#during.get(queryHash)
    if (!during) return
    this.#during.delete(queryHash)
    const pages = state.data as RequestPages | undefined
    if (pages) this.#client.setQueryData(queryKey, patchPages(pages, queryKey[2] as RequestFilters, during))
  }

  /** Make whole requests of changes, where the rest is known, and remember the whole ones. */
  #complete(batch: Batch): void {
    for (const [id, change] of batch.changed) {
      const known = this.#known.get(id)
      if (!known) continue
      batch.updated.set(id, { ...known, ...change })
      batch.changed.delete(id)
    }
    for (const [id, item] of batch.updated) {
      this.#known.delete(id)
      this.#known.set(id, item)
    }
    for (const id of batch.deleted) this.#known.delete(id)
    for (const id of this.#known.keys()) {
      if (this.#known.size <= KNOWN_MAX) break
      this.#known.delete(id)
    }
  }
}

const listsOfClients = new WeakMap<QueryClient, Lists>()

export function listsOf(client: QueryClient): Lists {
  const lists = listsOfClients.get(client) ?? new Lists(client)
  listsOfClients.set(client, lists)
  return lists
}

/** Newest first, as the API sorts. Times are UTC with as many digits as they need, which only compare without the Z. */
export function compareRows(one: RequestItem, other: RequestItem): number {
  const [a, b] = [one.created_at.replace('Z', ''), other.created_at.replace('Z', '')]
  if (a !== b) return a < b ? 1 : -1
  return one.id === other.id ? 0 : one.id < other.id ? 1 : -1
}

/** The very same pages when nothing changed: nothing is drawn again. */
export function patchPages(pages: RequestPages, filters: RequestFilters, batch: Batch): RequestPages {
  const unseen = new Map(batch.updated)
  const patched = pages.pages.map((page) => patchPage(page, filters, batch, unseen))
  const added = [...unseen.values()].filter((item) => matches(item, filters) && !batch.deleted.has(item.id))
  for (const item of added.toSorted(compareRows)) insert(patched, item)
  return patched.some((page, at) => page !== pages.pages[at]) ? { ...pages, pages: patched } : pages
}

function patchPage(
  page: RequestList,
  filters: RequestFilters,
  batch: Batch,
  unseen: Map<string, RequestItem>,
): RequestList {
  let changed = false
  const requests: RequestItem[] = []
  for (const item of page.requests) {
    const change = batch.changed.get(item.id)
    const update = batch.updated.get(item.id) ?? (change && { ...item, ...change })
    unseen.delete(item.id)
    const gone = batch.deleted.has(item.id) || (update !== undefined && !hasState(update, filters))
    changed ||= gone || update !== undefined
    if (!gone) requests.push(update ?? item)
  }
  return changed ? { ...page, requests } : page
}

/** Put a row where the API would; one that is older than all that is loaded comes with the next page. */
function insert(pages: RequestList[], item: RequestItem): void {
  const at = pages.findIndex(({ requests, next_cursor: next }) => {
    const last = requests.at(-1)
    return next === null || (last !== undefined && compareRows(item, last) < 0)
  })
  const page = pages[at]
  if (!page) return
  const before = page.requests.findIndex((row) => compareRows(item, row) < 0)
  pages[at] = {
    ...page,
    requests: page.requests.toSpliced(before < 0 ? page.requests.length : before, 0, item),
  }
}

/** Whether a changed request that is not in the list may belong there now. */
function lacksSome(pages: RequestPages, filters: RequestFilters, { changed, attempts }: Batch): boolean {
  // How an attempt failed does not stand in the request.
  if (filters.error_code && attempts.size > 0) return true
  if (!filters.status && !filters.callback_status && !filters.error_code) return false
  const missing = new Map(changed)
  for (const page of pages.pages) for (const { id } of page.requests) missing.delete(id)
  return [...missing.values()].some((change) => hasState(change, filters))
}

function hasState(change: RequestChange, filters: RequestFilters): boolean {
  return (
    (!filters.status || change.status === filters.status) &&
    (!filters.callback_status || change.callback_status === filters.callback_status)
  )
}

/** Whether a request that the list does not have yet belongs there, as far as the request itself can tell. */
export function matches(item: RequestItem, filters: RequestFilters): boolean {
  return (
    hasState(item, filters) &&
    !filters.error_code &&
    (!filters.mode || item.mode === filters.mode) &&
    (!filters.priority || item.priority === filters.priority) &&
    (!filters.batch_id || item.batch_id === filters.batch_id) &&
    (!filters.receiver || receiverOf(item.callback_url) === filters.receiver) &&
    (!filters.since || Date.parse(item.created_at) >= Date.parse(filters.since)) &&
    (!filters.until || Date.parse(item.created_at) < Date.parse(filters.until)) &&
    (!filters.q || isFound(item, filters.q))
  )
}

/** As the API searches, but for idempotency keys, which the list does not tell. */
function isFound(item: RequestItem, q: string): boolean {
  if (/^https?:\/\//i.test(q)) {
    return [item.callback_url, receiverOf(item.callback_url)].some((url) => url?.startsWith(q))
  }
  return item.id === q.toLowerCase() || item.report_name.toLowerCase().includes(q.toLowerCase())
}

/** Scheme, host and port of a callback URL, as the API names a receiver. */
export function receiverOf(callbackUrl: string | null): string | null {
  if (callbackUrl === null) return null
  const { protocol, hostname, port } = new URL(callbackUrl)
  return `${protocol}//${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
}
