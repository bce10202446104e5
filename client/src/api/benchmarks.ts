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

/** A line and when it was said, in ms of measuring. */
export type Sample = ProgressLine & { at_ms: number }

/** Ten minutes, the longest run, at four lines a second. */
const SAMPLES_MAX = 2_400
/** What happens in this phase is in no figure. */
export const WARM_UP = 'warm-up'
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
  const [before, after] = [stretch(last), stretch(line)]
  return before === after ? line.elapsed_ms > last.elapsed_ms : after > before
}

/** Measuring has a clock of its own in each mode: async goes on where sync stopped. The warm-up takes no time. */
function moment(last: Sample | undefined, line: ProgressLine): number {
  const before = last?.at_ms ?? 0
  if (line.phase === WARM_UP) return before
  const goesOn = last !== undefined && stretch(last) === stretch(line)
  return before + line.elapsed_ms - (goesOn ? last.elapsed_ms : 0)
}

/** The warm-up of a mode, then its measuring; sync comes before async. */
function stretch({ mode, phase }: ProgressLine): number {
  return 2 * ORDER[mode] + (phase === WARM_UP ? 0 : 1)
}
