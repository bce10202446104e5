import { useCallback, useMemo } from 'react'
import type uPlot from 'uplot'
import type { AsyncSide } from '@/api/types'
import { Plot, type PlotOptions, type PlotStyle } from '@/components/Plot'
import { formatLatency } from '@/lib/format'
import { Legend } from './Legend'
import { secondsAxis, shortTime } from './options'
import { describeScatter, scatterData } from './scatterData'

const HEIGHT_PX = 240
const RECEIVER_COLOURS = ['--async-fill', '--accent', '--good-fill', '--warn-fill', '--queued-fill']
const colourOf = (index: number) => RECEIVER_COLOURS[index % RECEIVER_COLOURS.length] ?? '--accent'

/** Each async request as a dot: when it was sent, and how long its callback took. */
export function Scatter({ side }: { side: AsyncSide }) {
  const { scatter, receivers } = side
  const data = useMemo(() => scatterData(scatter, receivers.length), [scatter, receivers.length])
  const options = useCallback((style: PlotStyle) => dotOptions(receivers.length, style), [receivers.length])
  const ends = describeScatter(scatter)
  return (
    <figure className="p-4">
      <Plot
        data={data}
        options={options}
        height={HEIGHT_PX}
        label={
          ends
            ? `Time to callback by when the request was sent: ${formatLatency(ends.first)} for the first, ${formatLatency(ends.last)} for the last`
            : 'Time to callback: no callback arrived'
        }
      />
      {receivers.length > 1 && (
        <Legend items={receivers.map(({ name }, index) => ({ name, colour: colourOf(index) }))} />
      )}
      <figcaption className="mt-2 text-xs text-muted">
        Horizontal: when it was sent. Vertical: time to callback.
      </figcaption>
    </figure>
  )
}

function dotOptions(receivers: number, style: PlotStyle): PlotOptions {
  return {
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: (_chart, _min, max) => [0, Math.max(0.001, max * 1.05)] },
      y: { range: (_chart, _min, max) => [0, Math.max(1, max * 1.08)] },
    },
    axes: [
      secondsAxis(style),
      {
        ...style.axis,
        size: 60,
        values: (_chart, ticks) => ticks.map(shortTime),
      },
    ],
    series: [
      {},
      ...Array.from({ length: Math.max(1, receivers) }, (_, index) => dots(style.colour(colourOf(index)))),
    ],
  }
}

function dots(colour: string): uPlot.Series {
  return { stroke: colour, paths: () => null, points: { show: true, size: 6, stroke: colour, fill: colour } }
}
