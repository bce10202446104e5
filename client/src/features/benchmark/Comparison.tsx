import { useQueries, useQuery } from '@tanstack/react-query'
import { ArrowLeftRight, CircleCheck, CircleMinus, CircleX, Equal, type LucideIcon } from 'lucide-react'
import { useMemo } from 'react'
import type { BenchmarkComparison, BenchmarkRun, ComparedMeasure, Mode } from '@/api/types'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { Link } from '@/components/Link'
import { ModeBadge } from '@/components/ModeBadge'
import { QueryView } from '@/components/QueryView'
import { ScrollRegion } from '@/components/ScrollRegion'
import { RelativeTime } from '@/components/Time'
import { cx } from '@/lib/cx'
import { paths } from '@/lib/paths'
import { navigate } from '@/lib/router'
import { overlaid } from './charts/curves'
import { PercentileChart } from './charts/PercentileChart'
import { formatChange, measureOf, NOISE_PERCENT, perRequest, verdictOf, type Verdict } from './measures'
import { comparisonQuery, runQuery } from './queries'
import { describeConfig, isSameConfig, modeNames } from './runs'

type Pair = { a: string; b: string }

/** Two runs, figure by figure, and their curves over each other. */
export function Comparison({ a, b }: Pair) {
  const query = useQuery(comparisonQuery(a, b))
  return (
    <QueryView query={query} height={480}>
      {(comparison) => (
        <div className="grid gap-4" data-testid="comparison">
          <Head comparison={comparison} />
          {(['sync', 'async'] as const).map((mode) => (
            <Measures key={mode} mode={mode} measures={comparison.measures} />
          ))}
          <Curves a={a} b={b} />
        </div>
      )}
    </QueryView>
  )
}

function Head({ comparison: { a, b } }: { comparison: BenchmarkComparison }) {
  return (
    <Card
      title="Comparison of two runs"
      hint={`Changes below ${NOISE_PERCENT} % count as the same. Repeat a run before you trust a small change.`}
      actions={
        <Button small onClick={() => navigate(paths.comparison(b.run_id, a.run_id), { replace: true })}>
          <ArrowLeftRight aria-hidden size={14} />
          Swap
        </Button>
      }
    >
      <dl className="grid gap-3 p-4 sm:grid-cols-2">
        <Which letter="A" run={a} note="baseline" />
        <Which letter="B" run={b} note="candidate" />
      </dl>
      {!isSameConfig(a, b) && (
        <p className="border-t border-line bg-warn-soft px-4 py-2 text-warn">
          These runs used different settings, so differences may not come from the server.
        </p>
      )}
    </Card>
  )
}

function Which({ letter, run, note }: { letter: string; run: BenchmarkRun; note: string }) {
  return (
    <div>
      <dt className="text-xs text-muted">
        <span className="font-semibold text-ink">{letter}</span> ({note})
      </dt>
      <dd>
        <Link
          href={paths.benchmark(run.run_id)}
          className="font-medium text-accent underline underline-offset-2"
        >
          {modeNames[run.mode]}, {describeConfig(run)}
        </Link>{' '}
        <span className="text-xs text-muted">
          <RelativeTime at={run.created_at} />
        </span>
      </dd>
    </div>
  )
}

function Measures({ mode, measures }: { mode: Mode; measures: ComparedMeasure[] }) {
  const rows = perRequest(measures).filter((one) => one.mode === mode && (one.a !== null || one.b !== null))
  if (rows.length === 0) return null
  return (
    <Card
      title={
        <span className="inline-flex items-center gap-2">
          <ModeBadge mode={mode} />
          {mode === 'sync' ? 'Responses' : 'Receipts and callbacks'}
        </span>
      }
    >
      <ScrollRegion label={`Compared: ${mode}`} className="relative overflow-x-auto -outline-offset-2">
        <table className="w-full">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              {['Measure', 'A', 'B', 'B is'].map((name) => (
                <th
                  key={name}
                  scope="col"
                  className="px-1.5 py-2 text-right font-medium first:pl-4 first:text-left last:pr-4 last:text-left sm:px-4"
                >
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {rows.map((row) => (
              <Row key={row.measure} row={row} />
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  )
}

const verdicts: Record<Verdict, { icon: LucideIcon; word: string; className: string }> = {
  better: { icon: CircleCheck, word: 'better', className: 'text-good' },
  worse: { icon: CircleX, word: 'worse', className: 'text-bad' },
  same: { icon: Equal, word: 'the same', className: 'text-muted' },
  unknown: { icon: CircleMinus, word: 'not comparable', className: 'text-faint' },
}

function Row({ row }: { row: ComparedMeasure }) {
  const { name, format } = measureOf(row.measure)
  const { icon: Icon, word, className } = verdicts[verdictOf(row)]
  const cell = 'px-1.5 py-1.5 text-right whitespace-nowrap sm:px-4'
  return (
    <tr className="align-top">
      <th scope="row" className="py-1.5 pr-1 pl-4 text-left font-medium">
        {name}
      </th>
      <td className={cell}>{row.a === null ? '–' : format(row.a)}</td>
      <td className={cell}>{row.b === null ? '–' : format(row.b)}</td>
      <td className="py-1.5 pr-4 pl-1.5 sm:px-4">
        <span className={cx('flex items-start gap-1 sm:gap-1.5', className)}>
          <Icon aria-hidden size={15} className="mt-1 shrink-0" />
          <span className="flex flex-wrap gap-x-2">
            <span className="sm:w-28">{word}</span>
            <span className="whitespace-nowrap text-muted">{formatChange(row.change_percent)}</span>
          </span>
        </span>
      </td>
    </tr>
  )
}

/** A's curves dotted under B's, in the colours of their modes. */
function Curves({ a, b }: Pair) {
  const [first, second] = useQueries({ queries: [runQuery(a), runQuery(b)] })
  const pairs = useMemo(
    () => overlaid(first.data?.summary ?? null, second.data?.summary ?? null),
    [first.data, second.data],
  )
  return (
    <div className="grid gap-4 xl:grid-cols-2">
      {pairs.map(({ name, curves }) => (
        <Card key={name} title={name} hint="A is dotted, B is solid. Lower is faster.">
          <PercentileChart curves={curves} />
        </Card>
      ))}
    </div>
  )
}
