import { infiniteQueryOptions } from '@tanstack/react-query'
import { api, unwrap } from '@/api/client'
import { keys } from '@/api/keys'
import type { components } from '@/api/schema.gen'

export type Batch = components['schemas']['Batch']
type BatchRequest = components['schemas']['BatchRequest']

export const batchesQuery = infiniteQueryOptions({
  queryKey: keys.batches,
  queryFn: ({ pageParam, signal }) => {
    const query = { limit: 20, ...(pageParam === null ? {} : { cursor: pageParam }) }
    return unwrap(api.GET('/api/batches', { params: { query }, signal }))
  },
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
})

export function submitBatch(body: BatchRequest) {
  return unwrap(api.POST('/api/batch', { body }))
}

export function cancelBatch(id: string, notify: boolean) {
  const params = { path: { batch_id: id } }
  return unwrap(api.POST('/api/batches/{batch_id}/cancel', { params, body: { notify } }))
}

export function redeliverBatch(id: string) {
  return unwrap(api.POST('/api/batches/{batch_id}/redeliver', { params: { path: { batch_id: id } } }))
}

export function deleteBatch(id: string) {
  return unwrap(api.DELETE('/api/batches/{batch_id}', { params: { path: { batch_id: id } } }))
}
