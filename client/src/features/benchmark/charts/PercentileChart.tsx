import { useCallback, useMemo, useState } from 'react'
import { Plot, type PlotOptions, type PlotStyle } from '@/components/Plot'
import { formatLatency } from '@/lib/format'
import { curveData, nines, ninesTicks, percentileAt, percentileLabel, valueAt, type Drawn } from './curves'
import { Legend } from './Legend'
import { LABELS_PX, seriesOf, timeAxis, timeScale } from './options'

const HEIGHT_PX = 240
/** What the legend says while nobody points at the chart. */
const RESTING_PERCENTILE = 99

/** How slow the slowest are. Point at it to read it anywhere. */
export function PercentileChart({ curves }: { curves: Drawn[] }) {
  const [pointed, setPointed] = useState<number | null>(null)
  const data = useMemo(() => curveData(curves), [curves])
  const options = useCallback((style: PlotStyle) => curveOptions(curves, style, setPointed), [curves])
  const percentile = pointed ?? RESTING_PERCENTILE
  const read = curves.map(({ name, colour, dash, distribution }) => {
    const ms = valueAt(distribution.percentile_curve, percentile)
    return { name: `${name} ${ms === null ? '–' : formatLatency(ms)}`, colour, dash }
  })
  const where = percentileLabel(percentile)
  return (
    <figure className="p-4">
      <Plot data={data} options={options} height={HEIGHT_PX} label={describeCurves(curves)} />
      <figcaption className="mt-2 text-xs font-medium">At {where}, at most:</figcaption>
      <Legend items={read} />
    </figure>
  )
}

function describeCurves(curves: Drawn[]): string {
  const tails = curves.map(({ name, distribution }) => {
    const ms = valueAt(distribution.percentile_curve, RESTING_PERCENTILE)
    return `${name} ${ms === null ? 'none' : formatLatency(ms)}`
  })
  return `Percentile curve. At ${RESTING_PERCENTILE} %: ${tails.join(', ')}`
}

function curveOptions(
  curves: Drawn[],
  style: PlotStyle,
  onPoint: (percentile: number | null) => void,
): PlotOptions {
  const end = Math.max(1, ...curves.map((curve) => nines(100, curve.count)))
  return {
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: false, range: () => [0, end] }, y: timeScale },
    axes: [
      {
        ...style.axis,
        size: LABELS_PX,
        splits: () => ninesTicks(end),
        values: (_chart, ticks) => ticks.map((x) => percentileLabel(percentileAt(x))),
      },
      timeAxis(style),
    ],
    series: [
      {},
      ...curves.map((curve) => ({ ...seriesOf(curve, style), spanGaps: true, points: { show: false } })),
    ],
    hooks: {
      setCursor: [
        ({ cursor: { left = -1 }, posToVal }) =>
          onPoint(left < 0 ? null : Math.min(percentileAt(posToVal(left, 'x')), 100)),
      ],
    },
  }
}
