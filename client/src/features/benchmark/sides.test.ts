import { expect, test } from 'vitest'
import { addLines } from '@/api/benchmarks'
import { progress } from '@/testing/factories'
import { describePhase, sidesOf } from './sides'

const states = (samples: Parameters<typeof addLines>[1]) =>
  sidesOf('both', addLines([], samples)).map((side) => side.state)

test('nothing is under way before the load generator has spoken', () => {
  expect(states([])).toEqual(['waiting', 'waiting'])
  expect(describePhase(undefined)).toContain('Starting')
})

test('async waits for sync', () => {
  expect(states([progress()])).toEqual(['running', 'waiting'])
})

test('sync is done once async speaks, even when the page was opened later', () => {
  expect(states([progress({ mode: 'async' })])).toEqual(['done', 'running'])
})

test('a run of one mode has one side', () => {
  expect(sidesOf('async', addLines([], [progress({ mode: 'async' })]))).toHaveLength(1)
})
