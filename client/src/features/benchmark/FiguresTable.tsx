import type { BenchmarkSummary } from '@/api/types'
import { Card } from '@/components/Card'
import { describeFailures, figureRows, type FigureRow } from './figures'
import { FigureTable } from './FigureTable'
import { measures } from './measures'

type ColumnKey = 'sync' | 'receipt' | 'callback'

/** Every figure of both sides. */
export function FiguresTable({ summary }: { summary: BenchmarkSummary }) {
  const keys: ColumnKey[] = [
    ...(summary.sync ? (['sync'] as const) : []),
    ...(summary.async ? (['receipt', 'callback'] as const) : []),
  ]
  return (
    <Card
      title="Figures"
      hint="Times count from when a request was sent or, at a fixed rate, was due. Failures are not included."
    >
      <FigureTable
        label="Figures"
        wide
        columns={keys.map((key) => ({ key, name: <ColumnName column={key} /> }))}
        rows={figureRows(summary).map((row) => ({
          key: row.measure,
          name: measures[row.measure].name,
          meaning: measures[row.measure].meaning,
          cells: keys.map((key) => <Figure key={key} row={row} column={key} summary={summary} />),
        }))}
      />
    </Card>
  )
}

const names = { sync: ['sync', 'response'], receipt: ['async', 'receipt'], callback: ['async', 'callback'] }

function ColumnName({ column }: { column: ColumnKey }) {
  const [mode, what] = names[column]
  return (
    <>
      <span className={mode === 'sync' ? 'text-sync' : 'text-async'}>{mode}</span>{' '}
      <span className="block font-normal">{what}</span>
    </>
  )
}

type FigureProps = { row: FigureRow; column: ColumnKey; summary: BenchmarkSummary }

function Figure({ row, column, summary }: FigureProps) {
  const value = row[column]
  if (value == null) return <>–</>
  const side = { sync: summary.sync, receipt: summary.async, callback: null }[column]
  const kinds = row.measure === 'failed' && side ? describeFailures(side) : null
  return (
    <>
      {measures[row.measure].format(value)}
      {kinds && <span className="block max-w-40 text-xs text-wrap text-bad">{kinds}</span>}
    </>
  )
}
