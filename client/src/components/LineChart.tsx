import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useStore } from '@/hooks/useStore'
import { theme } from '@/lib/theme'

export type ChartSeries = { name: string; colour: string; dashed?: boolean }
type LineChartProps = {
  /** Times in seconds since 1970 first, then one array for each series. */
  data: number[][]
  series: ChartSeries[]
  label: string
  height: number
  /** The shortest time the axis shows, in seconds. */
  spanMin?: number
}

/** A chart for those who see it; the label says the same in words. */
export function LineChart(props: LineChartProps) {
  // uPlot reads its colours once: another theme is another chart.
  const choice = useStore(theme)
  return <Canvas key={choice} {...props} />
}

function Canvas({ data, series, label, height, spanMin = 0 }: LineChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | null>(null)
  const latest = useRef(data)

  useEffect(() => {
    const element = box.current
    if (!element) return
    const options = chartOptions(series, element.clientWidth, height, spanMin)
    const plot = new uPlot(options, latest.current as uPlot.AlignedData, element)
    chart.current = plot
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      plot.destroy()
      chart.current = null
    }
  }, [series, height, spanMin])

  useEffect(() => {
    latest.current = data
    chart.current?.setData(data as uPlot.AlignedData)
  }, [data])

  return <div ref={box} role="img" aria-label={label} style={{ height }} className="overflow-hidden" />
}

function chartOptions(series: ChartSeries[], width: number, height: number, spanMin: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: colour('--faint'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  }
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false },
    scales: {
      x: { range: (chart) => timeRange(chart.data[0], spanMin) },
      y: { range: (_chart, _min, max) => [0, Math.max(4, max * 1.08)] },
    },
    axes: [
      { ...axis, space: 70, values: (_chart, times) => times.map(timeLabel(times)) },
      { ...axis, size: 56 },
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
