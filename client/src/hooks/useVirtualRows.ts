import { useLayoutEffect, useState, type RefObject } from 'react'

/** Rows drawn above and below what is in view, so that quick scrolling shows no gaps. */
const OVERSCAN = 6

export type VirtualRows = {
  from: number
  to: number
  totalHeight: number
  /** Whether the first row is in view. */
  atTop: boolean
  scrollToRow: (row: number) => void
}

/** Which of many rows of equal height are in view of a scrolling box. */
export function useVirtualRows(
  box: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): VirtualRows {
  const [view, setView] = useState({ first: 0, visible: 20 })

  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    const measure = () => {
      const first = Math.floor(element.scrollTop / rowHeight)
      const visible = Math.ceil(element.clientHeight / rowHeight) + 1
      setView((old) => (old.first === first && old.visible === visible ? old : { first, visible }))
    }
    measure()
    element.addEventListener('scroll', measure, { passive: true })
    const resize = new ResizeObserver(measure)
    resize.observe(element)
    return () => {
      element.removeEventListener('scroll', measure)
      resize.disconnect()
    }
  }, [box, rowHeight])

  const scrollToRow = (row: number) => {
    const element = box.current
    if (!element) return
    const top = row * rowHeight
    if (top < element.scrollTop) element.scrollTo({ top })
    else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTo({ top: top + rowHeight - element.clientHeight })
    }
  }
  return {
    from: Math.max(0, view.first - OVERSCAN),
    to: Math.min(count, view.first + view.visible + OVERSCAN),
    totalHeight: count * rowHeight,
    atTop: view.first === 0,
    scrollToRow,
  }
}
