import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, unwrap } from '@/api/client'
import { keys, type RequestFilters } from '@/api/keys'

export const PAGE_SIZE = 200

export const requestsQuery = (filters: RequestFilters) =>
  infiniteQueryOptions({
    queryKey: keys.list(filters),
    queryFn: ({ pageParam, signal }) => {
      const query = { ...filters, limit: PAGE_SIZE, ...(pageParam === null ? {} : { cursor: pageParam }) }
      return unwrap(api.GET('/api/requests', { params: { query }, signal }))
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  })

export const explanationQuery = (id: string) =>
  queryOptions({
    queryKey: keys.explanation(id),
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/requests/{request_id}/explain', { params: { path: { request_id: id } }, signal })),
  })

/** How many requests the filters leave, by state. */
export const countsQuery = (filters: RequestFilters) =>
  queryOptions({
    queryKey: keys.count(filters),
    queryFn: ({ signal }) => unwrap(api.GET('/api/requests/counts', { params: { query: filters }, signal })),
    placeholderData: keepPreviousData,
  })

export function redeliver(id: string) {
  return unwrap(api.POST('/api/requests/{request_id}/redeliver', { params: { path: { request_id: id } } }))
}

export function cancelRequest(id: string, notify: boolean) {
  return unwrap(
    api.POST('/api/requests/{request_id}/cancel', { params: { path: { request_id: id } }, body: { notify } }),
  )
}

export function deleteRequest(id: string) {
  return unwrap(api.DELETE('/api/requests/{request_id}', { params: { path: { request_id: id } } }))
}

/** Delete what the filters match; everything where there are none. */
export function deleteMatching(filters: RequestFilters) {
  return unwrap(api.DELETE('/api/requests', { params: { query: filters } }))
}
