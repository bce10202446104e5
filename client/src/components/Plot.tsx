import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useMedia } from '@/hooks/useMedia'
import { useStore } from '@/hooks/useStore'
import { theme } from '@/lib/theme'

export type PlotOptions = Omit<uPlot.Options, 'width' | 'height'>
export type PlotStyle = { colour: (name: string) => string; axis: uPlot.Axis }
type PlotProps = {
  data: uPlot.AlignedData
  /** A function that stays the same: another one is another chart. */
  options: (style: PlotStyle) => PlotOptions
  label: string
  height: number
}

/** A chart for those who see it; the label says the same in words. */
export function Plot(props: PlotProps) {
  // uPlot reads its colours once: another theme is another chart.
  const choice = useStore(theme)
  const dark = useMedia('(prefers-color-scheme: dark)')
  return <Canvas key={`${choice} ${dark}`} {...props} />
}

function Canvas({ data, options, label, height }: PlotProps) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | null>(null)
  const latest = useRef(data)

  useEffect(() => {
    const element = box.current
    if (!element) return
    const size = () => ({ width: element.clientWidth, height })
    const plot = new uPlot({ ...options(plotStyle()), ...size() }, latest.current, element)
    chart.current = plot
    const resize = new ResizeObserver(() => plot.setSize(size()))
    resize.observe(element)
    return () => {
      resize.disconnect()
      plot.destroy()
      chart.current = null
    }
  }, [options, height])

  useEffect(() => {
    latest.current = data
    chart.current?.setData(data)
  }, [data])

  return <div ref={box} role="img" aria-label={label} style={{ height }} className="overflow-hidden" />
}

function plotStyle(): PlotStyle {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: colour('--faint'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  }
  return { colour, axis }
}
