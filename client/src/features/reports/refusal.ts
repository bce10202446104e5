import { ProblemError } from '@/api/client'
import type { Run } from './runs'

/** Why the server refused a callback URL, and the command with which its operator would allow it. */
export type Refusal = { key: number; reason: string; command: string | null }

const SETTING = 'CALLBACK_ALLOWED_ORIGINS'

/** The refusal of this URL by the last async run; null once another URL is typed. */
export function refusalOf(run: Run | null, url: string): Refusal | null {
  const body = run?.body as { callback_url?: string } | undefined
  if (!run || !(run.error instanceof ProblemError) || body?.callback_url !== url) return null
  const { problem, status } = run.error
  const field = problem.errors?.find((one) => one.pointer.endsWith('callback_url'))
  if (status !== 422 || (problem.rule === undefined && !field)) return null
  const reason = field?.detail ?? problem.detail
  return { key: run.key, reason, command: problem.detail.includes(SETTING) ? commandFor(url) : null }
}

function commandFor(url: string): string | null {
  const { origin } = URL.parse(url) ?? {}
  return origin && origin !== 'null' ? `make run ${SETTING}=${origin}` : null
}
