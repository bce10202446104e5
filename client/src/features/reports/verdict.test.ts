// @vitest-environment jsdom
import { describe, expect, test } from 'vitest'
import { ProblemError, UnreachableError } from '@/api/client'
import type { Mode } from '@/api/types'
import { at, attempt, detail } from '@/testing/factories'
import { laneOf, type Lane } from './lanes'
import { noRuns, reduceRuns, type Run } from './runs'
import { comparison, figuresOf, verdictOf } from './verdict'

const zero = Date.parse(at(0))
const problem = (status: number) => new ProblemError(new Response(null, { status }), { detail: 'why not' })

function run(mode: Mode, answeredMs: number, error: unknown = null): Run {
  const { runs } = reduceRuns(noRuns, { type: 'started', run: { key: 1, mode, startedAt: zero, body: {} } })
  return { ...(runs[0] as Run), answeredAt: zero + answeredMs, error }
}
const sync = (ms: number, error?: unknown) => laneOf(run('sync', ms, error), {})
function later(ms: number, doneMs: number): Lane {
  const done = { status: 'COMPLETED', callback_status: 'SUCCESS' } as const
  const times = { created_at: at(1), started_at: at(2), completed_at: at(doneMs) }
  return laneOf(run('async', ms), {
    detail: detail({ ...done, ...times }),
    logs: [attempt(1, { attempted_at: at(doneMs + 5) })],
  })
}
const refusedAsync = (error: unknown) => figuresOf([laneOf(run('async', 41, error), {})])

describe.each([
  ['refused', problem(422), 'Sync cannot do this one at all, async took 142 ms.'],
  ['rate-limited', problem(429), 'Sync reached its rate limit and was not measured, async took 142 ms.'],
  ['failed', problem(500), 'Sync failed and was not measured, async took 142 ms.'],
  ['unreachable', new UnreachableError(), 'Sync got no answer and was not measured, async took 142 ms.'],
])('a %s sync run', (_name, error, sentence) => {
  const figures = figuresOf([sync(40, error)])
  const other = figuresOf([later(41, 142)])
  test('gives no figure', () => expect([figures.blocked, figures.result]).toEqual([null, null]))
  test('is compared with nothing', () => expect(comparison(figures, other)).toBeNull())
  test('is told as what it is', () => expect(verdictOf(figures, other)).toBe(sentence))
})

test('a refused async run is no client that is free', () => {
  const lane = laneOf(run('async', 41, problem(422)), {})
  expect([lane.client, lane.marks.map((mark) => mark.kind)]).toEqual([[], ['refused']])
  expect(verdictOf(figuresOf([sync(98)]), refusedAsync(problem(422)))).toBe(
    'Async cannot do this one at all, sync took 98 ms.',
  )
})

test('nobody answering is no refusal', () => {
  const away = new UnreachableError()
  expect(verdictOf(figuresOf([sync(68, away)]), refusedAsync(away))).toBe(
    'The server did not answer, so nothing was measured.',
  )
})

test('the sentence tells both sides: who is free when, and when the result comes', () => {
  expect(verdictOf(figuresOf([sync(4_000)]), figuresOf([later(48, 4_040)]))).toBe(
    'With async the client is free after 48 ms instead of 4.00 s; the result itself comes 40 ms later.',
  )
  expect(comparison(figuresOf([sync(480)]), figuresOf([later(48, 90)]))).toBe('10× less waiting with async')
  expect(comparison(figuresOf([sync(40)]), figuresOf([later(41, 142)]))).toContain('about the same')
  expect(comparison(figuresOf([sync(10)]), figuresOf([later(40, 142)]))).toContain('async waits longer')
})

test('several runs of a mode are one figure, and it says of how many; one that was refused is in none', () => {
  const figures = figuresOf([
    later(10, 100),
    later(30, 300),
    later(20, 200),
    laneOf(run('async', 1, problem(422)), {}),
  ])
  expect(figures.blocked).toEqual({ ms: 20, of: 3 })
  expect(figures.failure).toBeNull()
})

test('one run alone that was refused is told without a comparison', () => {
  expect(verdictOf(figuresOf([]), refusedAsync(problem(422)))).toBe('Async refused this request.')
})
