import { GitCompareArrows } from 'lucide-react'
import { useState } from 'react'
import type { BenchmarkRun } from '@/api/types'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { Link } from '@/components/Link'
import { ScrollRegion } from '@/components/ScrollRegion'
import { StateBadge } from '@/components/StateBadge'
import { RelativeTime } from '@/components/Time'
import { cx } from '@/lib/cx'
import { formatLatency } from '@/lib/format'
import { paths } from '@/lib/paths'
import { navigate } from '@/lib/router'
import { chooseForComparison, inOrder } from './choice'
import { RunActions } from './RunActions'
import { describeConfig, modeNames, runLooks } from './runs'

/** The runs that are kept, newest first. Two of them can be put side by side. */
export function RunList({ runs, shown }: { runs: BenchmarkRun[]; shown: string | null }) {
  const [choice, setChoice] = useState<string[]>([])
  const chosen = inOrder(choice, runs)
  const [a, b] = chosen
  if (runs.length === 0) return null
  return (
    <Card title="Runs" hint="The newest 100 are kept. Select two to compare them." className="min-w-0">
      <ScrollRegion label="Runs" className="relative max-h-[36rem] overflow-y-auto -outline-offset-2">
        <ul className="divide-y divide-line">
          {runs.map((run) => (
            <Row
              key={run.run_id}
              run={run}
              current={run.run_id === shown}
              chosen={chosen.includes(run.run_id)}
              onChoose={() => setChoice(chooseForComparison(chosen, run.run_id))}
            />
          ))}
        </ul>
      </ScrollRegion>
      <div className="border-t border-line p-3">
        <Button className="w-full" disabled={!b} onClick={() => a && b && navigate(paths.comparison(a, b))}>
          <GitCompareArrows aria-hidden size={16} />
          {b ? 'Compare the two runs' : a ? 'Select one more run to compare' : 'Select 2 runs to compare'}
        </Button>
      </div>
    </Card>
  )
}

type RowProps = { run: BenchmarkRun; current: boolean; chosen: boolean; onChoose: () => void }

function Row({ run, current, chosen, onChoose }: RowProps) {
  const hasResult = run.sync !== null || run.async !== null
  const name = `${modeNames[run.mode]}, ${describeConfig(run)}`
  return (
    <li className={cx('flex gap-2.5 px-3 py-2.5', current && 'bg-raised')} data-testid="run">
      <input
        type="checkbox"
        className="mt-0.5 size-5 shrink-0 accent-accent-fill"
        aria-label={`Compare: ${name}`}
        checked={chosen}
        disabled={!hasResult}
        onChange={onChoose}
      />
      <div className="grid min-w-0 flex-1 gap-1">
        <Link
          href={paths.benchmark(run.run_id)}
          aria-current={current ? 'true' : undefined}
          className="font-medium text-pretty hover:text-accent hover:underline"
        >
          {name}
        </Link>
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-muted">
          <StateBadge look={runLooks[run.status]} />
          <RelativeTime at={run.created_at} />
        </p>
        <Figures run={run} />
        {run.status !== 'RUNNING' && <RunActions run={run} hasResult={hasResult} compact />}
      </div>
    </li>
  )
}

function Figures({ run }: { run: BenchmarkRun }) {
  const figures = [
    ['sync p95', run.sync?.p95_ms],
    ['receipt p95', run.async?.p95_ms],
    ['callback p95', run.async?.p95_callback_ms],
  ] as const
  const known = figures.filter((figure) => figure[1] != null)
  if (known.length === 0) return null
  return (
    <dl className="flex flex-wrap gap-x-3 text-xs text-muted">
      {known.map(([name, ms]) => (
        <div key={name} className="whitespace-nowrap">
          <dt className="inline text-faint">{name} </dt>
          <dd className="inline">{ms == null ? '–' : formatLatency(ms)}</dd>
        </div>
      ))}
    </dl>
  )
}
