import { QueryClient } from '@tanstack/react-query'
import { ProblemError } from '@/api/client'

const RETRIES_MAX = 1

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The live stream says when something changed.
        staleTime: 10_000,
        refetchOnWindowFocus: false,
        // `navigator.onLine` is false in places where localhost answers well.
        networkMode: 'always',
        retry: (failures, error) => failures < RETRIES_MAX && isTemporary(error),
        retryDelay: 500,
      },
      mutations: { networkMode: 'always' },
    },
  })
}

/** A refusal stays a refusal; only a server in trouble is worth asking again. */
function isTemporary(error: Error): boolean {
  return !(error instanceof ProblemError) || error.status >= 500
}
