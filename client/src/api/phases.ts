import { seriesOf } from './series'
import type { CallbackLog, RequestDetail } from './types'

export type PhaseKind = 'held' | 'queued' | 'generating' | 'delivering' | 'failing' | 'backoff'

/** A stretch of time on this machine's clock; `to` is null while it lasts. */
export type Phase = { kind: PhaseKind; from: number; to: number | null }

/** Waiting for its turn, then being generated. */
export function generation(detail: RequestDetail, offsetMs: number): Phase[] {
  const created = localTime(detail.created_at, offsetMs) ?? 0
  const started = localTime(detail.started_at, offsetMs)
  const phases: Phase[] = []
  const end = localTime(detail.status === 'CANCELLED' ? detail.cancelled_at : detail.completed_at, offsetMs)
  if (detail.mode === 'async') phases.push({ kind: 'queued', from: created, to: started ?? end })
  if (started !== null) phases.push({ kind: 'generating', from: started, to: end })
  return phases
}

/**
 * The waits and the attempts after the report exists, each from where the one before it ended. Between a delivery
 * that is over and the next one, asked for by hand, nothing waits: that time is in no phase.
 */
export function deliveries(detail: RequestDetail, logs: CallbackLog[], offsetMs: number): Phase[] {
  const phases: Phase[] = []
  let from = localTime(detail.completed_at, offsetMs)
  if (from === null) return phases
  for (const series of seriesOf(detail, logs)) {
    if (series.byHand) from = localTime(series.redeliveredAt, offsetMs)
    for (const log of series.logs) {
      const at = localTime(log.attempted_at, offsetMs) ?? 0
      if (from !== null) phases.push({ kind: 'backoff', from, to: at })
      from = attemptEnd(log, offsetMs)
      phases.push({ kind: log.success ? 'delivering' : 'failing', from: at, to: from })
    }
  }
  if (detail.callback_status === 'PENDING' && from !== null) phases.push({ kind: 'backoff', from, to: null })
  return phases
}

export function attemptEnd(log: CallbackLog, offsetMs: number): number {
  return (localTime(log.attempted_at, offsetMs) ?? 0) + log.response_time_ms
}

export function localTime(at: string | null, offsetMs: number): number | null {
  return at === null ? null : new Date(at).getTime() - offsetMs
}
