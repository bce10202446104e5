import type { BenchmarkSummary } from '@/api/types'
import { Card } from '@/components/Card'
import { ScrollRegion } from '@/components/ScrollRegion'
import { describeFailures, figureRows, type FigureRow } from './figures'
import { measures } from './measures'

type Column = { key: 'sync' | 'receipt' | 'callback'; name: string; note: string }

/** Every figure of both sides, and what it means. */
export function FiguresTable({ summary }: { summary: BenchmarkSummary }) {
  const columns: Column[] = [
    ...(summary.sync ? [{ key: 'sync' as const, name: 'sync', note: 'answer' }] : []),
    ...(summary.async
      ? [
          { key: 'receipt' as const, name: 'async', note: 'receipt' },
          { key: 'callback' as const, name: 'async', note: 'callback' },
        ]
      : []),
  ]
  return (
    <Card
      title="Figures"
      hint="Times count from the moment a request was sent or, with a fixed rate, was due. Failures are in none of them."
    >
      <ScrollRegion label="Figures" className="relative overflow-x-auto -outline-offset-2">
        <table className="w-full">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              <th scope="col" className="px-4 py-2 text-left font-medium">
                Measure
              </th>
              {columns.map(({ key, name, note }) => (
                <th key={key} scope="col" className="px-3 py-2 text-right font-medium last:pr-4">
                  {name}
                  <span className="block font-normal">{note}</span>
                </th>
              ))}
              <th scope="col" className="px-4 py-2 text-left font-medium max-md:hidden">
                What it means
              </th>
            </tr>
          </thead>
          {figureRows(summary).map((row) => (
            <Measured key={row.measure} row={row} columns={columns} summary={summary} />
          ))}
        </table>
      </ScrollRegion>
    </Card>
  )
}

type MeasuredProps = { row: FigureRow; columns: Column[]; summary: BenchmarkSummary }

/** What it means stands beside the figures, on a phone below them. */
function Measured({ row, columns, summary }: MeasuredProps) {
  const { name, meaning, format } = measures[row.measure]
  const failures = { sync: summary.sync, receipt: summary.async, callback: null }
  return (
    <tbody className="border-line not-last:border-b">
      <tr className="align-top">
        <th scope="row" className="px-4 pt-1.5 text-left font-medium md:pb-1.5">
          {name}
        </th>
        {columns.map(({ key }) => {
          const value = row[key]
          const side = row.measure === 'failed' ? failures[key] : null
          return (
            <td key={key} className="px-3 pt-1.5 text-right md:pb-1.5">
              <span className="whitespace-nowrap">{value == null ? '–' : format(value)}</span>
              {side && <span className="block text-xs text-bad">{describeFailures(side)}</span>}
            </td>
          )
        })}
        <td className="px-4 py-1.5 text-xs leading-5 text-faint max-md:hidden">{meaning}</td>
      </tr>
      <tr className="md:hidden">
        <td colSpan={columns.length + 1} className="px-4 pb-1.5 text-xs text-faint">
          {meaning}
        </td>
      </tr>
    </tbody>
  )
}
