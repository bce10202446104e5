import type { ComparedMeasure } from '@/api/types'
import { formatDuration, formatLatency, formatNumber, formatRate } from '@/lib/format'

export type Measure = { name: string; meaning: string; format: (value: number) => string }

const count = (name: string, meaning: string): Measure => ({ name, meaning, format: formatNumber })
const latency = (name: string, meaning: string): Measure => ({ name, meaning, format: formatLatency })

/** Every figure that is shown, under the name it has in the summary, and what it means in one sentence. */
export const measures = {
  total_requests: count('Requests', 'How many were sent.'),
  successful: count('Successful', 'Answered as expected.'),
  failed: count('Failed', 'Refused, timed out or disconnected; not part of any time below.'),
  throughput_per_s: {
    name: 'Throughput',
    meaning: 'Reports per second over the whole run; for async, those called back.',
    format: formatRate,
  },
  duration_ms: {
    name: 'Total time',
    meaning: 'From the first request to the last result.',
    format: formatDuration,
  },
  client_blocked_ms: {
    name: 'Client-blocked time',
    meaning: 'How long all callers waited for responses, added up.',
    format: formatDuration,
  },
  client_blocked_per_request_ms: latency(
    'Client blocked, per request',
    'How long a caller waited, on average.',
  ),
  min_latency_ms: latency('Fastest', 'The fastest request.'),
  avg_latency_ms: latency('Average', 'One slow request can move it a lot.'),
  p50_ms: latency('p50', 'Half of the requests took no longer: the typical case.'),
  p90_ms: latency('p90', 'Nine of ten took no longer.'),
  p95_ms: latency('p95', '19 of 20 took no longer.'),
  p99_ms: latency('p99', '99 of 100 took no longer.'),
  p999_ms: latency('p99.9', '999 of 1,000 took no longer.'),
  max_latency_ms: latency('Slowest', 'The slowest request.'),
  callbacks_received: count('Callbacks', 'How many reached the receiver.'),
  callbacks_missing: count('Callbacks missing', 'Accepted, but never called back.'),
  avg_callback_ms: latency('Callback, average', 'From sending the request to its callback.'),
  p50_callback_ms: latency('Callback p50', 'Half of the callbacks had arrived by then.'),
  p95_callback_ms: latency('Callback p95', '19 of 20 callbacks had arrived by then.'),
  p99_callback_ms: latency('Callback p99', '99 of 100 callbacks had arrived by then.'),
} satisfies Record<string, Measure>

export type MeasureName = keyof typeof measures

export function measureOf(name: string): Measure {
  return name in measures ? measures[name as MeasureName] : { name, meaning: '', format: formatNumber }
}

export type Verdict = 'better' | 'worse' | 'same' | 'unknown'

/** A change smaller than this is not called one: the next run would show another. */
export const NOISE_PERCENT = 2

type Judged = Pick<ComparedMeasure, 'a' | 'b' | 'better' | 'change_percent'>

/** In words: `better` is the server's judgement of the second run. */
export function verdictOf({ a, b, better, change_percent: change }: Judged): Verdict {
  if (a === null || b === null) return 'unknown'
  if (change !== null && Math.abs(change) < NOISE_PERCENT) return 'same'
  if (better === null) return a === b ? 'same' : 'unknown'
  return better ? 'better' : 'worse'
}

export function formatChange(percent: number | null): string {
  if (percent === null) return '–'
  if (percent === 0) return '0 %'
  const size = Math.abs(percent)
  return `${percent < 0 ? '−' : '+'}${size < 100 ? size.toFixed(1) : formatNumber(size)} %`
}

/**
 * The client-blocked time is a sum over all requests: between a run of 20 and one of 200 it says nothing. It is
 * compared per request instead.
 */
export function perRequest(rows: ComparedMeasure[]): ComparedMeasure[] {
  return rows.map((row) => {
    if (row.measure !== 'client_blocked_ms') return row
    const counts = rows.find((one) => one.mode === row.mode && one.measure === 'total_requests')
    const [a, b] = [share(row.a, counts?.a), share(row.b, counts?.b)]
    const change = a && b !== null ? ((b - a) / a) * 100 : null
    const better = a === null || b === null || a === b ? null : b < a
    return { ...row, measure: 'client_blocked_per_request_ms', a, b, change_percent: change, better }
  })
}

function share(sum: number | null, requests: number | null | undefined): number | null {
  return sum === null || !requests ? null : sum / requests
}
