import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { CircleCheck, CircleDashed, CircleStop, LoaderCircle } from 'lucide-react'
import { useMemo } from 'react'
import { WARM_UP, type Sample } from '@/api/benchmarks'
import { keys } from '@/api/keys'
import type { BenchmarkRunDetail, Mode } from '@/api/types'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { ErrorState } from '@/components/ErrorState'
import { cx } from '@/lib/cx'
import { formatNumber } from '@/lib/format'
import { livePoints } from './charts/live'
import { RunCharts } from './charts/RunCharts'
import { samplesQuery, stopRun } from './queries'
import { describeConfig, modeNames } from './runs'
import { describePhase, sidesOf, type SideProgress } from './sides'

const NONE: Sample[] = []

/** A run while it is under way, wherever it was begun. */
export function LiveRun({ run }: { run: BenchmarkRunDetail }) {
  const { data: samples = NONE } = useQuery(samplesQuery(run.run_id))
  const points = useMemo(() => livePoints(samples), [samples])
  const stop = useStop(run.run_id)
  return (
    <div className="grid gap-4" data-testid="live-run">
      <Card
        title={`${modeNames[run.mode]}: ${describeConfig(run)}`}
        hint={<span role="status">{stop.isPending ? 'Stopping…' : describePhase(samples.at(-1))}</span>}
        actions={
          <Button look="danger" scope="admin" disabled={stop.isPending} onClick={() => stop.mutate()}>
            <CircleStop aria-hidden size={16} />
            {stop.isPending ? 'Stopping…' : 'Stop'}
          </Button>
        }
      >
        <ul className="grid gap-3 p-4">
          {sidesOf(run.mode, samples).map((side) => (
            <Side key={side.mode} side={side} />
          ))}
        </ul>
        {stop.error && <ErrorState error={stop.error} onRetry={() => stop.mutate()} />}
      </Card>
      <RunCharts points={points} live />
    </div>
  )
}

function useStop(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => stopRun(id),
    onSuccess: async (run) => {
      client.setQueryData(keys.benchmarkRun(id), run)
      await client.invalidateQueries({ queryKey: keys.benchmarks })
    },
  })
}

const looks = {
  waiting: { icon: CircleDashed, className: 'text-faint', word: 'next' },
  running: { icon: LoaderCircle, className: 'animate-spin text-running', word: '' },
  done: { icon: CircleCheck, className: 'text-good', word: 'done' },
}

function Side({ side: { mode, state, last } }: { side: SideProgress }) {
  const { icon: Icon, className, word } = looks[state]
  const planned = last?.planned ?? last?.sent ?? 0
  const done = state === 'done'
  return (
    <li className="grid grid-cols-[4.5rem_1fr] items-start gap-x-3">
      <span className="inline-flex items-center gap-2 font-medium">
        <Icon aria-hidden size={16} className={cx('shrink-0', className)} />
        {mode}
        <span className="sr-only">{word}</span>
      </span>
      <div className="grid gap-1.5">
        <Bar name={`${mode}: answered`} mode={mode} value={last?.done ?? 0} of={planned} full={done}>
          {last ? `${formatNumber(last.done)} of ${formatNumber(planned)} answered` : word}
          {last && last.failed > 0 && <span className="text-bad">, {formatNumber(last.failed)} failed</span>}
        </Bar>
        {mode === 'async' && last && last.phase !== WARM_UP && (
          <Bar
            name={`${mode}: called back`}
            mode={mode}
            value={last.callbacks_received ?? 0}
            of={last.successful}
          >
            {formatNumber(last.callbacks_received ?? 0)} of {formatNumber(last.successful)} called back
          </Bar>
        )}
      </div>
    </li>
  )
}

type BarProps = {
  name: string
  mode: Mode
  value: number
  of: number
  full?: boolean
  children: React.ReactNode
}

function Bar({ name, mode, value, of, full, children }: BarProps) {
  const percent = full ? 100 : of > 0 ? Math.min(100, (value / of) * 100) : 0
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-0.5">
      <div
        role="progressbar"
        aria-label={name}
        aria-valuenow={Math.round(percent)}
        aria-valuemin={0}
        aria-valuemax={100}
        className="h-2 min-w-32 flex-1 overflow-hidden rounded bg-raised"
      >
        <div
          className={cx('h-full transition-[width]', mode === 'sync' ? 'bg-sync-fill' : 'bg-async-fill')}
          style={{ width: `${percent}%` }}
        />
      </div>
      <span className="w-44 text-xs text-muted">{children}</span>
    </div>
  )
}
