import type { CallbackLog, ReceivedCallback, RequestDetail } from '@/api/types'
import { formatBytes, formatCount, formatDuration } from '@/lib/format'

export type EntryKind =
  | 'accepted'
  | 'started'
  | 'generated'
  | 'generation-failed'
  | 'attempt-failed'
  | 'attempt-ok'
  | 'received'
  | 'next'
  | 'delivered'
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
}

export type TimelineFacts = { detail: RequestDetail; logs: CallbackLog[]; received: ReceivedCallback[] }

/** One story from the acceptance to the acknowledged callback, told by both sides. */
export function timelineOf({ detail, logs, received }: TimelineFacts): Entry[] {
  const entries = [...generationEntries(detail), ...attemptEntries(detail, logs)]
  for (const callback of received) {
    if (detail.webhook_id && callback.webhook_id === detail.webhook_id) entries.push(receivedEntry(callback))
  }
  entries.sort((one, other) => (one.at ?? Infinity) - (other.at ?? Infinity))
  return [...entries, ...endEntries(detail)]
}

function generationEntries(detail: RequestDetail): Entry[] {
  const created = time(detail.created_at)
  const started = time(detail.started_at)
  const completed = time(detail.completed_at)
  const entries = [
    entry(
      'accepted',
      created,
      detail.mode === 'async' ? 'Accepted and answered 202' : 'Accepted, connection held',
      {
        notes:
          detail.queue_position === null
            ? []
            : [`Position ${detail.queue_position} in the order of acceptance`],
      },
    ),
  ]
  if (started !== null) {
    entries.push(
      entry('started', started, 'Generation started', {
        waitedMs: detail.mode === 'async' ? since(created, started) : null,
        waitedFor: 'in the queue',
        notes: detail.generation_attempts > 1 ? [`Begun ${detail.generation_attempts} times`] : [],
      }),
    )
  }
  if (completed !== null) entries.push(completedEntry(detail, started, completed))
  return entries
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

function attemptEntries(detail: RequestDetail, logs: CallbackLog[]): Entry[] {
  let before = time(detail.completed_at)
  return logs.map((log) => {
    const at = time(log.attempted_at) ?? 0
    const made = attemptEntry(log, at, since(before, at))
    before = at + log.response_time_ms
    return made
  })
}

function attemptEntry(log: CallbackLog, at: number, waitedMs: number | null): Entry {
  const outcome = log.status_code === null ? (log.error_code ?? 'no answer') : `answered ${log.status_code}`
  const notes = [log.error_message, log.response_excerpt && `Answer: ${log.response_excerpt}`]
  return entry(
    log.success ? 'attempt-ok' : 'attempt-failed',
    at,
    `Attempt ${log.attempt_number}: ${outcome}`,
    {
      durationMs: log.response_time_ms,
      waitedMs,
      waitedFor: log.attempt_number === 1 ? 'for its turn to be sent' : 'before the retry',
      notes: notes.filter((note): note is string => Boolean(note)),
    },
  )
}

function receivedEntry(callback: ReceivedCallback): Entry {
  const signature = callback.signature_valid
    ? 'signature valid'
    : (callback.signature_error ?? 'signature refused')
  const answered = callback.answered === null ? 'gave no answer' : `answered ${callback.answered}`
  return entry('received', time(callback.received_at), `Demo receiver got it: ${signature}, ${answered}`)
}

/** What is still to come, or how it ended. */
function endEntries(detail: RequestDetail): Entry[] {
  const finished = time(detail.callback_finished_at)
  const attempts = formatCount(detail.callback_attempts, 'attempt')
  if (detail.callback_status === 'SUCCESS') {
    return [entry('delivered', finished, `Callback acknowledged after ${attempts}`)]
  }
  if (detail.callback_status === 'FAILED') {
    return [entry('given-up', finished, `Callback given up after ${attempts}`)]
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

/** For screen readers and the clipboard: the same story as lines of text. */
export function timelineText(entries: Entry[]): string {
  return entries
    .map((one) => {
      const took = one.durationMs === null ? '' : ` (${formatDuration(one.durationMs)})`
      return `${one.at === null ? '' : new Date(one.at).toISOString()} ${one.title}${took}`.trim()
    })
    .join('\n')
}

function time(at: string | null): number | null {
  return at === null ? null : Date.parse(at)
}

function since(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : Math.max(0, to - from)
}
