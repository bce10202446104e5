import { cx } from '@/lib/cx'
import { formatMoney } from '@/lib/format'
import { fromMinor, type ReportTotals } from './reportTotals'

const CATEGORIES_SHOWN = 10

/** Plain bars: the numbers stand beside them, so they need no axis. */
export function CategoryBars({ totals }: { totals: ReportTotals }) {
  const largest = totals.categories[0]?.minor ?? 1
  return (
    <figure className="min-w-0 rounded-lg border border-line p-3">
      <figcaption className="mb-2 flex justify-between text-xs font-medium text-muted">
        Totals by category <TypeLegend />
      </figcaption>
      <ul className="grid gap-1.5">
        {totals.categories.slice(0, CATEGORIES_SHOWN).map((total) => (
          <li
            key={`${total.type}/${total.category}`}
            className="grid grid-cols-[7.5rem_1fr_auto] items-center gap-2 text-xs"
          >
            <span className="truncate" title={`${total.category} (${total.type})`}>
              {total.category}
            </span>
            <span className="h-2.5 rounded-sm bg-raised">
              <span
                className={cx(
                  'block h-full rounded-sm',
                  total.type === 'Revenue' ? 'bg-running-fill' : 'bg-warn-fill',
                )}
                style={{ width: `${Math.max(0.5, (total.minor / largest) * 100)}%` }}
              />
            </span>
            <span className="font-mono text-muted">
              {formatMoney(fromMinor(total.minor, totals.decimals), totals.currency)}
            </span>
          </li>
        ))}
      </ul>
    </figure>
  )
}

export function TypeLegend() {
  return (
    <span className="inline-flex gap-3 font-normal">
      <span className="inline-flex items-center gap-1">
        <span aria-hidden className="size-2 rounded-sm bg-running-fill" /> Revenue
      </span>
      <span className="inline-flex items-center gap-1">
        <span aria-hidden className="size-2 rounded-sm bg-warn-fill" /> Expenses
      </span>
    </span>
  )
}
