import type { ErrorCode } from './types'

/** Every key of the query cache, so that the live updates and the queries mean the same entry. */
export const keys = {
  requests: ['requests'] as const,
  lists: ['requests', 'list'] as const,
  list: (filters: RequestFilters) => ['requests', 'list', filters] as const,
  counts: ['requests', 'counts'] as const,
  count: (filters: RequestFilters) => ['requests', 'counts', filters] as const,
  details: ['requests', 'detail'] as const,
  detail: (id: string) => ['requests', 'detail', id] as const,
  logs: (id: string) => ['requests', 'logs', id] as const,
  explanation: (id: string) => ['requests', 'explanation', id] as const,
  batches: ['batches'] as const,
  queue: ['queue'] as const,
  /** Not below the queue: reading that again, as often as anything happens, must not read this one too. */
  fifoProof: ['fifo-proof'] as const,
  /** How much waited in the last 15 minutes. */
  depths: ['queue-depths'] as const,
  health: ['health'] as const,
  /** The figures of the last hour. */
  lastHour: ['last-hour'] as const,
  received: ['callbacks', 'history'] as const,
  settings: ['settings'] as const,
  /** Who is signed in. */
  me: ['me'] as const,
  apiKeys: ['api-keys'] as const,
  webhookSecrets: ['webhook-secrets'] as const,
  benchmarks: ['benchmarks'] as const,
  benchmarkRuns: ['benchmarks', 'runs'] as const,
  benchmarkRun: (id: string) => ['benchmarks', 'run', id] as const,
  benchmarkSamples: (id: string) => ['benchmarks', 'samples', id] as const,
  comparison: (a: string, b: string) => ['benchmarks', 'comparison', a, b] as const,
}

/** The filters of the list, as the API names them; times are ISO 8601 with their zone. */
export type RequestFilters = {
  mode?: 'sync' | 'async'
  status?: 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'FAILED' | 'CANCELLED'
  callback_status?: 'PENDING' | 'SUCCESS' | 'FAILED' | 'CANCELLED'
  priority?: 'high' | 'normal' | 'low'
  receiver?: string
  batch_id?: string
  error_code?: ErrorCode
  since?: string
  until?: string
  q?: string
}
