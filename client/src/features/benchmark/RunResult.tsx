import { TriangleAlert } from 'lucide-react'
import { useMemo } from 'react'
import type { BenchmarkSummary } from '@/api/types'
import { Card } from '@/components/Card'
import { AccountCard } from './AccountCard'
import { distributionsOf } from './charts/curves'
import { Histograms } from './charts/Histograms'
import { timelinePoints } from './charts/live'
import { PercentileChart } from './charts/PercentileChart'
import { RunCharts } from './charts/RunCharts'
import { Scatter } from './charts/Scatter'
import { FiguresTable } from './FiguresTable'
import { SideCards } from './SideCards'
import { Stages } from './Stages'

/** Fewer moments than this are no course of anything. */
const POINTS_MIN = 8

/** Everything a run measured: the answer first, then the evidence. */
export function RunResult({ summary }: { summary: BenchmarkSummary }) {
  const distributions = useMemo(() => distributionsOf(summary), [summary])
  const points = useMemo(() => timelinePoints(summary), [summary])
  return (
    <>
      <GeneratorNote generator={summary.generator} />
      <SideCards summary={summary} />
      <FiguresTable summary={summary} />
      {summary.async && <AccountCard account={summary.async.account} receivers={summary.async.receivers} />}
      {distributions.length > 0 && (
        <div className="grid gap-4 xl:grid-cols-2">
          <Card
            title="Percentile curve"
            hint="How slow the slowest are: at 99 %, one in a hundred took longer. Both axes are logarithmic."
          >
            <PercentileChart curves={distributions} />
          </Card>
          <Card title="Histogram" hint="How many requests took how long, on a logarithmic axis.">
            <Histograms series={distributions} />
          </Card>
          {summary.async && (
            <Card
              title="Time to callback"
              hint="Each dot is an async request. Rising dots mean a growing queue: later requests wait for all earlier ones."
            >
              <Scatter side={summary.async} />
            </Card>
          )}
          {summary.async && <Stages side={summary.async} />}
        </div>
      )}
      {points.length >= POINTS_MIN && <RunCharts points={points} />}
    </>
  )
}

/** Whose limit was measured. A generator that was too slow makes every figure say less. */
function GeneratorNote({ generator }: { generator: BenchmarkSummary['generator'] }) {
  if (!generator.limited) return <p className="px-1 text-xs text-muted">{generator.sentence}</p>
  return (
    <p role="note" className="flex gap-2 rounded-lg border border-line bg-warn-soft px-4 py-3 text-warn">
      <TriangleAlert aria-hidden size={18} className="mt-0.5 shrink-0" />
      {generator.sentence}
    </p>
  )
}
