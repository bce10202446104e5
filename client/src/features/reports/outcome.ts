import { ProblemError, UnreachableError } from '@/api/client'
import type { RequestDetail } from '@/api/types'
import type { Run } from './runs'

/** Why a run measured nothing. */
export type Failure = {
  kind: 'refused' | 'limited' | 'failed' | 'unreachable'
  /** What the server said of it. */
  reason: string
  status: number | null
}

/** Null for a run that measures, or still may. */
export function failureOf(run: Run, detail?: RequestDetail): Failure | null {
  if (run.error) return failureFrom(run.error)
  if (detail?.status === 'CANCELLED') {
    return { kind: 'failed', status: null, reason: 'The request was cancelled.' }
  }
  if (detail?.status !== 'FAILED') return null
  return {
    kind: 'failed',
    status: null,
    reason: detail.failure_reason ?? 'The report could not be generated.',
  }
}

function failureFrom(error: unknown): Failure {
  if (error instanceof ProblemError) {
    const { status, message: reason } = error
    if (status === 429) return { kind: 'limited', status, reason }
    return { kind: status >= 500 ? 'failed' : 'refused', status, reason }
  }
  const reason = error instanceof Error ? error.message : String(error)
  return { kind: error instanceof UnreachableError ? 'unreachable' : 'failed', status: null, reason }
}
