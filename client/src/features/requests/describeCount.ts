import type { RequestCounts } from '@/api/types'
import { formatCount, formatNumber } from '@/lib/format'

/**
 * How many requests there are, and how many of them are in the list so far. The list is right to the moment, the count a
 * few seconds old at most: once everything is loaded only the list counts.
 */
export function describeCount(
  loaded: number,
  complete: boolean,
  searched: number | null,
  counts: Pick<RequestCounts, 'total' | 'exact'> | undefined,
): string {
  if (complete) return formatCount(loaded, 'request')
  const total = Math.max(loaded, counts?.total ?? 0)
  if (counts && total > loaded) {
    const all = counts.exact ? formatCount(total, 'request') : `More than ${formatCount(total, 'request')}`
    return `${all}, ${formatNumber(loaded)} loaded`
  }
  if (searched !== null) return `${formatCount(loaded, 'request')} so far, searched ${formatNumber(searched)}`
  return `First ${formatCount(loaded, 'request')}; scroll for more`
}
