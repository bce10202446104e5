import type { CSSProperties } from 'react'
import { phaseLooks } from '@/components/phaseLooks'
import { useServerFrameNow } from '@/hooks/useServerNow'
import { cx } from '@/lib/cx'
import { axisLabel, niceSpan, ticks } from './axis'
import type { Lane } from './lanes'
import { LaneRow, type Scale } from './LaneRow'

/** More lanes than this are drawn without the client's track, so that a burst still fits. */
const ROOMY_LANES = 4
const LANES_DRAWN = 14

type RaceChartProps = {
  lanes: Lane[]
  active: boolean
  selected: number | null
  onSelect: (key: number) => void
}

/** Every run of the session on one time axis, drawn while it happens. */
export function RaceChart({ lanes, active, selected, onSelect }: RaceChartProps) {
  const now = useServerFrameNow(active)
  const drawn = lanes.slice(-LANES_DRAWN)
  const from = Math.min(...drawn.map((lane) => lane.run.startedAt))
  const last = Math.max(...drawn.map((lane) => lane.endedAt ?? now))
  const span = niceSpan((last - from) * 1.04)
  const scale: Scale = { now, percent: (at) => Math.min(100, Math.max(0, ((at - from) / span) * 100)) }
  const compact = drawn.length > ROOMY_LANES
  return (
    <div className="px-4 pt-3 pb-4">
      {lanes.length > drawn.length && (
        <p className="mb-2 text-xs text-muted">
          Only the newest {drawn.length} runs are drawn; the others are in History.
        </p>
      )}
      <div className="relative">
        <Grid spanMs={span} />
        <div className={cx('relative flex flex-col', compact ? 'gap-0' : 'gap-3')}>
          {drawn.map((lane) => (
            <LaneRow
              key={lane.run.key}
              lane={lane}
              scale={scale}
              compact={compact}
              selected={lane.run.key === selected}
              onSelect={() => onSelect(lane.run.key)}
            />
          ))}
        </div>
      </div>
      <AxisLabels spanMs={span} />
      <Legend />
    </div>
  )
}

function Grid({ spanMs }: { spanMs: number }) {
  return (
    <div aria-hidden className="absolute inset-y-0 right-0 left-0 sm:left-24">
      {ticks(spanMs).map((ms) => (
        <span
          key={ms}
          className="absolute inset-y-0 w-px bg-line"
          style={{ left: `${(ms / spanMs) * 100}%` }}
        />
      ))}
    </div>
  )
}

function AxisLabels({ spanMs }: { spanMs: number }) {
  return (
    <div aria-hidden className="relative mt-1 h-5 text-xs text-faint sm:ml-24">
      {ticks(spanMs).map((ms, index) => (
        <span
          key={ms}
          className={cx(
            'absolute whitespace-nowrap',
            index > 0 && '-translate-x-1/2',
            ms / spanMs > 0.94 && '-translate-x-full',
            index % 2 === 1 && 'max-sm:hidden',
          )}
          style={{ left: `${(ms / spanMs) * 100}%` }}
        >
          {axisLabel(ms, spanMs)}
        </span>
      ))}
    </div>
  )
}

const heldBy = [
  { word: 'Sync: connection held', colour: 'var(--sync-fill)' },
  { word: 'Async: connection held', colour: 'var(--async-fill)' },
]
const legend = Object.entries(phaseLooks)
  .filter(([kind]) => kind !== 'held')
  .map(([, look]) => look)

function Legend() {
  return (
    <ul className="mt-3 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
      {heldBy.map(({ word, colour }) => (
        <li key={word} className="inline-flex items-center gap-1.5">
          <span
            aria-hidden
            className="mark held inline-block h-2.5 w-4 rounded-sm"
            style={{ '--held': colour } as CSSProperties}
          />
          {word}
        </li>
      ))}
      {legend.map((look) => (
        <li key={look.word} className="inline-flex items-center gap-1.5">
          <span aria-hidden className={cx('mark inline-block h-2.5 w-4 rounded-sm', look.className)} />
          {look.word}
        </li>
      ))}
    </ul>
  )
}
