import { memo } from 'react'
import type { RequestItem } from '@/api/types'
import { ModeBadge } from '@/components/ModeBadge'
import { StateBadge } from '@/components/StateBadge'
import { callbackLook, statusLooks } from '@/components/states'
import { RelativeTime } from '@/components/Time'
import { Link } from '@/components/Link'
import { cx } from '@/lib/cx'
import { formatCount, formatDuration, formatNumber, shortId } from '@/lib/format'

export const columns =
  'grid-cols-[2rem_5.5rem_4rem_minmax(8rem,1fr)_5rem_7.5rem_8rem_6rem_7rem] max-lg:grid-cols-[1.5rem_5rem_3.5rem_minmax(5rem,1fr)_7rem_7.5rem_6rem]'

type RequestRowProps = {
  item: RequestItem
  index: number
  top: number
  height: number
  asCard: boolean
  selected: boolean
  href: string
  onSelect: (id: string, selected: boolean) => void
}

/** Memoised: at 200 events a second only the rows that changed are drawn again. */
export const RequestRow = memo(function RequestRow(props: RequestRowProps) {
  const { index, top, height, asCard, selected } = props
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      data-row={index}
      className={cx(
        'absolute inset-x-0 contain-strict border-b border-line px-3 hover:bg-raised focus-within:bg-raised',
        selected && 'bg-accent-soft',
        asCard ? 'flex items-center gap-3' : `grid items-center gap-3 ${columns}`,
      )}
      style={{ transform: `translateY(${top}px)`, height }}
    >
      {asCard ? <CardCells {...props} /> : <Cells {...props} />}
    </div>
  )
})

function Cells({ item, selected, href, onSelect, index }: RequestRowProps) {
  const callback = callbackLook(item)
  return (
    <>
      <Select item={item} selected={selected} onSelect={onSelect} />
      <span role="cell">
        <OpenLink id={item.id} href={href} index={index} />
      </span>
      <span role="cell">
        <ModeBadge mode={item.mode} />
      </span>
      <span role="cell" className="truncate" title={item.report_name}>
        {item.report_name}
      </span>
      <span role="cell" className="text-right text-muted max-lg:hidden">
        {formatNumber(item.num_transactions)}
      </span>
      <span role="cell" className="flex">
        <StateBadge look={statusLooks[item.status]} />
      </span>
      <span role="cell" className="flex">
        {callback ? <StateBadge look={callback} /> : <span className="text-faint">–</span>}
      </span>
      <span role="cell" className="text-right text-muted max-lg:hidden">
        {took(item)}
      </span>
      <span role="cell" className="truncate text-right text-muted">
        <RelativeTime at={item.created_at} />
      </span>
    </>
  )
}

function CardCells({ item, selected, href, onSelect, index }: RequestRowProps) {
  const callback = callbackLook(item)
  return (
    <>
      <Select item={item} selected={selected} onSelect={onSelect} />
      <span role="cell" className="min-w-0 flex-1">
        <span className="flex items-center gap-2">
          <OpenLink id={item.id} href={href} index={index} />
          <span className="min-w-0 flex-1 truncate">{item.report_name}</span>
          <span className="text-xs text-muted">
            <RelativeTime at={item.created_at} />
          </span>
        </span>
        <span className="mt-1 flex flex-wrap items-center gap-1.5 overflow-hidden">
          <ModeBadge mode={item.mode} />
          <StateBadge look={statusLooks[item.status]} />
          {callback && <StateBadge look={callback} />}
        </span>
      </span>
    </>
  )
}

function Select({ item, selected, onSelect }: Pick<RequestRowProps, 'item' | 'selected' | 'onSelect'>) {
  return (
    <span role="cell" className="relative z-10 flex">
      <input
        type="checkbox"
        className="size-4 accent-(--accent-fill)"
        aria-label={`Select request ${shortId(item.id)}, ${formatCount(item.num_transactions, 'row')}`}
        checked={selected}
        onChange={(event) => onSelect(item.id, event.target.checked)}
      />
    </span>
  )
}

function OpenLink({ id, href, index }: { id: string; href: string; index: number }) {
  return (
    <Link
      href={href}
      data-open={index}
      title={`Open the timeline of request ${id}`}
      // Stretched over the whole row, so that a click anywhere in it opens the request.
      className="rounded font-mono text-xs text-accent underline-offset-2 after:absolute after:inset-0 after:content-[''] hover:underline"
    >
      {shortId(id)}
    </Link>
  )
}

function took(item: RequestItem): string {
  if (!item.started_at || !item.completed_at) return '–'
  return formatDuration(Date.parse(item.completed_at) - Date.parse(item.started_at))
}
