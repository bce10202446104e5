import type { RequestFilters } from '@/api/keys'

const modes = ['sync', 'async'] as const
const statuses = ['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED'] as const
const callbackStatuses = ['PENDING', 'SUCCESS', 'FAILED'] as const

/** The filters as the address bar has them; what is not a known value is ignored. */
export function readFilters(search: string): RequestFilters {
  const params = new URLSearchParams(search)
  return {
    mode: oneOf(modes, params.get('mode')),
    status: oneOf(statuses, params.get('status')),
    callback_status: oneOf(callbackStatuses, params.get('callback_status')),
    q: params.get('q')?.trim() || undefined,
  }
}

export function readOpenRequest(search: string): string | null {
  return new URLSearchParams(search).get('request')
}

export function isFiltered(filters: RequestFilters): boolean {
  return Object.values(filters).some((value) => value !== undefined)
}

function oneOf<T extends string>(values: readonly T[], value: string | null): T | undefined {
  return values.find((candidate) => candidate === value)
}
