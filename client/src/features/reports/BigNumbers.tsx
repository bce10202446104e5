import type { ReactNode } from 'react'
import { useLostContact, useServerFrameNow } from '@/hooks/useServerNow'
import { formatDuration } from '@/lib/format'
import type { Lane } from './lanes'
import { comparison, figuresOf, verdictOf, type Figure as Value, type Figures } from './verdict'

/** The three answers the race is about, sync beside async, and what they come to in one sentence. */
export function BigNumbers({ lanes }: { lanes: Lane[] }) {
  const [syncLanes, asyncLanes] = [of(lanes, 'sync'), of(lanes, 'async')]
  const [sync, later] = [figuresOf(syncLanes), figuresOf(asyncLanes)]
  const cells = (name: keyof Omit<Figures, 'failure'>) => ({
    sync: <Measured lanes={syncLanes} figures={sync} value={sync[name]} />,
    async: <Measured lanes={asyncLanes} figures={later} value={later[name]} />,
  })
  const verdict = verdictOf(sync, later)
  return (
    <div className="border-b border-line">
      <dl className="grid sm:grid-cols-3 sm:divide-x sm:divide-line max-sm:divide-y max-sm:divide-line">
        <Figure
          name="Client blocked"
          {...cells('blocked')}
          note={comparison(sync, later) ?? 'from click to response'}
        />
        <Figure name="Time to result" {...cells('result')} note="until the report is ready" />
        <Figure
          name="Time to callback"
          {...cells('callback')}
          sync={<span className="text-base font-normal text-faint">none</span>}
          note="until the receiver acknowledges"
        />
      </dl>
      <p
        role="status"
        data-testid="verdict"
        className={verdict ? 'border-t border-line px-4 py-2.5' : 'sr-only'}
      >
        {verdict}
      </p>
    </div>
  )
}

function of(lanes: Lane[], mode: string): Lane[] {
  return lanes.filter((lane) => lane.run.mode === mode)
}

function Figure(props: { name: string; sync: ReactNode; async: ReactNode; note: string }) {
  return (
    <div className="px-4 py-3">
      <dt className="text-xs font-medium text-muted">{props.name}</dt>
      <dd className="mt-1 grid grid-cols-2 gap-2">
        <Side mode="sync">{props.sync}</Side>
        <Side mode="async">{props.async}</Side>
      </dd>
      <dd className="mt-1 text-xs text-faint">{props.note}</dd>
    </div>
  )
}

function Side({ mode, children }: { mode: 'sync' | 'async'; children: ReactNode }) {
  return (
    <span className="min-w-0">
      <span className={`block font-mono text-xs ${mode === 'sync' ? 'text-sync' : 'text-async'}`}>
        {mode}
      </span>
      {children}
    </span>
  )
}

const big = 'block truncate text-2xl leading-8 font-semibold tracking-tight'
const failed: Record<string, string> = {
  refused: 'refused',
  limited: 'rate limit',
  failed: 'failed',
  unreachable: 'no answer',
}

type MeasuredProps = { lanes: Lane[]; figures: Figures; value: Value }

/** A figure that is known, one that still grows, why there is none, or a dash. */
function Measured({ lanes, figures, value }: MeasuredProps) {
  const newest = lanes.at(-1)
  const lost = useLostContact() !== null
  const growing = newest !== undefined && value === null && newest.endedAt === null
  const now = useServerFrameNow(growing)
  if (value !== null) {
    return (
      <>
        <span className={big}>{formatDuration(value.ms)}</span>
        {value.of > 1 && <span className="block text-xs text-muted">median of {value.of}</span>}
      </>
    )
  }
  if (figures.failure)
    return <span className="block text-base leading-8 text-bad">{failed[figures.failure.kind]}</span>
  if (!growing || lost) return <span className={`${big} text-faint`}>–</span>
  return (
    <span className={`${big} text-muted`}>{formatDuration(Math.max(0, now - newest.run.startedAt))}</span>
  )
}
