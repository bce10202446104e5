import type { CallbackLog } from '@/api/types'

/** `500`, `connection refused`: why an attempt failed. */
export function describeAttempt(log: CallbackLog): string {
  if (log.status_code !== null) return `answered ${log.status_code}`
  return log.error_message ?? log.error_code?.replaceAll('_', ' ') ?? 'no answer'
}

/** The server counts the callbacks whose attempts were used up; the probes are told by the countdown. */
export function pausedBecause(reason: string | null): string {
  const count = /^(\d+) callbacks in a row/.exec(reason ?? '')?.[1]
  return count ? `Paused after ${count} failed callbacks in a row.` : (reason ?? 'Paused.')
}
