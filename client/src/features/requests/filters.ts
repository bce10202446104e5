import type { RequestFilters } from '@/api/keys'
import type { ErrorCode } from '@/api/types'

const modes = ['sync', 'async'] as const
const statuses = ['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const
const priorities = ['high', 'normal', 'low'] as const
const callbackStatuses = ['PENDING', 'SUCCESS', 'FAILED', 'CANCELLED'] as const

/** How an attempt failed, in words. A code without words does not compile. */
export const errorWords: Record<ErrorCode, string> = {
  bad_status: 'Error status',
  timeout: 'Timeout',
  connect_failed: 'Connection refused',
  connection_reset: 'Connection lost',
  dns_failure: 'Name not found',
  tls_failure: 'TLS failure',
  bad_http: 'Broken HTTP',
  blocked_address: 'Forbidden address',
  expired: 'Expired',
  local_resources: 'Server short of resources',
  internal_error: 'Internal error',
}
const errorCodes = Object.keys(errorWords) as ErrorCode[]

/** Days as a date field has them, `2026-01-31`, in the reader's time zone; both are included. */
export type Days = { from: string | null; to: string | null }

/** The filters as the address bar has them; what is not a known value is ignored. */
export function readFilters(search: string): RequestFilters {
  const params = new URLSearchParams(search)
  const { from, to } = readDays(search)
  return {
    mode: oneOf(modes, params.get('mode')),
    status: oneOf(statuses, params.get('status')),
    callback_status: oneOf(callbackStatuses, params.get('callback_status')),
    priority: oneOf(priorities, params.get('priority')),
    receiver: params.get('receiver')?.trim() || undefined,
    batch_id: idOrNull(params.get('batch_id')) ?? undefined,
    error_code: oneOf(errorCodes, params.get('error_code')),
    since: from === null ? undefined : startOfDay(from, 0),
    until: to === null ? undefined : startOfDay(to, 1),
    q: params.get('q')?.trim() || undefined,
  }
}

export function readDays(search: string): Days {
  const params = new URLSearchParams(search)
  return { from: dayOrNull(params.get('from')), to: dayOrNull(params.get('to')) }
}

/** The last so many days, today included. */
export function lastDays(count: number, now: Date): Days {
  const first = new Date(now.getFullYear(), now.getMonth(), now.getDate() - (count - 1))
  return { from: dayOf(first), to: dayOf(now) }
}

export function readOpenRequest(search: string): string | null {
  return new URLSearchParams(search).get('request')
}

export function isFiltered(filters: RequestFilters): boolean {
  return Object.values(filters).some((value) => value !== undefined)
}

/** What takes every filter out of the address bar. */
export const noFilters = Object.fromEntries(
  [
    'mode',
    'status',
    'callback_status',
    'priority',
    'receiver',
    'batch_id',
    'error_code',
    'from',
    'to',
    'q',
  ].map((name) => [name, null]),
)

function oneOf<T extends string>(values: readonly T[], value: string | null): T | undefined {
  return values.find((candidate) => candidate === value)
}

function idOrNull(text: string | null): string | null {
  return text !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text : null
}

function dayOrNull(text: string | null): string | null {
  if (text === null || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return null
  const date = new Date(`${text}T00:00:00`)
  return Number.isNaN(date.getTime()) || dayOf(date) !== text ? null : text
}

/** The day after is counted by the calendar: one of summer time's changes has 23 or 25 hours. */
function startOfDay(day: string, daysLater: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number)
  return new Date(year, month - 1, date + daysLater).toISOString()
}

function dayOf(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  return `${String(date.getFullYear()).padStart(4, '0')}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
}
