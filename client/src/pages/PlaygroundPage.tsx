import { useRef } from 'react'
import { PageHeader } from '@/components/PageHeader'
import { OrderCard } from '@/features/reports/OrderCard'
import { RaceCard } from '@/features/reports/RaceCard'
import { RunDetails } from '@/features/reports/RunDetails'
import { useRace } from '@/features/reports/useRace'
import { useSelectedRun } from '@/features/reports/useSelectedRun'

export default function PlaygroundPage() {
  const { lanes, active, endedAt } = useRace()
  const run = useSelectedRun()
  const race = useRef<HTMLDivElement>(null)
  return (
    <>
      <PageHeader
        title="Same report, two ways to wait"
        documentTitle="Playground"
        lead="Sync holds the connection until the report is ready. Async answers with a receipt at once and calls back later. Race them."
      />
      <div className="grid gap-4 lg:grid-cols-[20rem_1fr]">
        <OrderCard raceEndedAt={endedAt} onStart={() => showWhenLow(race.current)} />
        <div ref={race} className="min-w-0 scroll-mt-18">
          <RaceCard lanes={lanes} active={active} />
        </div>
        <div className="lg:col-span-2">
          <RunDetails run={run} />
        </div>
      </div>
    </>
  )
}

/** Below this share of the window, a race that was just started would be out of sight, as on a phone. */
const LOW = 0.6

function showWhenLow(element: HTMLElement | null): void {
  const top = element?.getBoundingClientRect().top ?? 0
  if (top < 0 || top > innerHeight * LOW) element?.scrollIntoView()
}
