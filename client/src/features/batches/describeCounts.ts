import { formatCount, formatNumber } from '@/lib/format'
import type { Batch } from './queries'

type Counted = Pick<Batch, 'count' | 'counts'>

const words = [
  ['COMPLETED', 'completed'],
  ['FAILED', 'failed'],
  ['CANCELLED', 'cancelled'],
  ['deleted', 'deleted'],
  ['PROCESSING', 'generating'],
  ['PENDING', 'queued'],
] as const

export function nameOf({ name, count }: Pick<Batch, 'name' | 'count'>): string {
  return name ?? `Batch of ${formatCount(count, 'report')}`
}

/** How many have ended, by the counts that are named beside it. */
export function endedOf({ count, counts }: Counted): number {
  return count - counts.PROCESSING - counts.PENDING
}

const callbackWords = [
  ['SUCCESS', 'delivered'],
  ['FAILED', 'undelivered'],
  ['CANCELLED', 'cancelled'],
  ['PENDING', 'pending'],
] as const

/** `Callbacks of the requests: 11 delivered, 1 pending`; null where none has one. */
export function describeCallbacks({
  callback_counts: counts,
}: Pick<Batch, 'callback_counts'>): string | null {
  const parts = callbackWords.flatMap(([state, word]) => {
    const count = counts[state] ?? 0
    return count > 0 ? [`${formatNumber(count)} ${word}`] : []
  })
  return parts.length === 0 ? null : `Callbacks of the requests: ${parts.join(', ')}`
}

/** `12 of 20 ended: 11 completed, 1 failed, 8 queued`: what there is none of is left out. */
export function describeCounts(batch: Counted): string {
  const { count, counts } = batch
  const parts = words.flatMap(([state, word]) =>
    counts[state] > 0 ? [`${formatNumber(counts[state])} ${word}`] : [],
  )
  return `${formatNumber(endedOf(batch))} of ${formatNumber(count)} ended: ${parts.join(', ')}`
}
