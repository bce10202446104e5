import { describe, expect, it } from 'vitest'
import type { LastHour } from '@/api/types'
import { axisFormat, chartsOf, drawn, latest } from './charts'

const names = [
  'accepted',
  'completed',
  'attempts',
  'attempts_succeeded',
  'http_calls',
  'http_errors',
  'generation_p95_s',
  'time_to_callback_p95_s',
  'http_p95_s',
  'event_loop_lag_p99_s',
  'worker_loop_lag_p99_s',
  'waiting',
  'oldest_age_s',
  'callbacks_owed',
  'leading',
]

/** Two steps of nothing, but for what a test is about. */
function hour(changes: Record<string, (number | null)[]>): LastHour {
  const series = Object.fromEntries(names.map((name) => [name, [0, 0]] as const))
  const times = ['2026-01-01T12:00:00Z', '2026-01-01T12:00:15Z']
  return {
    at: '2026-01-01T12:00:20Z',
    step_s: 15,
    times,
    series: { ...series, ...changes } as unknown as LastHour['series'],
  }
}

function lines(title: string, changes: Record<string, (number | null)[]>) {
  const chart = chartsOf(15).find((one) => one.title === title)
  if (!chart) throw new Error(title)
  return drawn(chart, hour(changes))
}

describe('the charts of the last hour', () => {
  it('show what happened in a step as a rate', () => {
    const [accepted, completed] = lines('Requests', { accepted: [30, 3], completed: [0, 45] })

    expect(accepted).toEqual({ name: 'Accepted', values: [2, 0.2], now: '0.2 / s', most: '2 / s' })
    expect(completed?.now).toBe('3 / s')
  })

  it('show times in milliseconds, and a gap where nothing was measured', () => {
    const [generating] = lines('Time to result', { generation_p95_s: [0.25, null] })

    expect(generating).toEqual({ name: 'Generating', values: [250, null], now: '–', most: '250 ms' })
  })

  it('count what failed as the rest of all attempts', () => {
    const [, failed] = lines('Attempts', { attempts: [15, null], attempts_succeeded: [0, null] })

    expect(failed).toEqual({ name: 'Failed', values: [1, null], now: '–', most: '1 / s' })
  })

  it('write times on their axis short', () => {
    expect([0, 0.5, 250, 1_500, 20_000, 100_000].map(axisFormat.time)).toEqual([
      '0',
      '0.5 ms',
      '250 ms',
      '1.5 s',
      '20 s',
      '1.7 min',
    ])
  })

  it('say nothing before the first step has ended', () => {
    const empty = { ...hour({}), times: [] }
    for (const chart of chartsOf(15)) {
      for (const line of drawn(chart, empty))
        expect([line.now, line.most, line.values]).toEqual(['–', '–', []])
    }
    expect(latest(hour({ leading: [] }), 'leading')).toBeNull()
  })
})
