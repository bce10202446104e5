import { queryOptions } from '@tanstack/react-query'
import { api, ProblemError, unwrap } from '@/api/client'
import { keys } from '@/api/keys'
import { readQueue } from '@/api/queries'
import type { Health } from '@/api/types'
import { seenAt } from './depths'

/** The stream tells what changes; this is for the heartbeat of a worker that has nothing to do. */
const ASK_AGAIN_MS = 10_000
const PROVE_AGAIN_MS = 5_000
/** More than is drawn, so that the verdict is about more than what is seen. */
const PROOF_SIZE = 50

export const queueQuery = queryOptions({
  queryKey: keys.queue,
  queryFn: ({ signal }) => readQueue(signal),
  refetchInterval: ASK_AGAIN_MS,
})

/** Read once for each visit, and again after a break: what comes in between is seen by the page itself. */
export const depthsQuery = queryOptions({
  queryKey: keys.depths,
  queryFn: async ({ signal }) => seenAt(await unwrap(api.GET('/api/queue/depths', { signal })), Date.now()),
})

/** Asked for on the queue page alone: each look costs the database a few statements. */
export const healthQuery = queryOptions({
  queryKey: keys.health,
  queryFn: async ({ signal }): Promise<Health> => {
    const { data, error, response } = await api.GET('/api/health', { signal })
    // A service that is unhealthy says so with 503, and how.
    const told: unknown = data ?? error
    if (isHealth(told)) return told
    throw new ProblemError(response, told)
  },
  refetchInterval: ASK_AGAIN_MS,
})

function isHealth(told: unknown): told is Health {
  return typeof told === 'object' && told !== null && 'tasks' in told
}

/** Proved again only while somebody looks at it. */
export const fifoProofQuery = (inView: boolean) =>
  queryOptions({
    queryKey: keys.fifoProof,
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/queue/fifo-proof', { params: { query: { limit: PROOF_SIZE } }, signal })),
    enabled: inView,
    refetchInterval: inView ? PROVE_AGAIN_MS : false,
  })

/** The newest callbacks that were given up: for the proof they have come to their end like the delivered ones. */
export const givenUpQuery = queryOptions({
  queryKey: [...keys.fifoProof, 'given-up'],
  queryFn: async ({ signal }) => {
    const query = { callback_status: 'FAILED', limit: PROOF_SIZE } as const
    const { requests } = await unwrap(api.GET('/api/requests', { params: { query }, signal }))
    return new Set(requests.map((request) => request.id))
  },
  refetchInterval: 3 * PROVE_AGAIN_MS,
})

export function resumeReceiver(receiver: string) {
  return unwrap(api.POST('/api/receivers/{origin}/resume', { params: { path: { origin: receiver } } }))
}
