import type { InfiniteData, QueryClient } from '@tanstack/react-query'
import { addLines, isLine, type BenchmarkEvent, type Sample } from './benchmarks'
import type { Batch } from './events'
import { keys } from './keys'
import { listsOf, type RequestPages } from './lists'
import type { BatchList, BenchmarkRuns, CallbackLog, CallbackLogs, Queue, RequestDetail } from './types'

/** Pages kept when everything is read again; the rest comes back by scrolling. */
const PAGES_KEPT = 3

/** Write what the live stream said into the query cache. Returns the keys whose queries must be read again. */
export function applyBatch(client: QueryClient, batch: Batch): (readonly unknown[])[] {
  patchSamples(client, batch)
  if (batch.resync || batch.allDeleted) {
    trimLists(client)
    return [[]]
  }
  const stale = listsOf(client).apply(batch)
  stale.push(...patchDetails(client, batch), ...patchQueue(client, batch), ...staleRuns(client, batch))
  stale.push(...patchBatches(client, batch))
  if (wasAttempted(batch)) stale.push(keys.received)
  if (batch.updated.size + batch.changed.size + batch.deleted.size > 0) stale.push(keys.counts)
  return stale
}

function patchDetails(client: QueryClient, batch: Batch): (readonly unknown[])[] {
  const stale: (readonly unknown[])[] = []
  for (const [id, item] of [...batch.updated, ...batch.changed]) {
    const logs = client.getQueryData<CallbackLogs>(keys.logs(id))
    // Under load an attempt shows in its request alone.
    if (logs && logs.total_attempts < item.callback_attempts && !batch.attempts.has(id))
      stale.push(keys.logs(id))
    const old = client.getQueryData<RequestDetail>(keys.detail(id))
    if (!old) continue
    client.setQueryData<RequestDetail>(keys.detail(id), { ...old, ...item })
    // The list's row has no result and no reason: those are read once the state has changed.
    if (old.status !== item.status || old.callback_status !== item.callback_status)
      stale.push(keys.detail(id))
  }
  for (const [id, attempts] of batch.attempts) {
    client.setQueryData<CallbackLogs>(keys.logs(id), (logs) => logs && mergeAttempts(logs, attempts))
    // The stream does not tell what was sent and what came back.
    if (client.getQueryData(keys.logs(id))) stale.push(keys.logs(id))
  }
  for (const id of batch.deleted) client.removeQueries({ queryKey: keys.detail(id) })
  return stale
}

function wasAttempted(batch: Batch): boolean {
  return batch.attempts.size > 0 || [...batch.changed.values()].some((change) => change.callback_attempts > 0)
}

/** Attempts as the stream tells them; what the log knows of their exchange stays. */
export function mergeAttempts(logs: CallbackLogs, attempts: CallbackLog[]): CallbackLogs {
  const byNumber = new Map(logs.logs.map((log) => [log.attempt_number, log]))
  for (const attempt of attempts) {
    const { request = null, response = null } = byNumber.get(attempt.attempt_number) ?? {}
    byNumber.set(attempt.attempt_number, { ...attempt, request, response })
  }
  const merged = [...byNumber.values()].toSorted((one, other) => one.attempt_number - other.attempt_number)
  return { ...logs, total_attempts: merged.length, logs: merged }
}

/** One that no page has yet was submitted elsewhere; the entries that were deleted do not say of which they were. */
function patchBatches(client: QueryClient, { batches, deleted }: Batch): (readonly unknown[])[] {
  if (deleted.size > 0) return [keys.batches]
  if (batches.size === 0) return []
  const known = client.getQueryData<InfiniteData<BatchList>>(keys.batches)
  if (!known) return []
  const missing = new Set(batches.keys())
  const pages = known.pages.map((page) => ({
    ...page,
    batches: page.batches.map((old) => {
      missing.delete(old.batch_id)
      return batches.get(old.batch_id) ?? old
    }),
  }))
  client.setQueryData<InfiniteData<BatchList>>(keys.batches, { ...known, pages })
  return missing.size > 0 ? [keys.batches] : []
}

function patchQueue(client: QueryClient, batch: Batch): (readonly unknown[])[] {
  const { queue } = batch
  if (queue) {
    client.setQueryData<Queue>(keys.queue, (old) => old && { ...old, waiting: queue.waiting })
  }
  return queue || batch.updated.size + batch.changed.size > 0 || batch.attempts.size > 0 ? [keys.queue] : []
}

/** What a run says is told only once: it is kept even when everything else is read again. */
function patchSamples(client: QueryClient, { benchmarks }: Batch): void {
  for (const id of new Set(benchmarks.map((event) => event.run_id))) {
    const lines = benchmarks.filter((event) => event.run_id === id).filter(isLine)
    client.setQueryData<Sample[]>(keys.benchmarkSamples(id), (samples = []) => addLines(samples, lines))
  }
}

/** A run that ended has a result now; one that nobody here knew was begun elsewhere. */
function staleRuns(client: QueryClient, { benchmarks }: Batch): (readonly unknown[])[] {
  if (benchmarks.some((event) => event.status !== 'RUNNING')) return [keys.benchmarks]
  const known = client.getQueryData<BenchmarkRuns>(keys.benchmarkRuns)?.runs ?? []
  const isNew = ({ run_id: id }: BenchmarkEvent) => !known.some((run) => run.run_id === id)
  return benchmarks.some(isNew) ? [keys.benchmarkRuns] : []
}

function trimLists(client: QueryClient): void {
  for (const query of client.getQueryCache().findAll({ queryKey: keys.lists })) {
    client.setQueryData<RequestPages>(
      query.queryKey,
      (data) =>
        data && {
          pages: data.pages.slice(0, PAGES_KEPT),
          pageParams: data.pageParams.slice(0, PAGES_KEPT),
        },
    )
  }
}
