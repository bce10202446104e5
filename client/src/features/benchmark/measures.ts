import type { ComparedMeasure } from '@/api/types'
import { formatDuration, formatLatency, formatNumber, formatRate } from '@/lib/format'

export type Measure = { name: string; meaning: string; format: (value: number) => string }

const count = (name: string, meaning: string): Measure => ({ name, meaning, format: formatNumber })
const latency = (name: string, meaning: string): Measure => ({ name, meaning, format: formatLatency })

/** Every figure that is shown, under the name it has in the summary, and what it means in one sentence. */
export const measures = {
  total_requests: count('Requests', 'How many were sent.'),
  successful: count('Successful', 'Answered as promised.'),
  failed: count('Failed', 'Refused, timed out or broken off; never part of a time below.'),
  throughput_per_s: {
    name: 'Throughput',
    meaning: 'Reports done in a second, over the whole run; for async, called back.',
    format: formatRate,
  },
  duration_ms: {
    name: 'Total time',
    meaning: 'From the first request to the last result.',
    format: formatDuration,
  },
  client_blocked_ms: {
    name: 'Client-blocked time',
    meaning: 'What all callers waited for answers, added up.',
    format: formatDuration,
  },
  min_latency_ms: latency('Shortest', 'The luckiest request.'),
  avg_latency_ms: latency('Average', 'One slow request moves it; no caller ever sees it.'),
  p50_ms: latency('p50', 'Half of the requests took no longer: the usual case.'),
  p90_ms: latency('p90', 'Nine of ten took no longer.'),
  p95_ms: latency('p95', '19 of 20 took no longer.'),
  p99_ms: latency('p99', '99 of 100 took no longer.'),
  p999_ms: latency('p99.9', '999 of 1,000 took no longer; with fewer requests it is the longest.'),
  max_latency_ms: latency('Longest', 'The unluckiest request.'),
  callbacks_received: count('Callbacks', 'How many arrived at the receiver.'),
  callbacks_missing: count('Callbacks missing', 'Accepted, but never called back.'),
  avg_callback_ms: latency('Callback, average', 'From sending the request to its callback.'),
  p50_callback_ms: latency('Callback p50', 'Half of the callbacks had come by then.'),
  p95_callback_ms: latency('Callback p95', '19 of 20 callbacks had come by then.'),
  p99_callback_ms: latency('Callback p99', '99 of 100 callbacks had come by then.'),
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
