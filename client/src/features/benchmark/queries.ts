import { queryOptions, skipToken } from '@tanstack/react-query'
import { addLines, isLine, type ProgressLine, type Sample } from '@/api/benchmarks'
import { api, unwrap } from '@/api/client'
import { keys } from '@/api/keys'
import type { BenchmarkOrder, BenchmarkRun, BenchmarkRunDetail } from '@/api/types'

/** The stream tells how a run goes; asking now and then heals what it may have missed. */
const ASK_AGAIN_MS = 2_000

export type BenchmarkMode = BenchmarkRun['mode']

export const runsQuery = queryOptions({
  queryKey: keys.benchmarkRuns,
  queryFn: ({ signal }) => unwrap(api.GET('/api/benchmark/runs', { signal })),
})

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: keys.benchmarkRun(id),
    queryFn: async ({ client, signal }) => {
      const run = asRun(
        await unwrap(api.GET('/api/benchmark/runs/{run_id}', { params: { path: { run_id: id } }, signal })),
      )
      const line: Partial<ProgressLine> | null = run.progress
      if (line && isLine(line)) {
        client.setQueryData<Sample[]>(keys.benchmarkSamples(id), (samples = []) => addLines(samples, [line]))
      }
      return run
    },
    refetchInterval: ({ state }) => (state.data?.status === 'RUNNING' ? ASK_AGAIN_MS : false),
  })

/** Filled by the stream and by the run's own query; nothing to ask for. */
export const samplesQuery = (id: string) =>
  queryOptions<Sample[]>({ queryKey: keys.benchmarkSamples(id), queryFn: skipToken })

export const comparisonQuery = (a: string, b: string) =>
  queryOptions({
    queryKey: keys.comparison(a, b),
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/benchmark/comparison', { params: { query: { a, b } }, signal })),
  })

const startPaths = {
  both: '/api/benchmark/both',
  sync: '/api/benchmark/sync',
  async: '/api/benchmark/async',
} as const

/** Begin a run; the answer comes at once. */
export async function startRun(mode: BenchmarkMode, order: BenchmarkOrder): Promise<string> {
  const started = await unwrap(
    api.POST(startPaths[mode], { params: { query: { wait: false } }, body: order }),
  )
  if (!('run_id' in started)) throw new Error('The server answered with a result instead of a run.')
  return started.run_id
}

export async function stopRun(id: string) {
  return asRun(
    await unwrap(api.POST('/api/benchmark/runs/{run_id}/stop', { params: { path: { run_id: id } } })),
  )
}

/** On its way through the client a pair of numbers has become any number of them. */
function asRun(answer: unknown): BenchmarkRunDetail {
  return answer as BenchmarkRunDetail
}

export function deleteRun(id: string) {
  return unwrap(api.DELETE('/api/benchmark/runs/{run_id}', { params: { path: { run_id: id } } }))
}

export function exportPath(id: string, format: 'json' | 'csv'): string {
  return `/api/benchmark/runs/${id}/export?format=${format}`
}
