import { queryOptions } from '@tanstack/react-query'
import { api, unwrap } from '@/api/client'
import { keys } from '@/api/keys'

/** Shorter than a step, so that a new one is seen soon; the server answers from its memory. */
const ASK_AGAIN_MS = 5_000

export const lastHourQuery = queryOptions({
  queryKey: keys.lastHour,
  queryFn: ({ signal }) => unwrap(api.GET('/api/health/last-hour', { signal })),
  refetchInterval: ASK_AGAIN_MS,
})
