import type { ApiKey, Me } from '@/api/types'
import { formatNumber } from '@/lib/format'
import type { Scope } from '@/lib/session'

export const scopeMeanings: Record<Scope, string> = {
  read: 'see requests, reports and the queue',
  submit: 'submit, cancel, redeliver and delete requests',
  'submit:high': 'submit with priority high',
  manage: 'manage keys and webhook secrets of the account',
  admin: 'operate the server, for all accounts',
}

type Rate = Me['limits']['sync']

/** `27 of 30 left; one more in 12 s`. */
export function describeRate(rate: Rate): string {
  if (rate === null) return 'No limit'
  const left = `${formatNumber(rate.remaining)} of ${formatNumber(rate.limit)} left`
  return rate.remaining < rate.limit ? `${left}; one more in ${formatNumber(rate.reset_s)} s` : left
}

export function describeWaiting({ used, limit }: Me['limits']['waiting']): string {
  return `${formatNumber(used)} of ${formatNumber(limit)}`
}

export type KeyState = 'good' | 'replaced' | 'expired' | 'revoked'

/** What a key is good for now: one that was rotated is good until its end. */
export function stateOf(
  key: Pick<ApiKey, 'revoked_at' | 'expires_at' | 'replaced_by'>,
  now: number,
): KeyState {
  if (key.revoked_at !== null) return 'revoked'
  if (key.expires_at !== null && Date.parse(key.expires_at) <= now) return 'expired'
  return key.replaced_by === null ? 'good' : 'replaced'
}

/** Good ones first, the newest of them on top. */
export function inOrder(apiKeys: ApiKey[], now: number): ApiKey[] {
  const isOver = (key: ApiKey) => Number(['expired', 'revoked'].includes(stateOf(key, now)))
  return apiKeys.toSorted(
    (one, other) => isOver(one) - isOver(other) || Date.parse(other.created_at) - Date.parse(one.created_at),
  )
}

const DAY_MS = 86_400_000
/** How long a new key may be good, days; null: as long as the key that makes it, or without an end. */
export const LIFETIMES_DAYS = [7, 30, 90, 365, null] as const

/** What may be chosen: nobody but the operator makes a key that outlives the key in use. */
export function lifetimesFor(me: Pick<Me, 'expires_at' | 'scopes'>, now: number): (number | null)[] {
  const end = me.scopes.includes('admin') || me.expires_at === null ? Infinity : Date.parse(me.expires_at)
  return LIFETIMES_DAYS.filter((days) => days === null || now + days * DAY_MS <= end)
}

/** The word for a lifetime. */
export function lifetimeName(days: number | null, me: Pick<Me, 'expires_at' | 'scopes'>): string {
  if (days !== null) return days === 365 ? '1 year' : `${days} days`
  return me.scopes.includes('admin') || me.expires_at === null ? 'No end' : 'Until the key in use ends'
}

export function endAfter(days: number | null, now: number): string | null {
  return days === null ? null : new Date(now + days * DAY_MS).toISOString()
}

/** A secret as others may see it: `whsec_` and dots. */
export function masked(secret: string): string {
  return `${secret.slice(0, secret.indexOf('_') + 1)}${'•'.repeat(24)}`
}
