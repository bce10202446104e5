import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from './client'
import { keys } from './keys'
import type { Queue, RequestDetail } from './types'

/** Queries that more than one feature reads. What only one needs lives in that feature's queries.ts. */

export const requestQuery = (id: string) =>
  queryOptions({
    queryKey: keys.detail(id),
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/requests/{request_id}', { params: { path: { request_id: id } }, signal })),
  })

export const logsQuery = (id: string) =>
  queryOptions({
    queryKey: keys.logs(id),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/requests/{request_id}/callback-logs', { params: { path: { request_id: id } }, signal }),
      ),
  })

export const receivedQuery = queryOptions({
  queryKey: keys.received,
  queryFn: ({ signal }) => unwrap(api.GET('/api/callbacks/history', { signal })),
})

export const settingsQuery = queryOptions({
  queryKey: keys.settings,
  queryFn: ({ signal }) => unwrap(api.GET('/api/settings', { signal })),
  staleTime: 60_000,
})

export const meQuery = queryOptions({
  queryKey: keys.me,
  queryFn: ({ signal }) => unwrap(api.GET('/api/me', { signal })),
  staleTime: 5_000,
})

/** The queue as it is. The same operation shows an earlier one, to those who ask for a time. */
export async function readQueue(signal: AbortSignal): Promise<Queue> {
  const queue = await unwrap(api.GET('/api/queue', { signal }))
  if (!('worker' in queue)) throw new Error('The server answered with an earlier queue.')
  return queue
}

/** Nothing more will happen to it by itself. */
export function isFinal(request: Pick<RequestDetail, 'status' | 'callback_status'>): boolean {
  const generated = request.status !== 'PENDING' && request.status !== 'PROCESSING'
  return generated && request.callback_status !== 'PENDING'
}
