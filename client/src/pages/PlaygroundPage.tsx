import { PageHeader } from '@/components/PageHeader'
import { OrderCard } from '@/features/reports/OrderCard'
import { RaceCard } from '@/features/reports/RaceCard'
import { RunDetails } from '@/features/reports/RunDetails'
import { useRace } from '@/features/reports/useRace'
import { useSelectedRun } from '@/features/reports/useSelectedRun'

export default function PlaygroundPage() {
  const { lanes, active, endedAt } = useRace()
  const run = useSelectedRun()
  return (
    <>
      <PageHeader
        title="Same report, two ways to wait"
        lead="Sync holds the connection until the report exists. Async hands out a receipt at once and calls back. Race them."
      />
      <div className="grid gap-4 lg:grid-cols-[20rem_1fr]">
        <OrderCard raceEndedAt={endedAt} />
        <RaceCard lanes={lanes} active={active} />
        <div className="lg:col-span-2">
          <RunDetails run={run} />
        </div>
      </div>
    </>
  )
}
