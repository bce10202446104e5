import type { AsyncSide } from '@/api/types'
import { Card } from '@/components/Card'
import { formatLatency } from '@/lib/format'
import { FigureTable } from './FigureTable'

const stages = [
  { key: 'acknowledge', name: 'Receipt', meaning: 'From sending until the caller had its 202.' },
  { key: 'waiting', name: 'Queued', meaning: 'From acceptance until the worker started on it.' },
  { key: 'generating', name: 'Generating', meaning: 'The work itself, until the report was ready.' },
  { key: 'callback', name: 'Total', meaning: 'From sending until the callback arrived.' },
] as const

const columns = [
  { key: 'p50_ms', name: 'p50' },
  { key: 'p99_ms', name: 'p99' },
  { key: 'max_ms', name: 'slowest' },
] as const

/** Where the time of an async request goes, stage by stage. */
export function Stages({ side }: { side: AsyncSide }) {
  return (
    <Card
      title="Where async time goes"
      hint="Time in the queue grows with every request ahead; the work itself does not."
    >
      <FigureTable
        label="Stages"
        columns={[...columns]}
        rows={stages.map(({ key, name, meaning }) => ({
          key,
          name,
          meaning,
          cells: columns.map((column) => {
            const ms = side[key][column.key]
            return ms === null ? '–' : formatLatency(ms)
          }),
        }))}
      />
    </Card>
  )
}
