// @vitest-environment jsdom
import { describe, expect, test } from 'vitest'
import { at, attempt, detail } from '@/testing/factories'
import { clockOffset } from './clock'
import { laneOf } from './lanes'
import { noRuns, reduceRuns, type Run } from './runs'

const zero = Date.parse(at(0))

function run(mode: 'sync' | 'async', answeredAfterMs: number | null): Run {
  const state = reduceRuns(noRuns, { type: 'started', run: { key: 1, mode, startedAt: zero, body: {} } })
  const started = state.runs[0] as Run
  return answeredAfterMs === null
    ? started
    : { ...started, answeredAt: zero + answeredAfterMs, requestId: 'a' }
}

const times = { created_at: at(2), started_at: at(100), completed_at: at(600) }
const answered500 = { success: false, status_code: 500 }

describe('an async lane', () => {
  test('is held until the receipt, then queued, generated and delivered by the server', () => {
    const logs = [
      attempt(1, { ...answered500, attempted_at: at(610), response_time_ms: 10, next_attempt_at: at(2_620) }),
      attempt(2, { attempted_at: at(2_620), response_time_ms: 5 }),
    ]
    const lane = laneOf(run('async', 6), {
      detail: detail({ ...times, status: 'COMPLETED', callback_status: 'SUCCESS' }),
      logs,
    })
    expect(lane.client).toEqual([{ kind: 'held', from: zero, to: zero + 6 }])
    expect(lane.server.map((phase) => [phase.kind, phase.from - zero, (phase.to ?? 0) - zero])).toEqual([
      ['queued', 2, 100],
      ['generating', 100, 600],
      ['backoff', 600, 610],
      ['failing', 610, 620],
      ['backoff', 620, 2_620],
      ['delivering', 2_620, 2_625],
    ])
    expect(lane.endedAt).toBe(zero + 2_625)
    expect(lane.marks.map((mark) => mark.kind)).toEqual(['acknowledged', 'generated', 'delivered'])
  })

  test('without a callback ends with its report', () => {
    const none = { callback_url: null, callback_status: null } as const
    const open = detail({ ...times, ...none, status: 'PROCESSING', completed_at: null })
    expect(laneOf(run('async', 6), { detail: open }).endedAt).toBeNull()
    const lane = laneOf(run('async', 6), { detail: detail({ ...times, ...none, status: 'COMPLETED' }) })
    expect([lane.endedAt, lane.callbackAt]).toEqual([zero + 600, null])
    expect(lane.marks.map((mark) => mark.kind)).toEqual(['acknowledged', 'generated'])
  })

  test('goes on while the callback is owed', () => {
    const lane = laneOf(run('async', 6), { detail: detail({ ...times, status: 'COMPLETED' }), logs: [] })
    expect(lane.endedAt).toBeNull()
    expect(lane.server.at(-1)).toMatchObject({ kind: 'backoff', to: null })
  })
})

test('a sync lane ends with its answer', () => {
  const lane = laneOf(run('sync', 510), { detail: detail({ ...times, mode: 'sync', callback_status: null }) })
  expect(lane.endedAt).toBe(zero + 510)
  expect(lane.resultAt).toBe(zero + 510)
  expect(lane.server.map((phase) => phase.kind)).toEqual(['generating'])
})

test('a run that failed after it was accepted has no figures either', () => {
  const failed = detail({ ...times, status: 'FAILED', failure_reason: 'No room', callback_status: 'PENDING' })
  const lane = laneOf(run('async', 6), { detail: failed })
  expect([lane.failure?.kind, lane.failure?.reason]).toEqual(['failed', 'No room'])
  expect([lane.client, lane.server, lane.resultAt]).toEqual([[], [], null])
})

describe('the clocks', () => {
  test('agree when the stamp lies within the round trip', () => {
    expect(clockOffset(zero, zero + 40, at(10))).toEqual({ ms: 0, uncertainMs: 20, agrees: true })
  })
  test('are corrected by half the round trip when it does not', () => {
    expect(clockOffset(zero, zero + 40, at(60_020))).toEqual({ ms: 60_000, uncertainMs: 20, agrees: false })
  })
})
