import { expect, test } from 'vitest'
import { noRuns, reduceRuns, RUNS_MAX, runsOfSession, type RunAction, type RunsState } from './runs'

const start = (key: number): RunAction => ({
  type: 'started',
  run: { key, mode: 'async', startedAt: key, body: {} },
})
const after = (...actions: RunAction[]): RunsState => actions.reduce(reduceRuns, noRuns)

test('a new session takes a new axis and keeps the old runs', () => {
  const state = after(start(1), { type: 'session' }, start(2))
  expect(runsOfSession(state).map((run) => run.key)).toEqual([2])
  expect(state.runs).toHaveLength(2)
})

test('an answer goes to its own run', () => {
  const state = after(start(1), start(2), {
    type: 'answered',
    key: 1,
    at: 9,
    httpStatus: 202,
    requestId: 'a',
    answer: {},
  })
  expect(state.runs.map((run) => run.answeredAt)).toEqual([9, null])
})

test('a refusal is remembered with its reason', () => {
  const state = after(start(1), { type: 'refused', key: 1, at: 2, httpStatus: 422, error: 'why' })
  expect(state.runs[0]).toMatchObject({ httpStatus: 422, error: 'why', requestId: null })
})

test('the oldest runs are forgotten', () => {
  const state = after(...Array.from({ length: RUNS_MAX + 5 }, (_, key) => start(key)))
  expect(state.runs).toHaveLength(RUNS_MAX)
  expect(state.runs[0]?.key).toBe(5)
})

test('a race that reached nobody leaves the race before it in view', () => {
  const state = after(start(1), { type: 'session' }, start(2), { type: 'reached-nobody' })
  expect(runsOfSession(state).map((run) => run.key)).toEqual([1])
  expect(runsOfSession(after(start(1), { type: 'reached-nobody' })).map((run) => run.key)).toEqual([1])
})
