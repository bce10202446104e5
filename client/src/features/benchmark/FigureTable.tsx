import type { ReactNode } from 'react'
import { ScrollRegion } from '@/components/ScrollRegion'

export type FigureTableRow = { key: string; name: string; meaning: string; cells: ReactNode[] }
type FigureTableProps = {
  label: string
  columns: { key: string; name: ReactNode }[]
  rows: FigureTableRow[]
  /** Room enough for a column that says what each figure means; else it is said below. */
  wide?: boolean
}

/** Figures by name, and what each of them means in one sentence. */
export function FigureTable({ label, columns, rows, wide }: FigureTableProps) {
  return (
    <ScrollRegion label={label} className="relative overflow-x-auto -outline-offset-2">
      <table className="w-full">
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            <th scope="col" className="px-4 py-2 text-left font-medium">
              Measure
            </th>
            {columns.map(({ key, name }) => (
              <th key={key} scope="col" className="px-2 py-2 text-right font-medium last:pr-4 sm:px-3">
                {name}
              </th>
            ))}
            {wide && (
              <th scope="col" className="px-4 py-2 text-left font-medium max-md:hidden">
                What it means
              </th>
            )}
          </tr>
        </thead>
        {rows.map((row) => (
          <Row key={row.key} row={row} columns={columns} wide={wide} />
        ))}
      </table>
    </ScrollRegion>
  )
}

type RowProps = Pick<FigureTableProps, 'columns' | 'wide'> & { row: FigureTableRow }

function Row({ row: { name, meaning, cells }, columns, wide }: RowProps) {
  return (
    <tbody className="not-last:border-b">
      <tr className="align-top">
        <th scope="row" className="px-4 pt-1.5 text-left font-medium">
          {name}
        </th>
        {columns.map(({ key }, index) => (
          <td key={key} className="px-2 pt-1.5 text-right whitespace-nowrap last:pr-4 sm:px-3">
            {cells[index]}
          </td>
        ))}
        {wide && <td className="px-4 py-1.5 text-xs leading-5 text-faint max-md:hidden">{meaning}</td>}
      </tr>
      <tr className={wide ? 'md:hidden' : undefined}>
        <td colSpan={columns.length + 1} className="px-4 pb-1.5 text-xs text-faint">
          {meaning}
        </td>
      </tr>
    </tbody>
  )
}
