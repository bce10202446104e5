import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { LastHour } from '@/api/types'
import { Card } from '@/components/Card'
import { LineChart } from '@/components/LineChart'
import { QueryView } from '@/components/QueryView'
import { cx } from '@/lib/cx'
import { formatCount } from '@/lib/format'
import { axisFormat, chartsOf, drawn, type HealthChart } from './charts'
import { HealthStats } from './HealthStats'
import { lastHourQuery } from './queries'

const CHART_HEIGHT = 128
const NOTHING_YET = 'Nothing yet: the first step ends 15 seconds after the start of the server.'

/** What Prometheus would see, without one: kept by the server for an hour. */
export function HealthView() {
  const query = useQuery(lastHourQuery)
  return (
    <QueryView query={query} height={1_000}>
      {(hour) => (
        <div className="grid gap-4">
          <HealthStats hour={hour} />
          {hour.times.length === 0 && <p className="text-muted">{NOTHING_YET}</p>}
          <Charts hour={hour} />
        </div>
      )}
    </QueryView>
  )
}

function Charts({ hour }: { hour: LastHour }) {
  const charts = useMemo(() => chartsOf(hour.step_s), [hour.step_s])
  const times = useMemo(() => hour.times.map((at) => Date.parse(at) / 1_000), [hour.times])
  return (
    <div className="grid gap-4 sm:grid-cols-2 xl:grid-cols-4">
      {charts.map((chart) => (
        <SmallChart key={chart.title} chart={chart} hour={hour} times={times} />
      ))}
    </div>
  )
}

type SmallChartProps = { chart: HealthChart; hour: LastHour; times: number[] }

function SmallChart({ chart, hour, times }: SmallChartProps) {
  const lines = useMemo(() => drawn(chart, hour), [chart, hour])
  const data = useMemo(() => [times, ...lines.map(({ values }) => values)], [times, lines])
  const minutes = Math.max(1, Math.round(((times.at(-1) ?? 0) - (times[0] ?? 0)) / 60))
  const told = lines.map(({ name, now, most }) => `${name}: now ${now}, at most ${most}`).join('; ')
  return (
    <Card title={chart.title} hint={chart.hint}>
      <figure className="px-4 pt-3 pb-3">
        <LineChart
          data={data}
          series={chart.lines}
          height={CHART_HEIGHT}
          spanMin={60}
          topMin={chart.topMin}
          format={axisFormat[chart.unit]}
          label={`${chart.title} over the last ${formatCount(minutes, 'minute')}. ${told}`}
        />
        <figcaption className="mt-2 grid gap-0.5 text-xs text-muted">
          {lines.map(({ name, now, most }, number) => (
            <span key={name} className="flex min-w-0 items-center gap-1.5">
              <span
                aria-hidden
                className={cx(
                  'w-4 shrink-0',
                  number === 0 ? 'mark h-0.5 bg-accent' : 'border-t-2 border-dashed border-warn-fill',
                )}
              />
              <span className="truncate">
                {name}: <span className="text-ink">{now}</span>, at most {most}
              </span>
            </span>
          ))}
        </figcaption>
      </figure>
    </Card>
  )
}
