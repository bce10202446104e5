import type { RequestItem } from '@/api/types'
import { formatCount } from '@/lib/format'
import type { BulkResult } from './redelivery'

/** What a cancel would stop; null where nothing is left to cancel. */
export type Stops = 'report' | 'callback' | null

export function stopsOf(item: Pick<RequestItem, 'status' | 'callback_status'>): Stops {
  if (item.status === 'PENDING' || item.status === 'PROCESSING') return 'report'
  return item.callback_status === 'PENDING' && item.status !== 'CANCELLED' ? 'callback' : null
}

/** Of these, what a cancel would stop. */
export function cancellable(items: readonly RequestItem[]): RequestItem[] {
  return items.filter((item) => stopsOf(item) !== null)
}

/** What will happen, before it is done. */
export function describeCancel(items: readonly RequestItem[]): string {
  const reports = items.filter((item) => stopsOf(item) === 'report').length
  const callbacks = items.length - reports
  const parts: string[] = []
  if (reports > 0) parts.push(`${formatCount(reports, 'report')} will not be generated.`)
  if (callbacks > 0) {
    parts.push(`${formatCount(callbacks, 'callback')} will not be sent any more; the report stays.`)
  }
  return parts.join(' ')
}

export function describeCancelled({ done, failures }: BulkResult): string {
  const parts = [`Cancelled ${formatCount(done, 'request')}.`]
  if (failures.length > 0) {
    const [first] = failures
    const why = first instanceof Error ? first.message : String(first)
    parts.push(`${formatCount(failures.length, 'request')} could not be cancelled: ${why}`)
  }
  return parts.join(' ')
}
