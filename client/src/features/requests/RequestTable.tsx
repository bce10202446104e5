import { ArrowUp } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import type { RequestItem } from '@/api/types'
import { useMedia } from '@/hooks/useMedia'
import { useVirtualRows } from '@/hooks/useVirtualRows'
import { cx } from '@/lib/cx'
import { formatNumber } from '@/lib/format'
import { withSearch } from '@/lib/router'
import { newerThan } from './heldRows'
import { columns, RequestRow } from './RequestRow'
import { useRowKeys } from './useRowKeys'

const ROW_HEIGHT = 44
const CARD_HEIGHT = 76
/** Rows left below the view when the next page is asked for. */
const LOAD_AHEAD = 60

type RequestTableProps = {
  items: RequestItem[]
  search: string
  selected: ReadonlySet<string>
  onSelect: (id: string, selected: boolean) => void
  onSelectAll: (selected: boolean) => void
  onNearEnd: () => void
}

/** Only the rows in view exist; ten thousand scroll like ten. */
export function RequestTable({
  items: all,
  search,
  selected,
  onSelect,
  onSelectAll,
  onNearEnd,
}: RequestTableProps) {
  const box = useRef<HTMLDivElement>(null)
  const asCard = useMedia('(max-width: 47.99rem)')
  const rowHeight = asCard ? CARD_HEIGHT : ROW_HEIGHT
  const [anchor, setAnchor] = useState<RequestItem | null>(null)
  const held = newerThan(all, anchor)
  const items = held === 0 ? all : all.slice(held)
  const rows = useVirtualRows(box, items.length, rowHeight)
  // Read in the middle of rendering: the row that stands at the head when the reader leaves it.
  if (rows.atTop && anchor !== null) setAnchor(null)
  if (!rows.atTop && anchor === null) setAnchor(items[0] ?? null)
  useNearEnd(rows.to > items.length - LOAD_AHEAD, items.length, onNearEnd)
  useRowKeys(box, items, rows.scrollToRow, (item) => onSelect(item.id, !selected.has(item.id)))

  return (
    <div role="table" aria-label="Requests" aria-rowcount={items.length + 1} className="relative">
      {held > 0 && <NewRows count={held} onShow={() => box.current?.scrollTo({ top: 0 })} />}
      <Header asCard={asCard} all={all.length > 0 && selected.size >= all.length} onSelectAll={onSelectAll} />
      <div
        ref={box}
        role="rowgroup"
        tabIndex={0}
        className="h-[max(20rem,calc(100dvh-22rem))] overflow-y-auto overscroll-contain -outline-offset-2"
        data-testid="rows"
      >
        <div role="presentation" className="relative" style={{ height: rows.totalHeight }}>
          {items.slice(rows.from, rows.to).map((item, offset) => (
            <RequestRow
              key={item.id}
              item={item}
              index={rows.from + offset}
              top={(rows.from + offset) * rowHeight}
              height={rowHeight}
              asCard={asCard}
              selected={selected.has(item.id)}
              href={`/history${withSearch(search, { request: item.id })}`}
              onSelect={onSelect}
            />
          ))}
        </div>
      </div>
    </div>
  )
}

/** What arrived while someone reads further down. */
function NewRows({ count, onShow }: { count: number; onShow: () => void }) {
  return (
    <div
      role="presentation"
      className="pointer-events-none absolute inset-x-0 top-12 z-20 flex justify-center"
    >
      <button
        type="button"
        onClick={onShow}
        className="pointer-events-auto inline-flex items-center gap-1.5 rounded-full bg-accent-fill px-3 py-1.5 text-xs font-semibold text-white shadow-lg hover:brightness-110"
      >
        <ArrowUp aria-hidden size={14} />
        {formatNumber(count)} new
      </button>
    </div>
  )
}

function Header(props: { asCard: boolean; all: boolean; onSelectAll: (selected: boolean) => void }) {
  const names = ['Request', 'Mode', 'Report', 'Rows', 'Status', 'Callback', 'Took', 'Accepted']
  const rightAligned = new Set(['Rows', 'Took', 'Accepted'])
  const onlyWide = new Set(['Rows', 'Took'])
  return (
    <div role="rowgroup">
      <div
        role="row"
        aria-rowindex={1}
        className={cx(
          'border-b border-line bg-raised px-3 py-2 text-xs font-medium text-muted',
          props.asCard ? 'flex gap-3' : `grid items-center gap-3 ${columns}`,
        )}
      >
        <span role="columnheader" className="flex items-center gap-2">
          <input
            type="checkbox"
            className="size-4 accent-(--accent-fill)"
            aria-label="Select all loaded requests"
            checked={props.all}
            onChange={(event) => props.onSelectAll(event.target.checked)}
          />
        </span>
        {(props.asCard ? ['Requests, newest first'] : names).map((name) => (
          <span
            key={name}
            role="columnheader"
            className={cx(rightAligned.has(name) && 'text-right', onlyWide.has(name) && 'max-lg:hidden')}
          >
            {name}
          </span>
        ))}
      </div>
    </div>
  )
}

function useNearEnd(near: boolean, count: number, onNearEnd: () => void): void {
  useEffect(() => {
    if (near && count > 0) onNearEnd()
  }, [near, count, onNearEnd])
}
