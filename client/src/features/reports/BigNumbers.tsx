import type { ReactNode } from 'react'
import { useFrameNow } from '@/hooks/useNow'
import { formatDuration, formatRatio } from '@/lib/format'
import type { Lane } from './lanes'

/** The three answers the race is about, sync beside async. */
export function BigNumbers({ sync, async: asynchronous }: { sync: Lane | null; async: Lane | null }) {
  const blocked = [blockedMs(sync), blockedMs(asynchronous)] as const
  return (
    <dl className="grid border-b border-line sm:grid-cols-3 sm:divide-x sm:divide-line max-sm:divide-y max-sm:divide-line">
      <Figure
        name="Client blocked"
        sync={<Measured lane={sync} ms={blocked[0]} />}
        async={<Measured lane={asynchronous} ms={blocked[1]} />}
        note={comparison(blocked[0], blocked[1])}
      />
      <Figure
        name="Time to result"
        sync={<Measured lane={sync} ms={since(sync, sync?.resultAt)} />}
        async={<Measured lane={asynchronous} ms={since(asynchronous, asynchronous?.resultAt)} />}
        note="until the report exists"
      />
      <Figure
        name="Time to callback"
        sync={<span className="text-base font-normal text-faint">none</span>}
        async={<Measured lane={asynchronous} ms={since(asynchronous, asynchronous?.callbackAt)} />}
        note="until the receiver acknowledged it"
      />
    </dl>
  )
}

function Figure(props: { name: string; sync: ReactNode; async: ReactNode; note: string }) {
  return (
    <div className="px-4 py-3">
      <dt className="text-xs font-medium text-muted">{props.name}</dt>
      <dd className="mt-1 grid grid-cols-2 gap-2">
        <Value mode="sync">{props.sync}</Value>
        <Value mode="async">{props.async}</Value>
      </dd>
      <dd className="mt-1 text-xs text-faint">{props.note}</dd>
    </div>
  )
}

function Value({ mode, children }: { mode: string; children: ReactNode }) {
  return (
    <span className="min-w-0">
      <span className="block font-mono text-xs text-faint">{mode}</span>
      <span className="block truncate text-2xl leading-8 font-semibold tracking-tight">{children}</span>
    </span>
  )
}

/** A figure that is known, one that still grows, or a dash. */
function Measured({ lane, ms }: { lane: Lane | null; ms: number | null }) {
  const growing = lane !== null && ms === null && lane.endedAt === null
  const now = useFrameNow(growing)
  if (ms !== null) return <>{formatDuration(ms)}</>
  if (!growing || lane === null) return <span className="text-faint">–</span>
  return <span className="text-muted">{formatDuration(now - lane.run.startedAt)}</span>
}

function blockedMs(lane: Lane | null): number | null {
  return since(lane, lane?.run.answeredAt)
}

function since(lane: Lane | null, at: number | null | undefined): number | null {
  return lane && at != null ? at - lane.run.startedAt : null
}

function comparison(syncMs: number | null, asyncMs: number | null): string {
  if (syncMs === null || asyncMs === null) return 'from the click to the answer'
  if (asyncMs >= syncMs) return 'about the same: the report is that small'
  return `${formatRatio(syncMs / Math.max(asyncMs, 1))} less waiting with async`
}
