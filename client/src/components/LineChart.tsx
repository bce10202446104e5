import { useCallback } from 'react'
import type uPlot from 'uplot'
import { Plot, type PlotOptions, type PlotStyle } from './Plot'

export type ChartSeries = { name: string; colour: string; dashed?: boolean }
type LineChartProps = {
  /** Times in seconds since 1970 first, then one array for each series. */
  data: (number | null)[][]
  series: ChartSeries[]
  label: string
  height: number
  /** The shortest time the axis shows, in seconds. */
  spanMin?: number
  /** The value axis goes up to this at least. */
  topMin?: number
  /** Of values on that axis. */
  format?: (value: number) => string
}

/** What happened at which time of the day, or on which day. */
export function LineChart(props: LineChartProps) {
  const { data, series, label, height, spanMin = 0, topMin = 4, format } = props
  const isSmall = height < SMALL_BELOW
  const options = useCallback(
    (style: PlotStyle) => chartOptions({ series, spanMin, topMin, format, isSmall }, style),
    [series, spanMin, topMin, format, isSmall],
  )
  return <Plot data={data as uPlot.AlignedData} options={options} label={label} height={height} />
}

/** Below this height, in pixels, the labels of the times get less room. */
const SMALL_BELOW = 160

type Shape = Required<Pick<LineChartProps, 'series' | 'spanMin' | 'topMin'>> &
  Pick<LineChartProps, 'format'> & { isSmall: boolean }

function chartOptions(
  { series, spanMin, topMin, format, isSmall }: Shape,
  { colour, axis }: PlotStyle,
): PlotOptions {
  return {
    legend: { show: false },
    cursor: { y: false },
    scales: {
      x: { range: (chart) => timeRange(chart.data[0], spanMin) },
      y: { range: (_chart, _min, max) => [0, Math.max(topMin, max * 1.08)] },
    },
    axes: [
      {
        ...axis,
        space: 70,
        ...(isSmall && { size: 28 }),
        values: (_chart, times) => times.map(timeLabel(times)),
      },
      { ...axis, size: 56, ...(format && { values: (_chart, values) => values.map(format) }) },
    ],
    series: [{}, ...series.map((one) => lineOf(one, colour(one.colour)))],
  }
}

/** From the times themselves: for a single one uPlot would show a whole day. */
function timeRange(times: ArrayLike<number>, spanMin: number): [number, number] {
  const end = times[times.length - 1] ?? Date.now() / 1_000
  return [Math.min(times[0] ?? end, end - Math.max(1, spanMin)), end]
}

const DAY_S = 86_400

/** Days as days, shorter steps as times of the day. */
function timeLabel(times: number[]): (at: number) => string {
  const byDay = (times[1] ?? 0) - (times[0] ?? 0) >= DAY_S
  const format = new Intl.DateTimeFormat(
    'en-GB',
    byDay ? { day: '2-digit', month: 'short' } : { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  )
  return (at) => format.format(at * 1_000)
}

function lineOf({ name, dashed }: ChartSeries, stroke: string): uPlot.Series {
  return { label: name, stroke, width: 2, points: { show: false }, ...(dashed ? { dash: [5, 4] } : {}) }
}
