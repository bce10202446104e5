import type { BenchmarkOrder, Settings } from '@/api/types'
import { formatCount, formatDuration, formatNumber } from '@/lib/format'
import { createStore } from '@/lib/store'
import type { BenchmarkMode } from './queries'

/** What is typed, as text: a field may be wrong while it is being filled in. */
export type LoadForm = {
  mode: BenchmarkMode
  requests: string
  concurrency: string
  rows: string
  rate: string
}

/** The server's own bounds; a test compares them with its OpenAPI document. */
export const LIMITS = {
  requests: [1, 5_000],
  concurrency: [1, 100],
  rows: [1, 1_000],
  rate: [0.1, 2_000],
} as const

/** The server ends a run that takes longer. */
const RUN_SECONDS_MAX = 600
/** The load generator sends as many as there are callers before it measures, but no more than this. */
const WARM_UP_MAX = 10

export const presets: { name: string; meaning: string; form: LoadForm }[] = [
  {
    name: 'Quick look',
    meaning: '20 callers, one request each, all at once.',
    form: { mode: 'both', requests: '20', concurrency: '20', rows: '50', rate: '' },
  },
  {
    name: 'Burst',
    meaning: '200 small reports from 100 callers as fast as they can.',
    form: { mode: 'both', requests: '200', concurrency: '100', rows: '5', rate: '' },
  },
  {
    name: 'Steady',
    meaning: '10 small reports per second, for 10 seconds each way.',
    form: { mode: 'both', requests: '100', concurrency: '20', rows: '5', rate: '10' },
  },
]

export const loadForm = createStore<LoadForm>({
  mode: 'both',
  requests: '20',
  concurrency: '20',
  rows: '50',
  rate: '',
})

export function isSameForm(one: LoadForm, other: LoadForm): boolean {
  return (Object.keys(one) as (keyof LoadForm)[]).every((name) => one[name] === other[name])
}

export type LoadErrors = Partial<Record<keyof typeof LIMITS, string>>

export function checkLoad(form: LoadForm, settings?: Settings): LoadErrors {
  const errors: LoadErrors = {}
  for (const name of ['requests', 'concurrency', 'rows'] as const) {
    const [min, max] = bounds(name, form.mode, settings)
    const value = /^\d{1,9}$/.test(form[name]) ? Number(form[name]) : Number.NaN
    if (!(value >= min && value <= max))
      errors[name] = `Enter a whole number from ${formatNumber(min)} to ${formatNumber(max)}.`
  }
  const [min, max] = LIMITS.rate
  const rate = Number(form.rate)
  if (form.rate !== '' && !(rate >= min && rate <= max))
    errors.rate = `Enter a number from ${min} to ${formatNumber(max)}, or leave it empty.`
  return errors
}

/** A sync report may be smaller than what a benchmark could ask for. */
function bounds(name: keyof typeof LIMITS, mode: BenchmarkMode, settings?: Settings): [number, number] {
  const [min, max] = LIMITS[name]
  const isSyncReport = name === 'rows' && mode !== 'async' && settings
  return [min, isSyncReport ? Math.min(max, settings.sync_max_transactions) : max]
}

export function toLoadOrder(form: LoadForm): BenchmarkOrder {
  return {
    requests: Number(form.requests),
    concurrency: Number(form.concurrency),
    num_transactions: Number(form.rows),
    rate_per_s: form.rate === '' ? null : Number(form.rate),
  }
}

/** How long the async part takes at least, so that nobody is surprised: one worker, one report at a time. */
export function workNote(mode: BenchmarkMode, order: BenchmarkOrder, settings: Settings): string {
  const eachMs = Math.min(
    order.num_transactions * settings.simulated_ms_per_transaction,
    settings.simulated_max_seconds * 1_000,
  )
  const paced = paceNote(mode, order)
  if (eachMs === 0) return `The server adds no simulated work.${paced}`
  const each = `The server simulates ${formatDuration(eachMs)} of work for each report`
  if (mode === 'sync') return `${each}, several at a time.${paced}`
  const warmUp = Math.min(order.concurrency, WARM_UP_MAX)
  // At a fixed rate the rate decides, unless the work takes even longer.
  const allMs = Math.max((order.requests + warmUp) * eachMs, pacedMs(order))
  const reports = `${formatCount(order.requests, 'report')} and ${formatNumber(warmUp)} for warm-up`
  const all = `${each}; async has one worker, so ${reports} take at least ${formatDuration(allMs)}.${paced}`
  return allMs > RUN_SECONDS_MAX * 1_000
    ? `${all} The server ends a run after ${formatDuration(RUN_SECONDS_MAX * 1_000)} and keeps what it has measured.`
    : all
}

/** How long it takes to send everything at a fixed rate; 0 without one. */
function pacedMs({ requests, rate_per_s: rate }: BenchmarkOrder): number {
  return rate === null ? 0 : (requests / rate) * 1_000
}

function paceNote(mode: BenchmarkMode, order: BenchmarkOrder): string {
  const ms = pacedMs(order)
  return ms === 0 ? '' : ` Sending alone takes ${formatDuration(ms)}${mode === 'both' ? ' each way' : ''}.`
}
