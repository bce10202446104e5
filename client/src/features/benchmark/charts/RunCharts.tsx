import { useCallback, useMemo, useRef, useLayoutEffect } from 'react'
import { Card } from '@/components/Card'
import { Plot, type PlotOptions, type PlotStyle } from '@/components/Plot'
import { formatLatency } from '@/lib/format'
import { formatRate } from '../measures'
import { Legend } from './Legend'
import { modeMarks, percentileData, throughputData, type Mark, type Point } from './live'
import { answersLine, callbacksLine, p50Line, p95Line, p99Line, rateOptions, timeOptions } from './options'

const HEIGHT_PX = 180

/** How fast and how slow, over the seconds of a run. */
export default function RunCharts({ points }: { points: Point[] }) {
  return (
    <div className="grid gap-4 xl:grid-cols-2">
      <Throughput points={points} />
      <Percentiles points={points} />
    </div>
  )
}

function Throughput({ points }: { points: Point[] }) {
  const data = useMemo(() => throughputData(points), [points])
  const options = useMarked(rateOptions, points)
  const now = points.at(-1)
  const answers = rateOf(now?.throughput_per_s)
  const callbacks = rateOf(now?.callbacks_per_s)
  return (
    <Card
      title="Throughput"
      hint="Requests answered, and callbacks received, in a second: over the last 5 s."
    >
      <figure className="p-4" data-testid="throughput-chart">
        <Plot data={data} options={options} height={HEIGHT_PX} label={`Throughput, last ${answers}`} />
        <Legend
          items={[
            { ...answersLine, name: `Answers (last ${answers})` },
            { ...callbacksLine, name: `Callbacks (last ${callbacks})` },
          ]}
        />
      </figure>
    </Card>
  )
}

function Percentiles({ points }: { points: Point[] }) {
  const data = useMemo(() => percentileData(points), [points])
  const options = useMarked(timeOptions, points)
  const now = points.at(-1)
  const [p50, p95, p99, callback] = [now?.p50_ms, now?.p95_ms, now?.p99_ms, now?.p50_callback_ms].map(timeOf)
  return (
    <Card
      title="Percentiles"
      hint="Half of the last answers took no longer than p50, 99 of 100 no longer than p99. The axis grows by factors of ten."
    >
      <figure className="p-4" data-testid="percentile-chart">
        <Plot
          data={data}
          options={options}
          height={HEIGHT_PX}
          label={`Percentiles of the last seconds: p50 ${p50}, p95 ${p95}, p99 ${p99}, callbacks p50 ${callback}`}
        />
        <Legend
          items={[
            { ...p50Line, name: `p50 (${p50})` },
            { ...p95Line, name: `p95 (${p95})` },
            { ...p99Line, name: `p99 (${p99})` },
            { ...callbacksLine, name: `Callbacks p50 (${callback})` },
          ]}
        />
      </figure>
    </Card>
  )
}

/** Options that stay the same while the marks that they draw move. */
function useMarked(make: (style: PlotStyle, marks: () => Mark[]) => PlotOptions, points: Point[]) {
  const marks = useRef<Mark[]>([])
  useLayoutEffect(() => {
    marks.current = modeMarks(points)
  }, [points])
  return useCallback((style: PlotStyle) => make(style, () => marks.current), [make])
}

function rateOf(perSecond: number | null | undefined): string {
  return perSecond == null ? '–' : formatRate(perSecond)
}

function timeOf(ms: number | null | undefined): string {
  return ms == null ? '–' : formatLatency(ms)
}
