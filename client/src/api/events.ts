import type { BenchmarkEvent } from './benchmarks'
import type { BatchState, CallbackLog, RequestItem } from './types'

/** What may change in a request as a list shows it. */
export type RequestChange = Pick<
  RequestItem,
  | 'id'
  | 'status'
  | 'callback_status'
  | 'callback_attempts'
  | 'callback_next_attempt_at'
  | 'failure_reason'
  | 'started_at'
  | 'completed_at'
  | 'cancelled_at'
>

/** In gathered frames a member that is null is left out. */
type WithoutNulls<T> = { [K in keyof T as null extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as null extends T[K] ? K : never]?: NonNullable<T[K]>
}

type Told =
  | { type: 'request.updated'; data: RequestItem }
  | { type: 'requests.updated'; data: { requests: WithoutNulls<RequestItem>[] } }
  | { type: 'requests.changed'; data: { requests: WithoutNulls<RequestChange>[] } }
  | { type: 'request.deleted'; data: { ids: string[] } }
  | { type: 'callback.attempted'; data: AttemptedEvent }
  | { type: 'queue.changed'; data: { waiting: number; processing_request_id: string | null } }
  | { type: 'batch.updated'; data: BatchState }
  | { type: 'benchmark.progress'; data: BenchmarkEvent }
  | { type: 'resync'; data?: { spread_s: number } }

/** One frame of the live stream. `seq` is the stream's and grows by one from frame to frame. */
/** An attempt as the stream tells it: what was sent and what came back stands in the log alone. */
type AttemptedEvent = Omit<CallbackLog, 'request' | 'response'> & { request_id: string }

export type LiveEvent = { seq: number; at: string } & (
  | Told
  | { type: 'hello'; data: { heartbeat_s: number; spread_s: number } }
  | { type: 'events'; data: { spread_s: number; events: Told[] } }
  | { type: 'ping'; data?: unknown }
)

/** What happened since the last flush; only the newest state of each request is kept. */
export type Batch = {
  updated: Map<string, RequestItem>
  /** Of requests that are not among the updated ones. */
  changed: Map<string, RequestChange>
  deleted: Set<string>
  allDeleted: boolean
  attempts: Map<string, CallbackLog[]>
  queue: { waiting: number; processing_request_id: string | null } | null
  batches: Map<string, BatchState>
  benchmarks: BenchmarkEvent[]
  resync: boolean
}

/** More than this between two flushes (a hidden tab), and reading everything again is cheaper. */
const BATCH_MAX = 2_000

const CHANGE_NULLS = {
  callback_status: null,
  callback_next_attempt_at: null,
  failure_reason: null,
  started_at: null,
  completed_at: null,
  cancelled_at: null,
} as const
const ITEM_NULLS = { ...CHANGE_NULLS, queue_position: null, batch_id: null, callback_url: null } as const

export function emptyBatch(): Batch {
  return {
    updated: new Map(),
    changed: new Map(),
    deleted: new Set(),
    allDeleted: false,
    attempts: new Map(),
    queue: null,
    batches: new Map(),
    benchmarks: [],
    resync: false,
  }
}

export function isEmpty(batch: Batch): boolean {
  return (
    !batch.resync &&
    !batch.allDeleted &&
    batch.queue === null &&
    batch.updated.size + batch.changed.size + batch.deleted.size + batch.attempts.size === 0 &&
    batch.benchmarks.length + batch.batches.size === 0
  )
}

/** Add what a frame says to the batch, in place: this runs hundreds of times a second. */
export function collect(batch: Batch, event: LiveEvent): void {
  if (event.type === 'events') for (const told of event.data.events) collectOne(batch, told)
  else if (event.type !== 'hello' && event.type !== 'ping') collectOne(batch, event)
  if (batch.updated.size + batch.changed.size + batch.attempts.size > BATCH_MAX) forget(batch)
}

function collectOne(batch: Batch, event: Told): void {
  switch (event.type) {
    case 'request.updated':
      collectUpdated(batch, event.data)
      break
    case 'requests.updated':
      for (const item of event.data.requests) collectUpdated(batch, { ...ITEM_NULLS, ...item })
      break
    case 'requests.changed':
      for (const change of event.data.requests) collectChange(batch, { ...CHANGE_NULLS, ...change })
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
    case 'batch.updated':
      batch.batches.set(event.data.batch_id, event.data)
      break
    case 'benchmark.progress':
      batch.benchmarks.push(event.data)
      break
    case 'resync':
      batch.resync = true
      break
    default: // a newer server's event
  }
}

function collectUpdated(batch: Batch, item: RequestItem): void {
  batch.updated.set(item.id, item)
  batch.changed.delete(item.id)
}

function collectChange(batch: Batch, change: RequestChange): void {
  const whole = batch.updated.get(change.id)
  if (whole) batch.updated.set(change.id, { ...whole, ...change })
  else batch.changed.set(change.id, change)
}

function collectDeleted(batch: Batch, ids: string[]): void {
  if (ids.length === 0) batch.allDeleted = true
  for (const id of ids) {
    batch.deleted.add(id)
    batch.updated.delete(id)
    batch.changed.delete(id)
  }
}

function collectAttempt(batch: Batch, event: AttemptedEvent): void {
  const attempt = { ...event, request: null, response: null }
  const logs = batch.attempts.get(attempt.request_id)
  if (logs) logs.push(attempt)
  else batch.attempts.set(attempt.request_id, [attempt])
}

/** Add a later batch to an earlier one, as far as it is about requests. */
export function addRequests(batch: Batch, later: Batch): void {
  for (const item of later.updated.values()) collectUpdated(batch, item)
  for (const change of later.changed.values()) collectChange(batch, change)
  if (later.deleted.size > 0) collectDeleted(batch, [...later.deleted])
}

function forget(batch: Batch): void {
  batch.updated.clear()
  batch.changed.clear()
  batch.attempts.clear()
  batch.deleted.clear()
  batch.resync = true
}
