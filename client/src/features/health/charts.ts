import type { ChartSeries } from '@/components/LineChart'
import type { LastHour } from '@/api/types'
import { formatDuration, formatNumber, formatRate } from '@/lib/format'

type Series = LastHour['series']
type Name = keyof Series
type Unit = 'rate' | 'count' | 'time'
type Line = ChartSeries & { of: (series: Series, step: number) => number | null }

export type HealthChart = {
  title: string
  hint: string
  unit: Unit
  /** The axis goes up to this at least. */
  topMin: number
  lines: Line[]
}

/** One line as it is drawn: seconds since 1970, and a value for each, in the chart's unit. */
export type DrawnLine = { name: string; values: (number | null)[]; now: string; most: string }

const plain = (name: Name) => (series: Series, step: number) => series[name][step] ?? null

/** How often something happened in a second of the step. */
const rate = (name: Name, stepS: number) => (series: Series, step: number) => {
  const number = series[name][step]
  return number == null ? null : number / stepS
}

const inMs = (name: Name) => (series: Series, step: number) => {
  const seconds = series[name][step]
  return seconds == null ? null : seconds * 1_000
}

const failedRate = (stepS: number) => (series: Series, step: number) => {
  const [all, succeeded] = [series.attempts[step], series.attempts_succeeded[step]]
  return all == null || succeeded == null ? null : (all - succeeded) / stepS
}

const first = (name: string, of: Line['of']): Line => ({ name, of, colour: '--accent' })
const second = (name: string, of: Line['of']): Line => ({ name, of, colour: '--warn-fill', dashed: true })

export function chartsOf(stepS: number): HealthChart[] {
  return [
    {
      title: 'Requests',
      hint: 'Accepted and finished in a second',
      unit: 'rate',
      topMin: 1,
      lines: [first('Accepted', rate('accepted', stepS)), second('Completed', rate('completed', stepS))],
    },
    {
      title: 'Waiting',
      hint: 'Reports to generate, and callbacks to deliver',
      unit: 'count',
      topMin: 4,
      lines: [first('Waiting', plain('waiting')), second('Pending callbacks', plain('callbacks_owed'))],
    },
    {
      title: 'Oldest wait',
      hint: 'Since acceptance',
      unit: 'time',
      topMin: 1_000,
      lines: [first('Oldest wait', inMs('oldest_age_s'))],
    },
    {
      title: 'Time to result',
      hint: '95th percentile of what ended',
      unit: 'time',
      topMin: 100,
      lines: [
        first('Generating', inMs('generation_p95_s')),
        second('Time to callback', inMs('time_to_callback_p95_s')),
      ],
    },
    {
      title: 'Attempts',
      hint: 'To deliver a callback, in a second',
      unit: 'rate',
      topMin: 1,
      lines: [first('All', rate('attempts', stepS)), second('Failed', failedRate(stepS))],
    },
    {
      title: 'HTTP calls',
      hint: 'In a second; failed: answered 500 to 599',
      unit: 'rate',
      topMin: 1,
      lines: [first('All', rate('http_calls', stepS)), second('Failed', rate('http_errors', stepS))],
    },
    {
      title: 'HTTP response time',
      hint: '95th percentile',
      unit: 'time',
      topMin: 10,
      lines: [first('Response time', inMs('http_p95_s'))],
    },
    {
      title: 'Event loops',
      hint: 'How late, 99th percentile',
      unit: 'time',
      topMin: 10,
      lines: [
        first('HTTP server', inMs('event_loop_lag_p99_s')),
        second('Worker', inMs('worker_loop_lag_p99_s')),
      ],
    },
  ]
}

/** Every line of a chart over all steps, with its latest and its largest value in words. */
export function drawn(chart: HealthChart, hour: LastHour): DrawnLine[] {
  return chart.lines.map(({ name, of }) => {
    const values = hour.times.map((_, step) => of(hour.series, step))
    const known = values.filter((value) => value !== null)
    return {
      name,
      values,
      now: inWords(values.at(-1) ?? null, chart.unit),
      most: inWords(known.length ? Math.max(...known) : null, chart.unit),
    }
  })
}

/** Short enough for an axis: one number with its unit. */
function shortTime(ms: number): string {
  if (ms === 0) return '0'
  if (ms < 1_000) return `${Number(ms.toPrecision(3))} ms`
  if (ms < 60_000) return `${Number((ms / 1_000).toFixed(1))} s`
  return `${Number((ms / 60_000).toFixed(1))} min`
}

export const axisFormat: Record<Unit, (value: number) => string> = {
  rate: (value) => formatRate(value).replace(' / s', ''),
  count: formatNumber,
  time: shortTime,
}

function inWords(value: number | null, unit: Unit): string {
  if (value === null) return '–'
  if (unit === 'rate') return formatRate(value)
  return unit === 'time' ? formatDuration(value) : formatNumber(value)
}

/** The latest figure of the answer to a question of yes or no; null where there is none. */
export function latest(hour: LastHour, name: Name): number | null {
  return hour.series[name].at(-1) ?? null
}
