import type { BenchmarkSummary, Mode } from '@/api/types'
import { formatCount } from '@/lib/format'
import { NOISE_PERCENT } from './measures'

/** Who had the shorter time, `tie` for nobody; null when nothing can be said. */
export type Winner = Mode | 'tie' | null
export type Verdicts = { total: Winner; blocked: Winner; reservation: string | null }

/** No winner without a fair race: both sides must have done everything that was asked of them. */
export function verdictsOf(summary: BenchmarkSummary): Verdicts {
  const { sync, async: later } = summary
  if (!sync || !later) return { total: null, blocked: null, reservation: null }
  const reservation = reservationOf(summary)
  if (reservation) return { total: null, blocked: null, reservation }
  return {
    total: shorter(sync.duration_ms, later.duration_ms),
    blocked: shorter(sync.client_blocked_ms, later.client_blocked_ms),
    reservation: null,
  }
}

function shorter(sync: number, later: number): Winner {
  if (Math.abs(sync - later) < (Math.max(sync, later) * NOISE_PERCENT) / 100) return 'tie'
  return sync < later ? 'sync' : 'async'
}

function reservationOf({ interrupted, sync, async: later }: BenchmarkSummary): string | null {
  if (interrupted)
    return 'The run was stopped early: the two sides did not do the same work, so they are not compared.'
  const failed = (sync?.failed ?? 0) + (later?.failed ?? 0)
  if (failed > 0)
    return `${formatCount(failed, 'request')} failed: the two sides did not do the same work, so they are not compared.`
  const missing = later?.callbacks_missing ?? 0
  if (missing > 0)
    return `${formatCount(missing, 'callback')} never arrived, so the two sides are not compared.`
  return null
}

/** Why it comes out like this, in a sentence for each mode. */
export function explain(mode: Mode, { total, blocked }: Verdicts): string {
  if (mode === 'sync') {
    if (total === 'sync') return 'Reports are generated several at a time, so everything finishes sooner.'
    if (blocked === 'sync') return 'Reports this small are ready before a receipt would be.'
    return 'Every caller is held until its own report is ready.'
  }
  if (blocked === 'async')
    return 'Callers get a receipt at once and are free while their report is generated.'
  if (total === 'async')
    return 'Everything finished sooner, although one worker generates the reports in strict order.'
  return 'One worker generates the reports in strict order and calls back.'
}
