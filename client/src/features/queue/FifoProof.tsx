import { useQuery } from '@tanstack/react-query'
import { ListOrdered, ShieldCheck, ShieldX } from 'lucide-react'
import type { FifoEntry, FifoProof as Proof } from '@/api/types'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { Link } from '@/components/Link'
import { QueryView } from '@/components/QueryView'
import { cx } from '@/lib/cx'
import { formatCount } from '@/lib/format'
import { paths } from '@/lib/paths'
import { overtaken, rowsOf } from './inversions'
import { fifoProofQuery } from './queries'

/** A row is a target to click on, so it has the height of one. */
const ROW_PX = 24
/** The server checks more than these: the newest are drawn. */
const ROWS_DRAWN = 24

const columns = [
  { name: 'Accepted', rank: (entry: FifoEntry) => entry.accepted_rank },
  { name: 'Generated', rank: (entry: FifoEntry) => entry.generated_rank },
  { name: 'Delivered', rank: (entry: FifoEntry) => entry.delivered_rank },
] as const

/** Accepted, generated, delivered: three orders side by side. Level lines mean that nobody overtook anybody. */
export function FifoProof() {
  const query = useQuery(fifoProofQuery)
  return (
    <Card
      title="First in, first out: the proof"
      hint="Computed by the server from its own records. Deliveries keep their order for each receiver."
      actions={query.data && query.data.checked > 0 && <Verdict proof={query.data} />}
    >
      <QueryView query={query} height={320}>
        {(proof) =>
          proof.entries.length === 0 ? (
            <EmptyState icon={ListOrdered} title="Nothing to compare yet">
              Run a few async requests in the playground: their three orders are laid side by side here.
            </EmptyState>
          ) : (
            <Columns entries={newest(proof.entries)} />
          )
        }
      </QueryView>
    </Card>
  )
}

function newest(entries: FifoEntry[]): FifoEntry[] {
  return entries.toSorted((one, other) => one.accepted_rank - other.accepted_rank).slice(-ROWS_DRAWN)
}

function Verdict({ proof }: { proof: Proof }) {
  const inversions = proof.generation_inversions + proof.delivery_inversions
  const Icon = inversions === 0 ? ShieldCheck : ShieldX
  return (
    <p
      className={cx(
        'inline-flex items-center gap-1.5 rounded-full px-2.5 py-1 text-xs font-semibold',
        inversions === 0 ? 'bg-good-soft text-good' : 'bg-bad-soft text-bad',
      )}
      title={`Generation: ${proof.generation_inversions}, delivery: ${proof.delivery_inversions}`}
    >
      <Icon aria-hidden size={14} />
      {formatCount(inversions, 'inversion')} in {formatCount(proof.checked, 'request')}
    </p>
  )
}

function Columns({ entries }: { entries: FifoEntry[] }) {
  const rows = columns.map(({ rank }) => rowsOf(entries, rank))
  const height = entries.length * ROW_PX
  return (
    <div className="mx-auto grid max-w-3xl grid-cols-[auto_1fr_auto_1fr_auto] p-4">
      {columns.map((column, index) => (
        <Column
          key={column.name}
          name={column.name}
          entries={entries}
          rows={rows[index] ?? new Map()}
          height={height}
          index={index}
        />
      ))}
      <Lines entries={entries} from={0} rows={rows} height={height} />
      <Lines entries={entries} from={1} rows={rows} height={height} />
    </div>
  )
}

type ColumnProps = {
  name: string
  entries: FifoEntry[]
  rows: Map<string, number>
  height: number
  index: number
}

const places = ['col-start-1', 'col-start-3', 'col-start-5']

function Column({ name, entries, rows, height, index }: ColumnProps) {
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
              title={`Position ${entry.queue_position}, receiver ${entry.receiver}`}
              className="inline-flex min-w-6 items-center justify-end rounded px-1 -outline-offset-2 hover:bg-raised hover:text-accent"
            >
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

type LinesProps = { entries: FifoEntry[]; from: 0 | 1; rows: Map<string, number>[]; height: number }

function Lines({ entries, from, rows, height }: LinesProps) {
  const [left, right] = [columns[from], columns[from === 0 ? 1 : 2]]
  const red = overtaken(entries, left.rank, right.rank, from === 1)
  return (
    <svg
      aria-hidden
      className={cx('row-start-1 mt-7 w-full', from === 0 ? 'col-start-2' : 'col-start-4')}
      height={height}
      viewBox={`0 0 100 ${height}`}
      preserveAspectRatio="none"
    >
      {entries.map((entry) => {
        const start = rows[from]?.get(entry.request_id)
        const end = rows[from + 1]?.get(entry.request_id)
        if (start === undefined || end === undefined) return null
        return (
          <line
            key={entry.request_id}
            x1={2}
            x2={98}
            y1={y(start)}
            y2={y(end)}
            vectorEffect="non-scaling-stroke"
            className={red.has(entry.request_id) ? 'stroke-bad-fill stroke-2' : 'stroke-good-fill opacity-60'}
          />
        )
      })}
    </svg>
  )
}
