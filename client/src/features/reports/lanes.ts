import { attemptEnd, deliveries, generation, localTime, type Phase } from '@/api/phases'
import type { CallbackLog, RequestDetail } from '@/api/types'
import { clockOffset, type ClockOffset } from './clock'
import { failureOf, type Failure } from './outcome'
import type { Run } from './runs'

export type MarkKind = 'acknowledged' | 'generated' | 'delivered' | 'undelivered' | Failure['kind']
export type Mark = { kind: MarkKind; at: number }

/** One run on the time axis, every time on this machine's clock. */
export type Lane = {
  run: Run
  client: Phase[]
  server: Phase[]
  marks: Mark[]
  resultAt: number | null
  callbackAt: number | null
  /** Null while something still happens. */
  endedAt: number | null
  clock: ClockOffset | null
  /** Why nothing was measured; a lane that has one shows no times. */
  failure: Failure | null
}

export type Facts = { detail?: RequestDetail; logs?: CallbackLog[] }

export function laneOf(run: Run, facts: Facts): Lane {
  const held: Phase = { kind: 'held', from: run.startedAt, to: run.answeredAt }
  const lane: Lane = {
    run,
    client: [held],
    server: [],
    marks: [],
    resultAt: null,
    callbackAt: null,
    endedAt: null,
    clock: null,
    failure: failureOf(run, facts.detail),
  }
  if (lane.failure) return withoutFigures(lane, lane.failure)
  return run.mode === 'sync' ? syncLane(lane, facts) : asyncLane(lane, facts)
}

/** The time until a refusal is no measure of the work that was not done: nothing is drawn of it. */
function withoutFigures(lane: Lane, { kind }: Failure): Lane {
  const at = lane.run.answeredAt ?? lane.run.startedAt
  return { ...lane, client: [], marks: [{ kind, at }], endedAt: at }
}

function syncLane(lane: Lane, { detail }: Facts): Lane {
  const { run } = lane
  if (run.answeredAt === null) return lane
  const done: Lane = { ...lane, resultAt: run.answeredAt, endedAt: run.answeredAt }
  done.marks = [{ kind: 'generated', at: run.answeredAt }]
  if (!detail) return done
  done.clock = clockOffset(run.startedAt, run.answeredAt, detail.created_at)
  done.server = generation(detail, done.clock.ms)
  return done
}

function asyncLane(lane: Lane, { detail, logs = [] }: Facts): Lane {
  const { run } = lane
  if (run.answeredAt === null) return lane
  const acknowledged: Mark = { kind: 'acknowledged', at: run.answeredAt }
  if (!detail) return { ...lane, marks: [acknowledged] }
  const clock = clockOffset(run.startedAt, run.answeredAt, detail.created_at)
  const delivered = deliveries(detail, logs, clock.ms)
  const resultAt = detail.status === 'COMPLETED' ? localTime(detail.completed_at, clock.ms) : null
  const success = logs.find((log) => log.success)
  const callbackAt = success ? attemptEnd(success, clock.ms) : null
  const marks: Mark[] = [acknowledged]
  if (resultAt !== null) marks.push({ kind: 'generated', at: resultAt })
  if (callbackAt !== null) marks.push({ kind: 'delivered', at: callbackAt })
  const gaveUpAt =
    detail.callback_status === 'FAILED' ? localTime(detail.callback_finished_at, clock.ms) : null
  if (gaveUpAt !== null) marks.push({ kind: 'undelivered', at: gaveUpAt })
  return {
    ...lane,
    clock,
    server: [...generation(detail, clock.ms), ...delivered],
    marks,
    resultAt,
    callbackAt,
    endedAt: endOfLane(detail, callbackAt ?? gaveUpAt, clock.ms),
  }
}

function endOfLane(detail: RequestDetail, callbackEnd: number | null, offsetMs: number): number | null {
  if (detail.callback_status === null) return localTime(detail.completed_at, offsetMs)
  if (detail.callback_status !== 'PENDING')
    return callbackEnd ?? localTime(detail.callback_finished_at, offsetMs)
  return null
}
