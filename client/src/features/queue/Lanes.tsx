import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { CirclePause, CirclePlay, Clock3, RotateCw, Send, Signpost } from 'lucide-react'
import { keys } from '@/api/keys'
import { logsQuery } from '@/api/queries'
import type { Queue, QueueLane } from '@/api/types'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { ErrorState } from '@/components/ErrorState'
import { Link } from '@/components/Link'
import { RequestLink } from '@/components/RequestLink'
import { Skeleton } from '@/components/Skeleton'
import { StateBadge } from '@/components/StateBadge'
import type { StateLook } from '@/components/states'
import { useLostContact, useServerNow } from '@/hooks/useServerNow'
import { formatCount, formatTimeOfDay, secondsLeft } from '@/lib/format'
import { paths } from '@/lib/paths'
import { showToast } from '@/lib/toasts'
import { describeAttempt, pausedBecause } from './lanes'
import { resumeReceiver } from './queries'

const looks: Record<QueueLane['state'], StateLook> = {
  sending: { word: 'Sending', tone: 'running', icon: Send },
  retrying: { word: 'Retrying', tone: 'warn', icon: RotateCw },
  waiting: { word: 'Waiting', tone: 'queued', icon: Clock3 },
  paused: { word: 'Paused', tone: 'bad', icon: CirclePause },
}

/** One lane for each caller and receiver: a slow or dead one delays nobody but itself. */
export function Lanes({ queue }: { queue: Queue | undefined }) {
  return (
    <Card title="Lanes" hint="One per caller and receiver: callbacks go out in order.">
      <div className="h-72 overflow-y-auto">
        {queue ? <Rows queue={queue} /> : <Skeleton height={288} rows={4} />}
      </div>
    </Card>
  )
}

function Rows({ queue }: { queue: Queue }) {
  return queue.lanes.length === 0 ? (
    <EmptyState icon={Signpost} title="No pending callbacks">
      Every finished report has been called back. A lane opens for each receiver that has callbacks pending.
    </EmptyState>
  ) : (
    <ul className="divide-y divide-line">
      {queue.lanes.map((lane) => (
        <LaneRow key={lane.lane} lane={lane} queue={queue} />
      ))}
    </ul>
  )
}

function LaneRow({ lane, queue }: { lane: QueueLane; queue: Queue }) {
  const current = queue.delivering.find((delivery) => delivery.request_id === lane.current_request_id)
  const attempts = current?.callback_attempts ?? 0
  return (
    <li className="grid gap-1 px-4 py-3">
      <div className="flex flex-wrap items-center gap-2">
        <span className="min-w-0 flex-1 truncate font-mono text-xs" title={lane.receiver}>
          {lane.receiver}
        </span>
        <StateBadge look={looks[lane.state]} />
      </div>
      <p className="flex flex-wrap items-center gap-x-3 text-xs text-muted">
        <Link
          href={`${paths.history}?${new URLSearchParams({ receiver: lane.receiver, callback_status: 'PENDING' })}`}
          className="underline underline-offset-2"
        >
          {formatCount(lane.owed, 'callback')} pending
        </Link>
        {lane.current_request_id && (
          <span>
            first <RequestLink id={lane.current_request_id} />
            {attempts > 0 && `, ${formatCount(attempts, 'attempt')} so far`}
          </span>
        )}
        {lane.state !== 'paused' && lane.next_attempt_at && (
          <Due at={lane.next_attempt_at} what="Next attempt" />
        )}
      </p>
      {lane.current_request_id && attempts > 0 && (
        <LastError requestId={lane.current_request_id} attempts={attempts} />
      )}
      {lane.state === 'paused' ? (
        <Paused lane={lane} />
      ) : (
        lane.reason && lane.state !== 'retrying' && <p className="text-xs text-muted">{lane.reason}</p>
      )}
    </li>
  )
}

/** Why the last attempt failed, as the sender wrote it down. */
function LastError({ requestId, attempts }: { requestId: string; attempts: number }) {
  const { data } = useQuery({ ...logsQuery(requestId), staleTime: 2_000 })
  const last = data?.logs.findLast((log) => log.attempt_number <= attempts)
  if (!last || last.success) return null
  return <p className="text-xs break-words text-bad">Last error: {describeAttempt(last)}</p>
}

function Paused({ lane }: { lane: QueueLane }) {
  const client = useQueryClient()
  const resume = useMutation({
    mutationFn: () => resumeReceiver(lane.receiver),
    onSuccess: async () => {
      showToast({ tone: 'good', text: `Resumed ${lane.receiver}.` })
      await client.invalidateQueries({ queryKey: keys.queue })
    },
  })
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="min-w-0 flex-1 text-xs text-muted">
          {pausedBecause(lane.reason)}{' '}
          {lane.next_attempt_at && <Due at={lane.next_attempt_at} what="Next probe" />}
          {lane.next_attempt_at && '; delivery then resumes in order.'}
        </p>
        <Button
          small
          scope="submit"
          disabled={resume.isPending}
          aria-label={`Resume ${lane.receiver}`}
          title="Send to this receiver now, in order"
          onClick={() => resume.mutate()}
        >
          <CirclePlay aria-hidden size={14} />
          {resume.isPending ? 'Resuming…' : 'Resume now'}
        </Button>
      </div>
      {resume.error && <ErrorState error={resume.error} onRetry={() => resume.mutate()} />}
    </>
  )
}

function Due({ at, what }: { at: string; what: string }) {
  const due = Date.parse(at)
  const seconds = secondsLeft(due, useServerNow(250))
  if (useLostContact() !== null) {
    return (
      <>
        {what} at {formatTimeOfDay(due)}
      </>
    )
  }
  return <>{seconds > 0 ? `${what} in ${seconds} s` : `${what} is due`}</>
}
