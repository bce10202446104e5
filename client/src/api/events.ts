import type { BenchmarkEvent } from './benchmarks'
import type { CallbackLog, RequestItem } from './types'

/** One message of the live stream. `seq` grows by one within a connection. */
export type LiveEvent = { seq: number; at: string } & (
  | { type: 'hello'; data: { heartbeat_s: number } }
  | { type: 'request.updated'; data: RequestItem }
  | { type: 'request.deleted'; data: { ids: string[] } }
  | { type: 'callback.attempted'; data: CallbackLog & { request_id: string } }
  | { type: 'queue.changed'; data: { waiting: number; processing_request_id: string | null } }
  | { type: 'benchmark.progress'; data: BenchmarkEvent }
  | { type: 'resync' | 'ping'; data?: unknown }
)

/** What happened since the last flush; only the newest state of each request is kept. */
export type Batch = {
  updated: Map<string, RequestItem>
  deleted: Set<string>
  allDeleted: boolean
  attempts: Map<string, CallbackLog[]>
  queue: { waiting: number; processing_request_id: string | null } | null
  benchmarks: BenchmarkEvent[]
  resync: boolean
}

/** More than this between two flushes (a hidden tab), and reading everything again is cheaper. */
const BATCH_MAX = 2_000

export function emptyBatch(): Batch {
  return {
    updated: new Map(),
    deleted: new Set(),
    allDeleted: false,
    attempts: new Map(),
    queue: null,
    benchmarks: [],
    resync: false,
  }
}

export function isEmpty(batch: Batch): boolean {
  return (
    !batch.resync &&
    !batch.allDeleted &&
    batch.queue === null &&
    batch.updated.size + batch.deleted.size + batch.attempts.size + batch.benchmarks.length === 0
  )
}

/** Add one event to the batch, in place: this runs hundreds of times a second. */
export function collect(batch: Batch, event: LiveEvent): void {
  switch (event.type) {
    case 'request.updated':
      batch.updated.set(event.data.id, event.data)
      break
    case 'request.deleted':
      collectDeleted(batch, event.data.ids)
      break
    case 'callback.attempted':
      collectAttempt(batch, event.data)
      break
    case 'queue.changed':
      batch.queue = event.data
      break
    case 'benchmark.progress':
      batch.benchmarks.push(event.data)
      break
    case 'resync':
      batch.resync = true
      break
    default:
  }
  if (batch.updated.size + batch.attempts.size > BATCH_MAX) forget(batch)
}

function collectDeleted(batch: Batch, ids: string[]): void {
  if (ids.length === 0) batch.allDeleted = true
  for (const id of ids) {
    batch.deleted.add(id)
    batch.updated.delete(id)
  }
}

function collectAttempt(batch: Batch, attempt: CallbackLog & { request_id: string }): void {
  const logs = batch.attempts.get(attempt.request_id)
  if (logs) logs.push(attempt)
  else batch.attempts.set(attempt.request_id, [attempt])
}

function forget(batch: Batch): void {
  batch.updated.clear()
  batch.attempts.clear()
  batch.deleted.clear()
  batch.resync = true
}
