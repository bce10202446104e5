import type { Mode } from '@/api/types'
import { formatDuration, formatRatio } from '@/lib/format'
import type { Failure } from './outcome'
import type { Lane } from './lanes'

export type Figure = { ms: number; of: number } | null
/** What the runs of one mode measured: the median of those that measured anything. */
export type Figures = { blocked: Figure; result: Figure; callback: Figure; failure: Failure | null }

/** Only what was measured is a figure: a run that was refused or failed has none. */
export function figuresOf(lanes: Lane[]): Figures {
  const measured = lanes.filter((lane) => lane.failure === null)
  const times = (at: (lane: Lane) => number | null) =>
    measured
      .map((lane) => [lane, at(lane)] as const)
      .flatMap(([{ run }, end]) => (end === null ? [] : [end - run.startedAt]))
  return {
    blocked: median(times((lane) => lane.run.answeredAt)),
    result: median(times((lane) => lane.resultAt)),
    callback: median(times((lane) => lane.callbackAt)),
    failure: measured.length === 0 ? (lanes.at(-1)?.failure ?? null) : null,
  }
}

function median(values: number[]): Figure {
  if (values.length === 0) return null
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  const ms = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
  return { ms, of: sorted.length }
}

/** Closer than this the two are told apart by chance. */
const SAME_RATIO = 1.1

/** How much less an async caller waits, beside the two figures. Nothing when one of them is missing. */
export function comparison(sync: Figures, later: Figures): string | null {
  if (!sync.blocked || !later.blocked) return null
  const ratio = sync.blocked.ms / Math.max(later.blocked.ms, 1)
  if (ratio >= SAME_RATIO) return `${formatRatio(ratio)} less waiting with async`
  return ratio > 1 / SAME_RATIO
    ? 'about the same for a report this small'
    : 'async waits longer for a report this small'
}

/** The race in one sentence, from what was measured; null while there is nothing to say. */
export function verdictOf(sync: Figures, later: Figures): string | null {
  if (sync.failure && later.failure) return bothFailed(sync.failure, later.failure)
  if (sync.failure) return oneFailed('sync', sync.failure, later)
  if (later.failure) return oneFailed('async', later.failure, sync)
  if (!sync.blocked || !later.blocked || !later.result) return null
  const [held, free, done] = [sync.blocked.ms, later.blocked.ms, later.result.ms]
  return `With async the client is free after ${formatDuration(free)} instead of ${formatDuration(held)}; ${resultIn(done - held)}.`
}

function resultIn(laterMs: number): string {
  if (Math.abs(laterMs) < 1) return 'the result is ready at the same time'
  return `the result itself comes ${formatDuration(Math.abs(laterMs))} ${laterMs > 0 ? 'later' : 'sooner'}`
}

const names: Record<Mode, string> = { sync: 'Sync', async: 'Async' }

/** A comparison with a run that measured nothing would be made up; what the other one took is not. */
function oneFailed(mode: Mode, failure: Failure, other: Figures): string {
  const did =
    other.result === null
      ? ''
      : `, ${mode === 'sync' ? 'async' : 'sync'} took ${formatDuration(other.result.ms)}`
  if (failure.kind === 'refused' && did === '') return `${names[mode]} refused this request.`
  return `${names[mode]} ${ends[failure.kind]}${did}.`
}

const ends: Record<Failure['kind'], string> = {
  refused: 'cannot do this one at all',
  limited: 'reached its rate limit and was not measured',
  failed: 'failed and was not measured',
  unreachable: 'got no answer and was not measured',
}

function bothFailed(sync: Failure, later: Failure): string {
  if (sync.kind === 'unreachable' && later.kind === 'unreachable')
    return 'The server did not answer, so nothing was measured.'
  return `Nothing was measured: ${short(sync, 'sync')}, ${short(later, 'async')}.`
}

const words: Record<Failure['kind'], string> = {
  refused: 'was refused',
  limited: 'reached its rate limit',
  failed: 'failed',
  unreachable: 'got no answer',
}

function short({ kind }: Failure, mode: Mode): string {
  return `${mode} ${words[kind]}`
}
