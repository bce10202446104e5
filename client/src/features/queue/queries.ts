import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from '@/api/client'
import { keys } from '@/api/keys'

/** Ages and heartbeats change without an event. */
const ASK_AGAIN_MS = 2_000
const PROOF_SIZE = 200

export const queueQuery = queryOptions({
  queryKey: keys.queue,
  queryFn: ({ signal }) => unwrap(api.GET('/api/queue', { signal })),
  refetchInterval: ASK_AGAIN_MS,
})

export const fifoProofQuery = queryOptions({
  queryKey: keys.fifoProof,
  queryFn: ({ signal }) =>
    unwrap(api.GET('/api/queue/fifo-proof', { params: { query: { limit: PROOF_SIZE } }, signal })),
})
