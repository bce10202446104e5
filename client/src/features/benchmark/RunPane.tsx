import { useQuery } from '@tanstack/react-query'
import type { BenchmarkRunDetail } from '@/api/types'
import { Card } from '@/components/Card'
import { QueryView } from '@/components/QueryView'
import { StateBadge } from '@/components/StateBadge'
import { RelativeTime } from '@/components/Time'
import { formatDuration } from '@/lib/format'
import { LiveRun } from './LiveRun'
import { runQuery } from './queries'
import { RunActions } from './RunActions'
import { RunResult } from './RunResult'
import { describeConfig, modeNames, runLooks } from './runs'

/** One run: how it goes while it is under way, then what it measured. */
export function RunPane({ id }: { id: string }) {
  const query = useQuery(runQuery(id))
  return (
    <QueryView query={query} height={480}>
      {(run) =>
        run.status === 'RUNNING' ? (
          <LiveRun run={run} />
        ) : (
          <div className="grid gap-4">
            <Head run={run} />
            {run.summary && <RunResult summary={run.summary} />}
          </div>
        )
      }
    </QueryView>
  )
}

function Head({ run }: { run: BenchmarkRunDetail }) {
  const { summary } = run
  return (
    <Card
      title={`${modeNames[run.mode]}: ${describeConfig(run)}`}
      hint={
        <span className="mt-1 flex flex-wrap items-center gap-x-2 gap-y-1">
          <StateBadge look={runLooks[run.status]} />
          <span>
            <RelativeTime at={run.created_at} />
            {summary && `, took ${formatDuration(summary.test_duration_ms)}`}
          </span>
        </span>
      }
      actions={<RunActions run={run} hasResult={summary !== null} />}
    >
      {run.failure_reason && <p className="px-4 py-3 text-bad">{run.failure_reason}</p>}
      {run.status === 'STOPPED' && (
        <p className="px-4 py-3 text-warn">Stopped early: the figures cover what had been sent by then.</p>
      )}
    </Card>
  )
}
