import { useMemo } from 'react'
import { formatCount, formatLatency } from '@/lib/format'
import { barsOf, coarsen, logAxis, logTicks, place, type Bar, type LogAxis } from './bins'
import type { Drawn } from './curves'
import { shortTime } from './options'

/** So many labels fit side by side on a phone. */
const TICKS_MAX = 6

/** One histogram for each kind of answer, all over the same axis, so that they can be compared from top to bottom. */
export function Histograms({ series }: { series: Drawn[] }) {
  const coarse = useMemo(() => series.map((one) => coarsen(one.distribution.histogram)), [series])
  const axis = useMemo(() => logAxis(coarse), [coarse])
  return (
    <div className="grid gap-3 p-4">
      {series.map((row, index) => (
        <Row key={row.name} row={row} bars={barsOf(coarse[index] ?? [], axis)} />
      ))}
      <Axis axis={axis} />
    </div>
  )
}

function Row({ row, bars }: { row: Drawn; bars: Bar[] }) {
  const fullest = bars.toSorted((one, other) => other.count - one.count)[0]
  const most = fullest ? describeBar(fullest) : 'none'
  return (
    <figure>
      <figcaption className="mb-1 flex flex-wrap justify-between gap-x-3 text-xs text-muted">
        <span className="font-medium text-ink">{row.name}</span>
        <span>
          {formatCount(row.count, 'request')}, {most}
        </span>
      </figcaption>
      <svg
        role="img"
        aria-label={`Histogram of ${row.name}: ${formatCount(row.count, 'request')}, ${most}`}
        viewBox="0 0 100 100"
        preserveAspectRatio="none"
        className="mark block h-16 w-full border-b border-line-strong"
      >
        {bars.map((bar) => (
          <rect
            key={bar.from}
            x={bar.left}
            width={Math.max(0.3, bar.width * 0.94)}
            y={100 - bar.height}
            height={bar.height}
            style={{ fill: `var(${row.colour})` }}
            opacity={row.dash ? 0.65 : 1}
          >
            <title>
              {bar.count} between {formatLatency(bar.from)} and {formatLatency(bar.to)}
            </title>
          </rect>
        ))}
      </svg>
    </figure>
  )
}

function describeBar({ from, to }: Bar): string {
  const [low, high] = [formatLatency(from), formatLatency(to)]
  return low === high ? `most around ${low}` : `most between ${low} and ${high}`
}

function Axis({ axis }: { axis: LogAxis }) {
  return (
    <div aria-hidden className="relative -mt-2 h-4 text-xs text-faint">
      {logTicks(axis, TICKS_MAX).map((tick) => (
        <span
          key={tick}
          className="absolute -translate-x-1/2 whitespace-nowrap"
          style={{ left: `${Math.min(96, Math.max(4, place(axis, tick)))}%` }}
        >
          {shortTime(tick)}
        </span>
      ))}
    </div>
  )
}
