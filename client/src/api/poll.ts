import type { QueryClient } from '@tanstack/react-query'
import { applyBatch } from './cache'
import { api, unwrap } from './client'
import { emptyBatch } from './events'
import { keys } from './keys'

/** Stand in for the live stream once: read the newest requests and treat each as an update. */
export async function pollOnce(client: QueryClient, signal: AbortSignal): Promise<void> {
  const { requests } = await unwrap(api.GET('/api/requests', { params: { query: { limit: 50 } }, signal }))
  const batch = emptyBatch()
  for (const item of requests) batch.updated.set(item.id, item)
  applyBatch(client, batch)
  await Promise.all(
    [keys.queue, keys.details, ['requests', 'logs'], keys.received, keys.benchmarkRuns].map((queryKey) =>
      client.invalidateQueries({ queryKey }),
    ),
  )
}
