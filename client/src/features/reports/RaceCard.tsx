import { Flag } from 'lucide-react'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { formatDuration } from '@/lib/format'
import { useStore } from '@/hooks/useStore'
import { BigNumbers } from './BigNumbers'
import type { Lane } from './lanes'
import { RaceChart } from './RaceChart'
import { runStore, selectRun } from './runStore'

/** The signature of the page: both ways of waiting on one time axis. */
export function RaceCard({ lanes, active }: { lanes: Lane[]; active: boolean }) {
  const { selected } = useStore(runStore)
  const shown = lanes.find((lane) => lane.run.key === selected) ?? lanes.at(-1)
  return (
    <Card
      title="Race"
      hint="Client times are measured by this page, server times by the server."
      className="min-h-96"
    >
      <BigNumbers lanes={lanes} />
      {lanes.length === 0 ? (
        <EmptyState icon={Flag} title="No race yet">
          <em className="not-italic">Race both</em> sends the same request twice at the same moment: once
          holding the connection until the report is ready, once with a receipt now and a callback later.
        </EmptyState>
      ) : (
        <>
          <RaceChart lanes={lanes} active={active} selected={shown?.run.key ?? null} onSelect={selectRun} />
          <ClockNote lanes={lanes} />
        </>
      )}
    </Card>
  )
}

function ClockNote({ lanes }: { lanes: Lane[] }) {
  const clock = lanes.findLast((lane) => lane.clock !== null && lane.run.mode === 'async')?.clock
  if (!clock) return null
  return (
    <p className="border-t border-line px-4 py-2 text-xs text-faint">
      {clock.agrees
        ? `Browser and server clocks agree to within ±${formatDuration(clock.uncertainMs)}.`
        : `The server's clock is ${formatDuration(Math.abs(clock.ms))} ${clock.ms > 0 ? 'ahead' : 'behind'}; server times are corrected for that (±${formatDuration(clock.uncertainMs)}).`}
    </p>
  )
}
