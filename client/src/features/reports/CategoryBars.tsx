import { useState } from 'react'
import { cx } from '@/lib/cx'
import { formatMoney, formatNumber } from '@/lib/format'
import { fromMinor, type ReportTotals } from './reportTotals'

const CATEGORIES_SHOWN = 10

/** Plain bars: the numbers stand beside them, so they need no axis. All tracks share one grid, so they end together. */
export function CategoryBars({ totals }: { totals: ReportTotals }) {
  const [all, setAll] = useState(false)
  const largest = totals.categories[0]?.minor ?? 1
  const shown = all ? totals.categories : totals.categories.slice(0, CATEGORIES_SHOWN)
  const left = totals.categories.length - CATEGORIES_SHOWN
  return (
    <figure className="min-w-0 rounded-lg border border-line p-3">
      <figcaption className="mb-2 flex justify-between text-xs font-medium text-muted">
        Totals by category <TypeLegend />
      </figcaption>
      <ul className="grid grid-cols-[minmax(0,8rem)_1fr_auto] gap-x-2 gap-y-1.5">
        {shown.map((total) => (
          <li
            key={`${total.type}/${total.category}`}
            className="col-span-3 grid grid-cols-subgrid items-center text-xs"
          >
            <span className="truncate" title={`${total.category} (${total.type})`}>
              {total.category}
            </span>
            <span className="h-2.5 rounded-sm bg-raised">
              <span
                className={cx(
                  'mark block h-full rounded-sm',
                  total.type === 'Revenue' ? 'bg-running-fill' : 'bg-warn-fill',
                )}
                style={{ width: `${Math.max(0.5, (total.minor / largest) * 100)}%` }}
              />
            </span>
            <span className="text-right font-mono text-muted">
              {formatMoney(fromMinor(total.minor, totals.decimals), totals.currency)}
            </span>
          </li>
        ))}
      </ul>
      {left > 0 && (
        <button
          type="button"
          className="mt-2 min-h-6 text-xs font-medium text-accent hover:underline"
          onClick={() => setAll(!all)}
        >
          {all ? `Show the largest ${CATEGORIES_SHOWN}` : `and ${formatNumber(left)} more`}
        </button>
      )}
    </figure>
  )
}

export function TypeLegend() {
  return (
    <span className="inline-flex gap-3 font-normal">
      <span className="inline-flex items-center gap-1">
        <span aria-hidden className="mark size-2 rounded-sm bg-running-fill" /> Revenue
      </span>
      <span className="inline-flex items-center gap-1">
        <span aria-hidden className="mark size-2 rounded-sm bg-warn-fill" /> Expenses
      </span>
    </span>
  )
}
