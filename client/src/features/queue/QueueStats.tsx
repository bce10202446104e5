import { Activity, HeartCrack } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Queue } from '@/api/types'
import { cx } from '@/lib/cx'
import { formatCount, formatDuration, formatNumber } from '@/lib/format'

/** The answer at a glance: how much waits, how long, and whether the worker lives. */
export function QueueStats({ queue }: { queue: Queue }) {
  const { worker } = queue
  const owed = queue.lanes.reduce((sum, lane) => sum + lane.owed, 0)
  const Heart = worker.alive ? Activity : HeartCrack
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-xl border border-line bg-line shadow-xs lg:grid-cols-4">
      <Stat name="Waiting" note="reports to generate">
        {formatNumber(queue.waiting)}
      </Stat>
      <Stat name="Oldest wait" note="since it was accepted">
        {queue.oldest_age_ms === null ? '–' : formatDuration(queue.oldest_age_ms)}
      </Stat>
      <Stat name="Callbacks owed" note={`in ${formatCount(queue.lanes.length, 'lane')}`}>
        {formatNumber(owed)}
      </Stat>
      <Stat
        name="Worker"
        note={
          worker.trouble ??
          (worker.heartbeat_age_ms === null
            ? 'no heartbeat'
            : `heartbeat ${formatDuration(worker.heartbeat_age_ms)} ago`)
        }
      >
        <span className={cx('inline-flex items-center gap-2', worker.alive ? 'text-good' : 'text-bad')}>
          <Heart aria-hidden size={20} />
          {worker.alive ? (worker.busy_with ? 'Busy' : 'Idle') : 'Away'}
        </span>
      </Stat>
    </dl>
  )
}

function Stat({ name, note, children }: { name: string; note: string; children: ReactNode }) {
  return (
    <div className="bg-surface px-4 py-3">
      <dt className="text-xs font-medium text-muted">{name}</dt>
      <dd className="text-2xl font-semibold tracking-tight">{children}</dd>
      <dd className="truncate text-xs text-faint" title={note}>
        {note}
      </dd>
    </div>
  )
}
