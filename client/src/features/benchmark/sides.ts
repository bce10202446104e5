import { WARM_UP, type Sample } from '@/api/benchmarks'
import type { Mode } from '@/api/types'
import type { BenchmarkMode } from './queries'

/** How far one mode of a run is. */
export type SideProgress = { mode: Mode; state: 'waiting' | 'running' | 'done'; last: Sample | null }

/** Both modes run one after the other: once the second one speaks, the first one is done. */
export function sidesOf(mode: BenchmarkMode, samples: Sample[]): SideProgress[] {
  const modes: Mode[] = mode === 'both' ? ['sync', 'async'] : [mode]
  const now = samples.at(-1)?.mode ?? null
  return modes.map((one) => {
    const last = samples.findLast((sample) => sample.mode === one) ?? null
    if (now === one) return { mode: one, state: 'running', last }
    return { mode: one, state: now === 'async' ? 'done' : 'waiting', last }
  })
}

/** What is being done, in a sentence for those who hear it. */
export function describePhase(sample: Sample | undefined): string {
  if (!sample) return 'Starting the load generator…'
  const mode = sample.mode === 'sync' ? 'Sync' : 'Async'
  return `${mode}: ${sample.phase === WARM_UP ? 'warming up (not counted)' : sample.phase}`
}
