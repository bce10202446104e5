import type { Mode } from '@/api/types'

/** One click: what was sent, and what this page measured. Server times come from the request itself. */
export type Run = {
  key: number
  /** Runs of one session share a time axis. */
  session: number
  mode: Mode
  /** Milliseconds since 1970, on this machine's clock. */
  startedAt: number
  answeredAt: number | null
  body: object
  requestId: string | null
  answer: unknown
  httpStatus: number | null
  error: unknown
}

export type RunsState = { runs: readonly Run[]; session: number; selected: number | null }

export type RunAction =
  | { type: 'session' }
  | { type: 'started'; run: Pick<Run, 'key' | 'mode' | 'startedAt' | 'body'> }
  | { type: 'answered'; key: number; at: number; httpStatus: number; requestId: string; answer: unknown }
  | { type: 'refused'; key: number; at: number; httpStatus: number | null; error: unknown }
  | { type: 'reached-nobody' }
  | { type: 'selected'; key: number }

/** Older runs are in History; the page needs no more than it can draw. */
export const RUNS_MAX = 40

export const noRuns: RunsState = { runs: [], session: 0, selected: null }

export function reduceRuns(state: RunsState, action: RunAction): RunsState {
  switch (action.type) {
    case 'session':
      return { ...state, session: state.session + 1, selected: null }
    case 'started':
      return { ...state, runs: [...state.runs, begin(state.session, action.run)].slice(-RUNS_MAX) }
    case 'selected':
      return { ...state, selected: action.key }
    case 'answered': {
      const { at, httpStatus, requestId, answer } = action
      return change(state, action.key, { answeredAt: at, httpStatus, requestId, answer })
    }
    case 'refused':
      return change(state, action.key, {
        answeredAt: action.at,
        httpStatus: action.httpStatus,
        error: action.error,
      })
    case 'reached-nobody':
      return backToLastSession(state)
  }
}

/** A session that reached nobody measured nothing: the one before it, if there is one, comes back into view. */
function backToLastSession(state: RunsState): RunsState {
  const runs = state.runs.filter((run) => run.session !== state.session)
  const session = runs.at(-1)?.session
  return session === undefined ? state : { runs, session, selected: null }
}

function begin(session: number, run: Pick<Run, 'key' | 'mode' | 'startedAt' | 'body'>): Run {
  return { ...run, session, answeredAt: null, requestId: null, answer: null, httpStatus: null, error: null }
}

function change(state: RunsState, key: number, changes: Partial<Run>): RunsState {
  return { ...state, runs: state.runs.map((run) => (run.key === key ? { ...run, ...changes } : run)) }
}

export function runsOfSession(state: RunsState): Run[] {
  return state.runs.filter((run) => run.session === state.session)
}
