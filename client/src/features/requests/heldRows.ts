import type { RequestItem } from '@/api/types'

type Anchor = Pick<RequestItem, 'id' | 'created_at'>

/**
 * How many rows at the head of the list are newer than the one that stood there when the reader scrolled away. They
 * are held back, so that nothing moves under the pointer.
 */
export function newerThan(items: readonly Anchor[], anchor: Anchor | null): number {
  if (anchor === null) return 0
  return Math.max(
    0,
    items.findIndex((item) => item.id === anchor.id || item.created_at < anchor.created_at),
  )
}
