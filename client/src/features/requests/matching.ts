import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from '@/api/client'
import { keys, type RequestFilters } from '@/api/keys'
import type { components } from '@/api/schema.gen'
import { createStore } from '@/lib/store'

export type RedeliveryFilter = components['schemas']['RedeliveryFilterBody']
export type Redelivery = components['schemas']['Redelivery']

/** The redelivery this page watches; null when there is none. */
export const watchedRedelivery = createStore<string | null>(null)

/** The filters as a redelivery takes them; null where it cannot: it knows no text, and no open callbacks. */
export function redeliveryFilter(filters: RequestFilters): RedeliveryFilter | null {
  const { mode, status, callback_status, q, ...rest } = filters
  if (q !== undefined || mode === 'sync' || callback_status === 'PENDING') return null
  if (status !== undefined && status !== 'COMPLETED') return null
  const wanted = Object.entries({ ...rest, callback_status }).filter(([, value]) => value !== undefined)
  return wanted.length === 0 ? null : (Object.fromEntries(wanted) as RedeliveryFilter)
}

/** What would be redelivered; nothing is. */
export const matchingQuery = (filter: RedeliveryFilter) =>
  queryOptions({
    queryKey: [...keys.requests, 'matching', filter],
    queryFn: async ({ signal }) => {
      const body = { filter, dry_run: true }
      const preview = await unwrap(api.POST('/api/redeliveries', { body, signal }))
      if (!('by_receiver' in preview))
        throw new Error('The server started a redelivery instead of only counting.')
      return preview
    },
    staleTime: Infinity,
    gcTime: 0,
  })

export async function startRedelivery(filter: RedeliveryFilter, count: number): Promise<string> {
  const body = { filter, dry_run: false, expected_count: count }
  const started = await unwrap(api.POST('/api/redeliveries', { body }))
  if (!('id' in started)) throw new Error('The server did not start it.')
  return started.id
}

export function stopRedelivery(id: string) {
  const path = { redelivery_id: id }
  return unwrap(api.POST('/api/redeliveries/{redelivery_id}/cancel', { params: { path } }))
}

export const redeliveryQuery = (id: string) =>
  queryOptions({
    queryKey: ['redeliveries', id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/redeliveries/{redelivery_id}', { params: { path: { redelivery_id: id } }, signal }),
      ),
    refetchInterval: ({ state }) => (state.data && isDrained(state.data) ? false : 1_000),
  })

/** Everything that was queued has ended: delivered, given up, cancelled or deleted. */
export function isDrained({ settled_at: settledAt }: Redelivery): boolean {
  return settledAt !== null
}
