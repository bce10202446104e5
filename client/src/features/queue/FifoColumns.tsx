import { CircleX } from 'lucide-react'
import type { FifoEntry } from '@/api/types'
import { Link } from '@/components/Link'
import { cx } from '@/lib/cx'
import { paths } from '@/lib/paths'
import { overtaken, rowsOf } from './inversions'

/** A row is a target to click on, so it has the height of one. */
const ROW_PX = 24

const columns = [
  { name: 'Accepted', rank: (entry: FifoEntry) => entry.accepted_rank },
  { name: 'Generated', rank: (entry: FifoEntry) => entry.generated_rank },
  { name: 'Delivered', rank: (entry: FifoEntry) => entry.delivered_rank },
] as const

type Colours = ReadonlyMap<string, string>
type FifoColumnsProps = { entries: FifoEntry[]; colours: Colours; givenUp: ReadonlySet<string> }

/** Three orders, and a line for each request from one to the next, in the colour of its receiver. */
export function FifoColumns({ entries, colours, givenUp }: FifoColumnsProps) {
  const rows = columns.map(({ rank }) => rowsOf(entries, rank))
  const height = entries.length * ROW_PX
  const gone = entries.filter((entry) => givenUp.has(entry.request_id))
  return (
    <>
      <div className="grid w-full max-w-3xl grid-cols-[auto_1fr_auto_1fr_auto]">
        {columns.map((column, index) => (
          <Column
            key={column.name}
            name={column.name}
            entries={entries}
            rows={rows[index] ?? new Map()}
            givenUp={givenUp}
            height={height}
            index={index}
          />
        ))}
        <Lines entries={entries} colours={colours} from={0} rows={rows} height={height} />
        <Lines entries={entries} colours={colours} from={1} rows={rows} height={height} />
      </div>
      {gone.length > 0 && (
        <p className="flex flex-wrap items-center gap-x-2 text-xs text-muted">
          <CircleX aria-hidden size={13} className="text-bad" /> Given up instead of delivered:
          {gone.map((entry) => (
            <Link
              key={entry.request_id}
              href={paths.request(entry.request_id)}
              className="font-mono text-accent hover:underline"
            >
              {entry.queue_position}
            </Link>
          ))}
        </p>
      )}
    </>
  )
}

type ColumnProps = {
  name: string
  entries: FifoEntry[]
  rows: Map<string, number>
  givenUp: ReadonlySet<string>
  height: number
  index: number
}

const places = ['col-start-1', 'col-start-3', 'col-start-5']

function Column({ name, entries, rows, givenUp, height, index }: ColumnProps) {
  const ordered = entries
    .filter((entry) => rows.has(entry.request_id))
    .toSorted((one, other) => (rows.get(one.request_id) ?? 0) - (rows.get(other.request_id) ?? 0))
  return (
    <div className={cx('row-start-1', places[index])}>
      <h3 className="mb-2 h-5 text-right text-xs font-medium text-muted">{name}</h3>
      <ol style={{ height }} aria-label={`${name} order`}>
        {ordered.map((entry) => (
          <li
            key={entry.request_id}
            className="flex justify-end font-mono text-xs"
            style={{ height: ROW_PX }}
          >
            <Link
              href={paths.request(entry.request_id)}
              title={`Position ${entry.queue_position}, ${entry.receiver === null ? 'no callback' : `receiver ${entry.receiver}`}`}
              className="inline-flex min-w-6 items-center justify-end gap-1 rounded px-1 -outline-offset-2 hover:bg-raised hover:text-accent"
            >
              {index === 2 && givenUp.has(entry.request_id) && (
                <CircleX aria-label="given up" size={12} className="text-bad" />
              )}
              {entry.queue_position}
            </Link>
          </li>
        ))}
      </ol>
    </div>
  )
}

/** The middle of a row. */
function y(row: number): number {
  return row * ROW_PX + ROW_PX / 2 - 1
}

type LinesProps = {
  entries: FifoEntry[]
  colours: Colours
  from: 0 | 1
  rows: Map<string, number>[]
  height: number
}

function Lines({ entries, colours, from, rows, height }: LinesProps) {
  const [left, right] = [columns[from], columns[from === 0 ? 1 : 2]]
  const inverted = overtaken(entries, left.rank, right.rank, from === 1)
  return (
    <svg
      aria-hidden
      className={cx('mark row-start-1 mt-7 w-full', from === 0 ? 'col-start-2' : 'col-start-4')}
      height={height}
      viewBox={`0 0 100 ${height}`}
      preserveAspectRatio="none"
    >
      {entries.map((entry) => {
        const start = rows[from]?.get(entry.request_id)
        const end = rows[from + 1]?.get(entry.request_id)
        if (start === undefined || end === undefined) return null
        const isInverted = inverted.has(entry.request_id)
        return (
          <line
            key={entry.request_id}
            x1={2}
            x2={98}
            y1={y(start)}
            y2={y(end)}
            vectorEffect="non-scaling-stroke"
            strokeWidth={isInverted ? 3 : 1.5}
            strokeDasharray={isInverted ? '6 3' : undefined}
            style={{
              stroke: `var(${isInverted ? '--bad-fill' : (colours.get(entry.receiver ?? '') ?? '--lane-1')})`,
            }}
          />
        )
      })}
    </svg>
  )
}
