import type { AsyncSide } from '@/api/types'
import { Card } from '@/components/Card'
import { formatLatency } from '@/lib/format'
import { FigureTable } from './FigureTable'

const stages = [
  { key: 'acknowledge', name: 'Receipt', meaning: 'From the sending until the caller had its 202.' },
  { key: 'waiting', name: 'In line', meaning: 'From the acceptance until the worker began with it.' },
  { key: 'generating', name: 'Generating', meaning: 'The work itself: until the report existed.' },
  { key: 'callback', name: 'In all', meaning: 'From the sending until its callback arrived.' },
] as const

const columns = [
  { key: 'p50_ms', name: 'p50' },
  { key: 'p99_ms', name: 'p99' },
  { key: 'max_ms', name: 'longest' },
] as const

/** Where the time of an async request goes, stage by stage. */
export function Stages({ side }: { side: AsyncSide }) {
  return (
    <Card
      title="Where async time goes"
      hint="Waiting in line grows with every request before it; the work does not."
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
