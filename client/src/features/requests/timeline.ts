import { attemptEnd } from '@/api/phases'
import { seriesOf, type Series } from '@/api/series'
import type { CallbackLog, ReceivedCallback, RequestDetail } from '@/api/types'
import { formatBytes, formatCount, formatDuration, formatExact, formatTimeOfDay } from '@/lib/format'

export type EntryKind =
  | 'accepted'
  | 'started'
  | 'generated'
  | 'generation-failed'
  | 'cancelled'
  | 'attempt-failed'
  | 'attempt-ok'
  | 'received'
  | 'next'
  | 'delivered'
  | 'redelivered'
  | 'given-up'
  | 'now'

/** One thing that happened, or is going to. `at` is null for what has no time yet. */
export type Entry = {
  key: string
  kind: EntryKind
  at: number | null
  title: string
  notes: string[]
  durationMs: number | null
  /** Time since what came before, when something was waited for. */
  waitedMs: number | null
  waitedFor: string | null
  /** Where it belongs when it has no time of its own. */
  before?: number
}

export type TimelineFacts = { detail: RequestDetail; logs: CallbackLog[]; received: ReceivedCallback[] }

/** One story from the acceptance to the acknowledged callback, told by both sides. */
export function timelineOf({ detail, logs, received }: TimelineFacts): Entry[] {
  const entries = [...generationEntries(detail), ...attemptEntries(detail, logs)]
  for (const callback of received) {
    if (detail.webhook_id && callback.webhook_id === detail.webhook_id) entries.push(receivedEntry(callback))
  }
  entries.sort((one, other) => sortKey(one) - sortKey(other))
  return [...entries, ...endEntries(detail, logs)]
}

function generationEntries(detail: RequestDetail): Entry[] {
  const created = time(detail.created_at)
  const started = time(detail.started_at)
  const completed = time(detail.completed_at)
  const entries = [
    entry('accepted', created, detail.mode === 'async' ? 'Accepted (202)' : 'Accepted, connection held', {
      notes:
        detail.queue_position === null ? [] : [`Position ${detail.queue_position} in order of acceptance`],
    }),
  ]
  if (started !== null) {
    entries.push(
      entry('started', started, 'Generation started', {
        waitedMs: detail.mode === 'async' ? since(created, started) : null,
        waitedFor: 'in the queue',
        notes: detail.generation_attempts > 1 ? [`Started ${detail.generation_attempts} times`] : [],
      }),
    )
  }
  const cancelled = time(detail.cancelled_at)
  if (cancelled !== null) entries.push(cancelledEntry(detail, created, cancelled))
  if (completed !== null && detail.status !== 'CANCELLED') {
    entries.push(completedEntry(detail, started, completed))
  }
  return entries
}

function cancelledEntry(detail: RequestDetail, created: number | null, cancelled: number): Entry {
  if (detail.status !== 'CANCELLED') return entry('cancelled', cancelled, 'Callback cancelled')
  const waited = detail.started_at === null && detail.mode === 'async'
  return entry('cancelled', cancelled, 'Request cancelled', {
    durationMs: since(time(detail.started_at), cancelled),
    waitedMs: waited ? since(created, cancelled) : null,
    waitedFor: 'in the queue',
  })
}

function completedEntry(detail: RequestDetail, started: number | null, completed: number): Entry {
  const durationMs = since(started, completed)
  if (detail.status === 'FAILED') {
    return entry('generation-failed', completed, 'Generation failed', {
      durationMs,
      notes: detail.failure_reason ? [detail.failure_reason] : [],
    })
  }
  const result = detail.result_payload
  return entry('generated', completed, 'Report generated', {
    durationMs,
    notes: result
      ? [`${formatCount(result.summary.total_transactions, 'row')}, ${formatBytes(result.file_size_bytes)}`]
      : [],
  })
}

function sortKey({ at, before }: Entry): number {
  return at ?? before ?? Infinity
}

function attemptEntries(detail: RequestDetail, logs: CallbackLog[]): Entry[] {
  const all = seriesOf(detail, logs)
  return all.flatMap((series, index) => {
    const entries = series.byHand ? [redeliveredEntry(series)] : []
    let before = time(series.byHand ? series.redeliveredAt : detail.completed_at)
    for (const log of series.logs) {
      const at = time(log.attempted_at) ?? 0
      entries.push(attemptEntry(log, at, since(before, at), log === series.logs[0]))
      before = attemptEnd(log, 0)
    }
    // How the last one ended is told by the request itself.
    if (index < all.length - 1) entries.push(...seriesEnd(series))
    return entries
  })
}

/** A delivery that was over before somebody asked for another one. */
function seriesEnd(series: Series): Entry[] {
  const last = series.logs.at(-1)
  if (!last) return []
  const kind = last.success ? 'delivered' : 'given-up'
  return [entry(kind, attemptEnd(last, 0), endTitle(kind, series), endNotes(kind, last))]
}

