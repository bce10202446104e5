import { useMemo, useState } from 'react'
import { formatMoney } from '@/lib/format'
import { LineChart, type ChartSeries } from '@/components/LineChart'
import { ScrollRegion } from '@/components/ScrollRegion'
import { TypeLegend } from './CategoryBars'
import { fromMinor, type ReportTotals } from './reportTotals'

const series: ChartSeries[] = [
  { name: 'Revenue', colour: '--running-fill' },
  { name: 'Expenses', colour: '--warn-fill', dashed: true },
]

/** Revenue and expenses of each day; the same numbers as a table for those who do not see the canvas. */
export default function DayChart({ totals }: { totals: ReportTotals }) {
  const [asTable, setAsTable] = useState(false)
  const { days, decimals, currency } = totals
  const data = useMemo(() => {
    const unit = 10 ** decimals
    return [
      days.map((day) => Date.parse(day.date) / 1_000),
      days.map((day) => day.revenue / unit),
      days.map((day) => day.expenses / unit),
    ]
  }, [days, decimals])
  return (
    <figure className="min-w-0 rounded-lg border border-line p-3">
      <figcaption className="mb-2 flex flex-wrap justify-between gap-2 text-xs font-medium text-muted">
        Totals by day ({currency})
        <span className="inline-flex gap-3">
          <TypeLegend />
          <button type="button" className="text-accent hover:underline" onClick={() => setAsTable(!asTable)}>
            {asTable ? 'Show as chart' : 'Show as table'}
          </button>
        </span>
      </figcaption>
      {asTable ? (
        <DayTable totals={totals} />
      ) : (
        <LineChart
          data={data}
          series={series}
          label={`Revenue and expenses over ${days.length} days`}
          height={220}
        />
      )}
    </figure>
  )
}

function DayTable({ totals }: { totals: ReportTotals }) {
  const { days, decimals, currency } = totals
  return (
    <ScrollRegion label="Totals by day" className="h-[220px] overflow-y-auto">
      <table className="w-full text-xs">
        <tbody>
          {days.map((day) => (
            <tr key={day.date}>
              <th scope="row" className="text-left font-normal">
                {day.date}
              </th>
              <td className="text-right font-mono">
                {formatMoney(fromMinor(day.revenue, decimals), currency)}
              </td>
              <td className="text-right font-mono">
                {formatMoney(fromMinor(day.expenses, decimals), currency)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  )
}
