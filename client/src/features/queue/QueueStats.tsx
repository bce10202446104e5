import { Activity, HeartCrack } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Queue } from '@/api/types'
import { useLostContact } from '@/hooks/useServerNow'
import { cx } from '@/lib/cx'
import { formatCount, formatDuration, formatNumber, formatTimeOfDay } from '@/lib/format'

const NOTHING = '–'

type QueueStatsProps = {
  /** Undefined until it has been read: dashes keep the room. */
  queue: Queue | undefined
  /** When the queue was read, in milliseconds since 1970. */
  readAt: number
}

/** The answer at a glance: how much waits, how long, and whether the worker lives. */
export function QueueStats({ queue, readAt }: QueueStatsProps) {
  const pending = queue?.lanes.reduce((sum, lane) => sum + lane.owed, 0)
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-xl border border-line bg-line shadow-xs lg:grid-cols-4">
      <Stat name="Waiting" note="reports to generate">
        {queue ? formatNumber(queue.waiting) : NOTHING}
      </Stat>
      <Stat name="Oldest wait" note="since acceptance">
        {queue?.oldest_age_ms == null ? NOTHING : formatDuration(queue.oldest_age_ms)}
      </Stat>
      <Stat name="Pending callbacks" note={queue ? `in ${formatCount(queue.lanes.length, 'lane')}` : NOTHING}>
        {pending === undefined ? NOTHING : formatNumber(pending)}
      </Stat>
      <Stat
        name="Worker"
        note={queue ? (queue.worker.trouble ?? heartbeat(queue.worker.heartbeat_age_ms, readAt)) : NOTHING}
      >
        {queue ? <WorkerState worker={queue.worker} /> : NOTHING}
      </Stat>
    </dl>
  )
}

function WorkerState({ worker }: { worker: Queue['worker'] }) {
  const lost = useLostContact() !== null
  const Heart = worker.alive ? Activity : HeartCrack
  const state = worker.alive ? (worker.busy_with ? 'Busy' : 'Idle') : 'Away'
  return (
    <span
      className={cx(
        'inline-flex items-center gap-2',
        lost ? 'text-muted' : worker.alive ? 'text-good' : 'text-bad',
      )}
    >
      <Heart aria-hidden size={20} />
      {lost ? `Last seen ${state.toLowerCase()}` : state}
    </span>
  )
}

/** A time, not an age: an age would have to grow until the queue is read again. */
function heartbeat(ageMs: number | null, readAt: number): string {
  return ageMs === null ? 'no heartbeat' : `last heartbeat ${formatTimeOfDay(readAt - ageMs).slice(0, 8)}`
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
