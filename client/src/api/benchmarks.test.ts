import { QueryClient } from '@tanstack/react-query'
import { expect, test } from 'vitest'
import { progress } from '@/testing/factories'
import { addLines, type Sample } from './benchmarks'
import { applyBatch } from './cache'
import { emptyBatch } from './events'
import { keys } from './keys'

const RUN = '00000000-0000-4000-8000-000000000001'

test('a line that was heard twice, or late, is drawn once and in order', () => {
  const lines = [250, 500, 250, 500].map((elapsed_ms) => progress({ elapsed_ms }))
  expect(addLines([], lines).map((sample) => sample.at_ms)).toEqual([250, 500])
})

test('nothing new leaves the samples as they are', () => {
  const samples = addLines([], [progress({ elapsed_ms: 250 })])
  expect(addLines(samples, [progress({ elapsed_ms: 250 })])).toBe(samples)
})

test('the second mode goes on where the first one stopped', () => {
  const samples = addLines(
    [],
    [
      progress({ mode: 'sync', elapsed_ms: 1_000 }),
      progress({ mode: 'async', elapsed_ms: 250 }),
      progress({ mode: 'sync', elapsed_ms: 1_250 }),
      progress({ mode: 'async', elapsed_ms: 500 }),
    ],
  )
  expect(samples.map((sample) => [sample.mode, sample.at_ms])).toEqual([
    ['sync', 1_000],
    ['async', 1_250],
    ['async', 1_500],
  ])
})

test('the warm-up takes no time, and the clock that begins anew after it is not taken for an old one', () => {
  const samples = addLines(
    [],
    [
      progress({ phase: 'warm-up', elapsed_ms: 500 }),
      progress({ elapsed_ms: 100 }),
      progress({ phase: 'warm-up', elapsed_ms: 750 }),
    ],
  )
  expect(samples.map((sample) => [sample.phase, sample.at_ms])).toEqual([
    ['warm-up', 0],
    ['sending', 100],
  ])
})

function heard(client: QueryClient, status: 'RUNNING' | 'COMPLETED') {
  const batch = emptyBatch()
  const line = status === 'RUNNING' ? progress({ elapsed_ms: 250 }) : {}
  batch.benchmarks.push({ run_id: RUN, status, ...line })
  return applyBatch(client, batch)
}

test('a run that was begun elsewhere makes the list read again, once', () => {
  const client = new QueryClient()
  expect(heard(client, 'RUNNING')).toEqual([keys.benchmarkRuns])
  client.setQueryData(keys.benchmarkRuns, { runs: [{ run_id: RUN, status: 'RUNNING' }] })
  expect(heard(client, 'RUNNING')).toEqual([])
})

test('a run that ended makes everything about runs read again', () => {
  expect(heard(new QueryClient(), 'COMPLETED')).toEqual([keys.benchmarks])
})

test('what a run said is kept even when everything is read again', () => {
  const client = new QueryClient()
  const batch = emptyBatch()
  batch.resync = true
  batch.benchmarks.push({ run_id: RUN, status: 'RUNNING', ...progress({ elapsed_ms: 250 }) })
  applyBatch(client, batch)
  expect(client.getQueryData<Sample[]>(keys.benchmarkSamples(RUN))).toHaveLength(1)
})
