import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { useMemo } from 'react'
import type { ReportResult } from '@/api/types'
import { DownloadLink } from '@/components/DownloadLink'
import { lazyView } from '@/components/lazyView'
import { QueryView } from '@/components/QueryView'
import { ScrollRegion } from '@/components/ScrollRegion'
import { formatBytes, formatCount, formatMoney, groupDigits } from '@/lib/format'
import { CategoryBars } from './CategoryBars'
import { reportQuery, type ReportRows } from './queries'
import { totalsOf } from './reportTotals'

const DayChart = lazyView(() => import('./DayChart'), { height: 263 })
const ROWS_SHOWN = 8

/** What is in the file: its sums, charts made from its rows, and the first of them. */
export function ReportPreview({ result }: { result: ReportResult }) {
  const query = useQuery(reportQuery(result.download_url, result.file_size_bytes))
  return (
    <div className="grid gap-4">
      <Sums result={result} />
      <QueryView query={query} height={320}>
        {(report) => <Rows report={report} result={result} />}
      </QueryView>
    </div>
  )
}

function Sums({ result }: { result: ReportResult }) {
  const { summary } = result
  return (
    <div className="flex flex-wrap items-center gap-x-8 gap-y-3">
      <dl className="flex flex-wrap gap-x-8 gap-y-2">
        <Sum name="Revenue" value={formatMoney(summary.total_revenue, summary.currency)} />
        <Sum name="Expenses" value={formatMoney(summary.total_expenses, summary.currency)} />
        <Sum name="Net income" value={formatMoney(summary.net_income, summary.currency)} />
        <Sum name="File" value={formatBytes(result.file_size_bytes)} />
      </dl>
      <DownloadLink
        href={result.download_url}
        className="ml-auto inline-flex h-9 items-center gap-1.5 rounded-md border border-line-strong bg-surface px-3.5 font-medium shadow-sm hover:bg-raised"
      >
        <Download aria-hidden size={15} />
        Download CSV
      </DownloadLink>
    </div>
  )
}

function Sum({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="font-semibold">{value}</dd>
    </div>
  )
}

function Rows({ report, result }: { report: ReportRows; result: ReportResult }) {
  const [header = [], ...rows] = report.rows
  const totals = useMemo(() => (report.whole ? totalsOf(report.rows) : null), [report])
  return (
    <>
      {totals ? (
        <div className="grid gap-4 lg:grid-cols-2">
          <CategoryBars totals={totals} />
          <DayChart totals={totals} />
        </div>
      ) : (
        <p className="rounded-md bg-raised px-3 py-2 text-muted">
          Preview of the first {formatCount(Math.min(rows.length, ROWS_SHOWN), 'row')}; charts are skipped for
          files this large ({formatBytes(result.file_size_bytes)}).
        </p>
      )}
      <FirstRows header={header} rows={rows.slice(0, ROWS_SHOWN)} total={result.summary.total_transactions} />
    </>
  )
}

function FirstRows({ header, rows, total }: { header: string[]; rows: string[][]; total: number }) {
  return (
    <figure className="min-w-0">
      <figcaption className="mb-2 text-xs text-muted">
        First {rows.length} of {formatCount(total, 'row')}
      </figcaption>
      <ScrollRegion
        label="First rows of the report"
        className="overflow-x-auto rounded-lg border border-line"
      >
        <table className="w-full text-left text-xs">
          <thead className="bg-raised text-muted">
            <tr>
              {header.map((name) => (
                <th key={name} scope="col" className="px-3 py-2 font-medium whitespace-nowrap">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {rows.map((row) => (
              <tr key={row[0]}>
                {row.map((value, column) => (
                  <td key={header[column]} className={cellClass(header[column])}>
                    {header[column] === 'Amount' ? groupDigits(value) : value}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </figure>
  )
}

function cellClass(column: string | undefined): string {
  return `px-3 py-1.5 whitespace-nowrap ${column === 'Amount' ? 'text-right font-mono' : ''}`
}
