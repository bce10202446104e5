import { CirclePause, Clock3, RotateCw, Send, Signpost } from 'lucide-react'
import type { Queue, QueueLane } from '@/api/types'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { RequestLink } from '@/components/RequestLink'
import { StateBadge } from '@/components/StateBadge'
import type { StateLook } from '@/components/states'
import { useNow } from '@/hooks/useNow'
import { formatCount, secondsLeft } from '@/lib/format'

const looks: Record<QueueLane['state'], StateLook> = {
  sending: { word: 'Sending', tone: 'running', icon: Send },
  retrying: { word: 'Retrying', tone: 'warn', icon: RotateCw },
  waiting: { word: 'Waiting', tone: 'queued', icon: Clock3 },
  paused: { word: 'Paused', tone: 'bad', icon: CirclePause },
}

/** One lane for each receiver: a slow or dead one delays nobody but itself. */
export function Lanes({ queue }: { queue: Queue }) {
  return (
    <Card title="Lanes" hint="Callbacks by receiver. One at a time, in order, in each lane.">
      {queue.lanes.length === 0 ? (
        <EmptyState icon={Signpost} title="No callback is owed">
          Every finished report has told its receiver. A lane opens for each receiver that is owed one.
        </EmptyState>
      ) : (
        <ul className="max-h-[30rem] divide-y divide-line overflow-y-auto">
          {queue.lanes.map((lane) => (
            <LaneRow key={lane.receiver} lane={lane} queue={queue} />
          ))}
        </ul>
      )}
    </Card>
  )
}

function LaneRow({ lane, queue }: { lane: QueueLane; queue: Queue }) {
  const current = queue.delivering.find((delivery) => delivery.request_id === lane.current_request_id)
  return (
    <li className="grid gap-1 px-4 py-3">
      <div className="flex flex-wrap items-center gap-2">
        <span className="min-w-0 flex-1 truncate font-mono text-xs" title={lane.receiver}>
          {lane.receiver}
        </span>
        <StateBadge look={looks[lane.state]} />
      </div>
      <p className="flex flex-wrap items-center gap-x-3 text-xs text-muted">
        <span>{formatCount(lane.owed, 'callback')} owed</span>
        {lane.current_request_id && (
          <span className="inline-flex items-center gap-1">
            now <RequestLink id={lane.current_request_id} />
            {current &&
              current.callback_attempts > 0 &&
              `, after ${formatCount(current.callback_attempts, 'attempt')}`}
          </span>
        )}
        {lane.next_attempt_at && <NextAttempt at={lane.next_attempt_at} />}
      </p>
      {lane.reason && <p className="text-xs text-bad">{lane.reason}</p>}
    </li>
  )
}

function NextAttempt({ at }: { at: string }) {
  const seconds = secondsLeft(Date.parse(at), useNow(250))
  return <span>{seconds > 0 ? `next attempt in ${seconds} s` : 'next attempt is due'}</span>
}
