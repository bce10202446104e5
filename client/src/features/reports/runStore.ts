import { api, ProblemError, UnreachableError, unwrap } from '@/api/client'
import type {
  AcceptedAnswer,
  DuplicateAnswer,
  FailedAnswer,
  Mode,
  ReportRequest,
  ReportResult,
} from '@/api/types'
import { createStore } from '@/lib/store'
import { showToast } from '@/lib/toasts'
import { noRuns, reduceRuns, runsOfSession, type RunAction } from './runs'

/** Outside of React: a race goes on while another view is open. */
export const runStore = createStore(noRuns)

/** Without a callback URL nobody is called: the result is read. */
export type Order = { payload: ReportRequest; callbackUrl: string | null }

const dispatch = (action: RunAction) => runStore.set(reduceRuns(runStore.get(), action))
let nextKey = 1

/** Send the same report once for each mode, at the same moment. */
export function startRuns(modes: Mode[], order: Order, options: { newSession: boolean }): void {
  if (options.newSession) dispatch({ type: 'session' })
  for (const mode of modes) void start(mode, order)
}

export function selectRun(key: number): void {
  dispatch({ type: 'selected', key })
}

async function start(mode: Mode, order: Order): Promise<void> {
  const key = nextKey++
  const startedAt = Date.now()
  const started = performance.now()
  // The wall clock places the run on the axis; the monotonic one measures how long it took.
  const at = () => startedAt + (performance.now() - started)
  dispatch({ type: 'started', run: { key, mode, startedAt, body: bodyOf(mode, order) } })
  try {
    const answer = await submit(mode, order)
    const httpStatus = mode === 'sync' ? 200 : 202
    dispatch({ type: 'answered', key, at: at(), httpStatus, requestId: answer.request_id, answer })
  } catch (error) {
    const httpStatus = error instanceof ProblemError ? error.status : null
    dispatch({ type: 'refused', key, at: at(), httpStatus, error })
    keepLastRace()
  }
}

/** When nobody answered any of the runs, the race before them stays in view. */
function keepLastRace(): void {
  const before = runStore.get()
  if (!runsOfSession(before).every((run) => run.error instanceof UnreachableError)) return
  dispatch({ type: 'reached-nobody' })
  if (runStore.get() === before) return
  showToast({
    tone: 'bad',
    text: 'The server did not answer, so nothing was sent. The previous race is still shown.',
  })
}

function bodyOf(mode: Mode, { payload, callbackUrl }: Order): object {
  return mode === 'sync' ? payload : { payload, ...urlOf(callbackUrl) }
}

function urlOf(callbackUrl: string | null): { callback_url?: string } {
  return callbackUrl === null ? {} : { callback_url: callbackUrl }
}

type Submitted = AcceptedAnswer | DuplicateAnswer | FailedAnswer | ReportResult

function submit(mode: Mode, { payload, callbackUrl }: Order): Promise<Submitted> {
  if (mode === 'sync') return unwrap<Submitted>(api.POST('/api/sync', { body: payload }))
  const body = { payload, ...urlOf(callbackUrl), priority: 'normal' as const }
  return unwrap<Submitted>(api.POST('/api/async', { body }))
}
