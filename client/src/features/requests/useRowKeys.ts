import { useEffect, useRef, type RefObject } from 'react'
import type { RequestItem } from '@/api/types'
import { useKey } from '@/hooks/useKey'

/** `j` and `k` move from row to row, `x` selects. Enter opens by itself: the focus is on the row's link. */
export function useRowKeys(
  box: RefObject<HTMLElement | null>,
  items: RequestItem[],
  scrollToRow: (row: number) => void,
  onToggle: (item: RequestItem) => void,
): void {
  const wanted = useRef<number | null>(null)
  const current = () => {
    const row = document.activeElement?.closest('[data-row]')?.getAttribute('data-row')
    return row == null ? null : Number(row)
  }
  const focus = (row: number) => box.current?.querySelector<HTMLElement>(`[data-open="${row}"]`)?.focus()
  const move = (step: number) => {
    const from = current() ?? (step > 0 ? -1 : 0)
    const row = Math.min(items.length - 1, Math.max(0, from + step))
    wanted.current = row
    scrollToRow(row)
    focus(row)
  }
  // A row that was not drawn yet gets the focus once it is.
  useEffect(() => {
    if (wanted.current === null) return
    focus(wanted.current)
    wanted.current = null
  })
  useKey('j', () => move(1))
  useKey('k', () => move(-1))
  useKey('x', () => {
    const row = current()
    const item = row === null ? undefined : items[row]
    if (item) onToggle(item)
  })
}
