import { CircleCheck, CircleStop, CircleX, LoaderCircle } from 'lucide-react'
import type { BenchmarkRun, RunStatus } from '@/api/types'
import type { StateLook } from '@/components/states'
import { formatCount, formatNumber } from '@/lib/format'

export const runLooks: Record<RunStatus, StateLook> = {
  RUNNING: { word: 'Running', tone: 'running', icon: LoaderCircle },
  COMPLETED: { word: 'Completed', tone: 'good', icon: CircleCheck },
  STOPPED: { word: 'Stopped early', tone: 'warn', icon: CircleStop },
  FAILED: { word: 'Failed', tone: 'bad', icon: CircleX },
}

export const modeNames: Record<BenchmarkRun['mode'], string> = {
  both: 'Sync and async',
  sync: 'Sync',
  async: 'Async',
}

type Config = {
  requests?: number
  concurrency?: number
  num_transactions?: number
  rate_per_s?: number | null
}

/** `20 requests of 50 rows, 20 at once`, as it was asked for. */
export function describeConfig(run: Pick<BenchmarkRun, 'config'>): string {
  const { requests = 0, concurrency = 0, num_transactions: rows = 0, rate_per_s: rate } = run.config as Config
  const pace = rate == null ? `${formatNumber(concurrency)} at a time` : `${rate} per second`
  return `${formatCount(requests, 'request')} of ${formatCount(rows, 'row')}, ${pace}`
}

export function isSameConfig(a: BenchmarkRun, b: BenchmarkRun): boolean {
  return a.mode === b.mode && describeConfig(a) === describeConfig(b)
}