function endTitle(kind: 'delivered' | 'given-up', series: Series): string {
  const what = series.byHand ? 'Redelivery' : 'Callback'
  const attempts = formatCount(series.logs.length, 'attempt')
  return kind === 'delivered' ? `${what} acknowledged after ${attempts}` : `Given up after ${attempts}`
}

/** Why no other attempt follows. */
function endNotes(kind: 'delivered' | 'given-up', last: CallbackLog | undefined): Partial<Entry> {
  const status = last?.status_code ?? null
  if (kind === 'delivered' || status === null || !isFinalStatus(status)) return {}
  return { notes: [`${status} is final: the receiver refused it. Fix the receiver, then redeliver.`] }
}

/** A refusal that is not going to change by itself; what answers 429 or 5xx is tried again. */
function isFinalStatus(status: number): boolean {
  return status < 500 && status !== 429
}

function redeliveredEntry({ redeliveredAt, logs }: Series): Entry {
  const at = time(redeliveredAt)
  const first = time(logs[0]?.attempted_at ?? null)
  const title = at === null ? 'Redelivered by hand' : `Redelivered by hand at ${formatTimeOfDay(at)}`
  return entry('redelivered', at, title, first === null ? {} : { before: first - 1 })
}

function attemptEntry(log: CallbackLog, at: number, waitedMs: number | null, isFirst: boolean): Entry {
  const outcome = log.status_code === null ? (log.error_code ?? 'no answer') : `answered ${log.status_code}`
  const notes = [log.error_message, log.response_excerpt && `Response: ${log.response_excerpt}`]
  return entry(
    log.success ? 'attempt-ok' : 'attempt-failed',
    at,
    `Attempt ${log.attempt_number}: ${outcome}`,
    {
      durationMs: log.response_time_ms,
      waitedMs,
      waitedFor: isFirst ? 'to be sent' : 'before the retry',
      notes: notes.filter((note): note is string => Boolean(note)),
    },
  )
}

function receivedEntry(callback: ReceivedCallback): Entry {
  const signature = callback.signature_valid
    ? 'signature valid'
    : (callback.signature_error ?? 'signature rejected')
  const answered = callback.answered === null ? 'did not answer' : `answered ${callback.answered}`
  return entry(
    'received',
    time(callback.received_at),
    `Received by the demo receiver: ${signature}, ${answered}`,
  )
}

/** What is still to come, or how it ended. */
function endEntries(detail: RequestDetail, logs: CallbackLog[]): Entry[] {
  const finished = time(detail.callback_finished_at)
  const series = seriesOf(detail, logs).at(-1)
  const ends = { SUCCESS: 'delivered', FAILED: 'given-up' } as const
  if (series && (detail.callback_status === 'SUCCESS' || detail.callback_status === 'FAILED')) {
    const kind = ends[detail.callback_status]
    return [entry(kind, finished, endTitle(kind, series), endNotes(kind, series.logs.at(-1)))]
  }
  const next = time(detail.callback_next_attempt_at)
  if (next !== null && detail.status === 'COMPLETED') {
    return [entry('next', next, `Attempt ${detail.callback_attempts + 1}`)]
  }
  return detail.reason ? [entry('now', null, detail.reason)] : []
}

function entry(kind: EntryKind, at: number | null, title: string, rest: Partial<Entry> = {}): Entry {
  const base = { notes: [], durationMs: null, waitedMs: null, waitedFor: null }
  return { ...base, ...rest, kind, at, title, key: `${kind}-${at ?? 'open'}-${title}` }
}

/** For the clipboard: all that a ticket needs, as lines of text. Times are UTC. */
export function timelineText(detail: RequestDetail, entries: Entry[], url: string): string {
  const head = [
    `${detail.report_name} (${detail.mode}, ${formatCount(detail.num_transactions, 'row')})`,
    `Request ${detail.id}`,
    url,
    ...(detail.callback_url ? [`Callback to ${detail.callback_url}, webhook-id ${detail.webhook_id}`] : []),
    `Status ${detail.status}${detail.callback_status ? `, callback ${detail.callback_status}` : ''}`,
    ...(detail.failure_reason ? [`Error: ${detail.failure_reason}`] : []),
  ]
  const next = detail.callback_next_attempt_at
  const end = next === null ? [] : [`Next attempt ${new Date(next).toISOString()} (${formatExact(next)})`]
  return [...head, '', ...entries.flatMap(textOf), ...end].join('\n')
}

function textOf(one: Entry): string[] {
  const took = one.durationMs === null ? '' : ` (${formatDuration(one.durationMs)})`
  const line = `${one.at === null ? '' : new Date(one.at).toISOString()} ${one.title}${took}`.trim()
  return [line, ...one.notes.map((note) => `    ${note}`)]
}

function time(at: string | null): number | null {
  return at === null ? null : Date.parse(at)
}

function since(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : Math.max(0, to - from)
}
