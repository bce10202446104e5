import { formatNumber } from '@/lib/format'
import type { Batch } from './queries'

const words = [
  ['COMPLETED', 'completed'],
  ['FAILED', 'failed'],
  ['CANCELLED', 'cancelled'],
  ['deleted', 'deleted'],
  ['PROCESSING', 'generating'],
  ['PENDING', 'queued'],
] as const

/** `12 of 20 ended: 11 completed, 1 failed, 8 queued`: what there is none of is left out. */
export function describeCounts({
  count,
  counts,
  progress,
}: Pick<Batch, 'count' | 'counts' | 'progress'>): string {
  const parts = words.flatMap(([state, word]) =>
    counts[state] > 0 ? [`${formatNumber(counts[state])} ${word}`] : [],
  )
  return `${formatNumber(Math.round(progress * count))} of ${formatNumber(count)} ended: ${parts.join(', ')}`
}
