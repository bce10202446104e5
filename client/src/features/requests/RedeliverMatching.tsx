import { useMutation, useQuery } from '@tanstack/react-query'
import { CircleStop, RotateCw, X } from 'lucide-react'
import { useState } from 'react'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { formatCount, formatNumber } from '@/lib/format'
import {
  isDrained,
  matchingQuery,
  redeliveryQuery,
  startRedelivery,
  stopRedelivery,
  watchedRedelivery,
  type RedeliveryFilter,
} from './matching'

/** Everything the filters match, loaded or not: counted first, then redelivered by the server. */
export function RedeliverMatching({ filter }: { filter: RedeliveryFilter }) {
  const [asking, setAsking] = useState(false)
  return (
    <>
      <Button small scope="submit" onClick={() => setAsking(true)}>
        <RotateCw aria-hidden size={14} />
        Redeliver all that match…
      </Button>
      {asking && <Confirm filter={filter} onClose={() => setAsking(false)} />}
    </>
  )
}

function Confirm({ filter, onClose }: { filter: RedeliveryFilter; onClose: () => void }) {
  const { data: matching, error } = useQuery(matchingQuery(filter))
  const start = useMutation({
    mutationFn: (count: number) => startRedelivery(filter, count),
    onSuccess: (id) => {
      watchedRedelivery.set(id)
      onClose()
    },
  })
  const failure = error ?? start.error
  return (
    <Dialog title="Redeliver all that match?" onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p role="status">
          {matching
            ? `${formatCount(matching.count, 'finished callback')} will be sent again, oldest first, at a limited rate.`
            : 'Counting…'}
        </p>
        <ul className="grid max-h-48 gap-1 overflow-y-auto text-sm text-muted">
          {Object.entries(matching?.by_receiver ?? {}).map(([receiver, count]) => (
            <li key={receiver} className="flex justify-between gap-4">
              <span className="min-w-0 break-all">{receiver}</span>
              <span>{formatNumber(count)}</span>
            </li>
          ))}
        </ul>
        {failure && <ErrorState error={failure} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button
            disabled={!matching || matching.count === 0 || start.isPending}
            onClick={() => matching && start.mutate(matching.count)}
          >
            <RotateCw aria-hidden size={15} />
            Redeliver {matching && formatNumber(matching.count)}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}

/** Watches a redelivery drain; it goes on without this page. */
export function RedeliveryProgress({ id }: { id: string }) {
  const { data, error } = useQuery(redeliveryQuery(id))
  const stop = useMutation({ mutationFn: () => stopRedelivery(id) })
  if (error) return <ErrorState error={error} />
  if (!data) return <span role="status">Redelivering…</span>
  const ended = data.succeeded + data.failed
  return (
    <>
      <span role="status" className="font-medium text-ink">
        {isDrained(data) ? 'Redelivered' : 'Redelivering'} {formatNumber(ended)} of{' '}
        {formatNumber(data.status === 'CANCELLED' ? data.queued : data.count)}
        {data.failed > 0 && `, ${formatNumber(data.failed)} failed`}
      </span>
      <progress
        aria-label="Redelivered"
        value={ended}
        max={Math.max(1, data.status === 'RUNNING' ? data.count : data.queued)}
        className="h-2 w-40"
      />
      {data.status === 'RUNNING' ? (
        <Button small scope="submit" disabled={stop.isPending} onClick={() => stop.mutate()}>
          <CircleStop aria-hidden size={14} />
          Stop
        </Button>
      ) : (
        <Button small look="ghost" onClick={() => watchedRedelivery.set(null)}>
          <X aria-hidden size={14} />
          Hide
        </Button>
      )}
    </>
  )
}
