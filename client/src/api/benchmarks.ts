import type { Mode, RunStatus } from './types'

/** What the load generator says about four times a second. Rates and percentiles are of the last seconds. */
export type ProgressLine = {
  mode: Mode
  phase: string
  elapsed_ms: number
  planned: number | null
  sent: number
  done: number
  successful: number
  failed: number
  throughput_per_s: number | null
  p50_ms: number | null
  p95_ms: number | null
  p99_ms: number | null
  callbacks_received: number | null
  p50_callback_ms: number | null
}

/** A line of a run that is under way; the last event of a run has its status alone. */
export type BenchmarkEvent = { run_id: string; status: RunStatus } & Partial<ProgressLine>

/** A line and when it was said, in ms since the beginning of the whole run. */
export type Sample = ProgressLine & { at_ms: number }

/** Ten minutes, the longest run, at four lines a second. */
const SAMPLES_MAX = 2_400
const ORDER: Record<Mode, number> = { sync: 0, async: 1 }

export function isLine<T extends Partial<ProgressLine>>(value: T): value is T & ProgressLine {
  return value.mode !== undefined && value.phase !== undefined && value.elapsed_ms !== undefined
}

/** The samples with newer lines added; a line that is known, or older than what is known, changes nothing. */
export function addLines(samples: Sample[], lines: ProgressLine[]): Sample[] {
  const added: Sample[] = []
  let last = samples.at(-1)
  for (const line of lines) {
    if (last && !follows(last, line)) continue
    last = { ...line, at_ms: moment(last, line) }
    added.push(last)
  }
  return added.length === 0 ? samples : [...samples, ...added].slice(-SAMPLES_MAX)
}

function follows(last: Sample, line: ProgressLine): boolean {
  return line.mode === last.mode ? line.elapsed_ms > last.elapsed_ms : ORDER[line.mode] > ORDER[last.mode]
}

/** Each mode has a clock of its own: the second one's goes on from where the first one's stopped. */
function moment(last: Sample | undefined, line: ProgressLine): number {
  if (!last) return line.elapsed_ms
  const before = last.mode === line.mode ? last.at_ms - last.elapsed_ms : last.at_ms
  return before + line.elapsed_ms
}
