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
      hint="Client times are measured in this page, server times are the server's own."
      className="min-h-96"
    >
      <BigNumbers lanes={lanes} />
      {lanes.length === 0 ? (
        <EmptyState icon={Flag} title="Nothing is racing yet">
          <em className="not-italic">Race both</em> sends the same report twice at the same moment: once
          holding the connection until the report exists, once getting a receipt and a callback later.
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
        ? `Both clocks agree as far as can be told (within ± ${formatDuration(clock.uncertainMs)}, half the round trip).`
        : `The server's clock is ${formatDuration(Math.abs(clock.ms))} ${clock.ms > 0 ? 'ahead' : 'behind'}; its times are shifted by that (± ${formatDuration(clock.uncertainMs)}, half the round trip).`}
    </p>
  )
}
