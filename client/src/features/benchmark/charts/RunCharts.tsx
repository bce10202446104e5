import { useCallback, useMemo, useRef, useLayoutEffect } from 'react'
import { Card } from '@/components/Card'
import { Plot, type PlotOptions, type PlotStyle } from '@/components/Plot'
import { formatLatency, formatRate } from '@/lib/format'
import { Legend } from './Legend'
import { modeMarks, percentileData, throughputData, type Mark, type Point } from './live'
import { answersLine, callbacksLine, p50Line, p95Line, p99Line, rateOptions, timeOptions } from './options'

const HEIGHT_PX = 180
const NOTHING: Omit<Point, 'mode' | 'at_ms'> = {
  throughput_per_s: null,
  callbacks_per_s: null,
  p50_ms: null,
  p95_ms: null,
  p99_ms: null,
  p50_callback_ms: null,
}

type RunChartsProps = {
  points: Point[]
  /** Under way: the legend says how it is now. */
  live?: boolean
}

/** How fast and how slow, over the seconds of a run. */
export function RunCharts(props: RunChartsProps) {
  return (
    <div className="grid gap-4 xl:grid-cols-2">
      <Throughput {...props} />
      <Percentiles {...props} />
    </div>
  )
}

function Throughput({ points, live }: RunChartsProps) {
  const data = useMemo(() => throughputData(points), [points])
  const options = useMarked(rateOptions, points)
  const { throughput_per_s: answers, callbacks_per_s: callbacks } = points.at(-1) ?? NOTHING
  const value = (perSecond: number | null) => (perSecond === null ? '–' : formatRate(perSecond))
  return (
    <Card title="Throughput" hint="Responses per second, averaged over 5 s. The warm-up is not counted.">
      <figure className="p-4">
        <Plot
          data={data}
          options={options}
          height={HEIGHT_PX}
          label={`Throughput, last ${value(answers)} answers, ${value(callbacks)} callbacks`}
        />
        <Legend
          items={[
            { ...answersLine, name: live ? `Answers ${value(answers)}` : 'Answers' },
            ...(live ? [{ ...callbacksLine, name: `Callbacks ${value(callbacks)}` }] : []),
          ]}
        />
      </figure>
    </Card>
  )
}

function Percentiles({ points, live }: RunChartsProps) {
  const data = useMemo(() => percentileData(points), [points])
  const options = useMarked(timeOptions, points)
  const now = points.at(-1) ?? NOTHING
  const value = (ms: number | null) => (ms === null ? '–' : formatLatency(ms))
  const lines = [
    { ...p50Line, name: 'p50', now: value(now.p50_ms) },
    { ...p95Line, name: 'p95', now: value(now.p95_ms) },
    { ...p99Line, name: 'p99', now: value(now.p99_ms) },
    ...(live ? [{ ...callbacksLine, name: 'Callbacks p50', now: value(now.p50_callback_ms) }] : []),
  ]
  return (
    <Card
      title="Rolling percentiles"
      hint="Of the latest responses, half took no longer than p50 and 99 of 100 no longer than p99. Logarithmic axis."
    >
      <figure className="p-4">
        <Plot
          data={data}
          options={options}
          height={HEIGHT_PX}
          label={`Rolling percentiles, last ${lines.map((line) => `${line.name} ${line.now}`).join(', ')}`}
        />
        <Legend
          items={lines.map(({ name, now: at, colour, dash }) => ({
            colour,
            dash,
            name: live ? `${name} ${at}` : name,
          }))}
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
