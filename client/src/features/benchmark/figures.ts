import type { AsyncSide, BenchmarkSummary, SyncSide } from '@/api/types'
import { valueAt } from './charts/curves'
import type { MeasureName } from './measures'

/** One figure of all three: sync's answers, async's receipts, async's callbacks; undefined where it has no meaning. */
export type FigureRow = {
  measure: MeasureName
  sync?: number | null
  receipt?: number | null
  callback?: number | null
}

const COUNTS = ['total_requests', 'successful', 'failed', 'throughput_per_s'] as const
/** A figure of a time, and the same one of the callbacks: as it is given, or from their curve. */
const TIMES = [
  ['min_latency_ms', 'min_ms'],
  ['avg_latency_ms', 'avg_ms'],
  ['p50_ms', 'p50_ms'],
  ['p90_ms', 90],
  ['p95_ms', 'p95_ms'],
  ['p99_ms', 'p99_ms'],
  ['p999_ms', 99.9],
  ['max_latency_ms', 'max_ms'],
] as const

/** Of fewer requests p99.9 is the slowest one under another name. */
const P999_REQUESTS_MIN = 1_000

export function figureRows({ sync, async: later }: BenchmarkSummary): FigureRow[] {
  const counts = COUNTS.map((measure) => ({ measure, sync: sync?.[measure], receipt: later?.[measure] }))
  const times = TIMES.map(([measure, ofCallback]) => ({
    measure,
    sync: sync?.[measure],
    receipt: later?.[measure],
    callback: later && callbackTime(later, ofCallback),
  }))
  const most = Math.max(sync?.successful ?? 0, later?.successful ?? 0)
  return [...counts, ...times].filter((row) => row.measure !== 'p999_ms' || most >= P999_REQUESTS_MIN)
}

function callbackTime({ callback, callback_curve: curve }: AsyncSide, figure: (typeof TIMES)[number][1]) {
  return typeof figure === 'number' ? valueAt(curve.percentile_curve, figure) : callback[figure]
}

/** `2 × timeout, 5 × status 429`; null when nothing failed. */
export function describeFailures({
  failures_by_kind: kinds,
}: Pick<SyncSide, 'failures_by_kind'>): string | null {
  const happened = Object.entries(kinds).filter(([, count]) => count > 0)
  if (happened.length === 0) return null
  return happened.map(([kind, count]) => `${count} × ${kind.replaceAll('_', ' ')}`).join(', ')
}
