import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { Ban, CircleCheck, Clock3, Layers, LoaderCircle, RotateCw, Trash2 } from 'lucide-react'
import { keys } from '@/api/keys'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { ErrorState } from '@/components/ErrorState'
import { Link } from '@/components/Link'
import { QueryView } from '@/components/QueryView'
import { StateBadge } from '@/components/StateBadge'
import { callbackLook, type StateLook } from '@/components/states'
import { RelativeTime } from '@/components/Time'
import { formatCount } from '@/lib/format'
import { paths } from '@/lib/paths'
import { batchesQuery, cancelBatch, deleteBatch, redeliverBatch, type Batch } from './queries'
import { describeCounts } from './describeCounts'

const looks: Record<Batch['status'], StateLook> = {
  PENDING: { word: 'Queued', tone: 'queued', icon: Clock3 },
  PROCESSING: { word: 'In progress', tone: 'running', icon: LoaderCircle },
  COMPLETED: { word: 'Completed', tone: 'good', icon: CircleCheck },
  CANCELLED: { word: 'Cancelled', tone: 'warn', icon: Ban },
}

/** The batches, newest first, with how far each has come. */
export function BatchList() {
  const query = useInfiniteQuery(batchesQuery)
  const batches = (query.data?.pages ?? []).flatMap((page) => page.batches)
  return (
    <Card title="Batches" hint="Newest first. Live.">
      <QueryView query={query} height={240}>
        {() =>
          batches.length === 0 ? (
            <EmptyState icon={Layers} title="No batches yet">
              Submit one above, or with POST /api/batch.
            </EmptyState>
          ) : (
            <ul className="divide-y divide-line">
              {batches.map((batch) => (
                <Row key={batch.batch_id} batch={batch} />
              ))}
            </ul>
          )
        }
      </QueryView>
      {query.hasNextPage && (
        <div className="border-t border-line p-3">
          <Button className="w-full" disabled={query.isFetching} onClick={() => void query.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </Card>
  )
}

function Row({ batch }: { batch: Batch }) {
  const name = batch.name ?? `Batch of ${formatCount(batch.count, 'report')}`
  const callback = callbackLook({
    callback_status: batch.callback_status,
    callback_attempts: 0,
    callback_next_attempt_at: null,
  })
  return (
    <li className="grid gap-2 px-4 py-3" data-testid="batch">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Link
          href={paths.requestsOfBatch(batch.batch_id)}
          className="font-medium hover:text-accent hover:underline"
        >
          {name}
        </Link>
        <StateBadge look={looks[batch.status]} />
        <span className="text-xs text-muted">
          <RelativeTime at={batch.created_at} />
        </span>
        {callback && (
          <span className="flex items-center gap-1 text-xs text-muted">
            Callback <StateBadge look={callback} />
          </span>
        )}
        <Actions batch={batch} name={name} />
      </div>
      <progress
        aria-label={`Progress of ${name}`}
        value={batch.progress}
        max={1}
        className="h-2 w-full accent-(--accent-fill)"
      />
      <p className="text-xs text-muted">{describeCounts(batch)}</p>
    </li>
  )
}

function Actions({ batch, name }: { batch: Batch; name: string }) {
  const client = useQueryClient()
  const action = useMutation({
    mutationFn: (run: (id: string) => Promise<unknown>) => run(batch.batch_id),
    onSettled: () => client.invalidateQueries({ queryKey: keys.batches }),
  })
  const ended = batch.completed_at !== null
  const delivered = batch.callback_status === 'SUCCESS' || batch.callback_status === 'FAILED'
  return (
    <>
      <div className="ml-auto flex gap-1">
        {!ended && (
          <Button
            small
            disabled={action.isPending}
            aria-label={`Cancel ${name}`}
            onClick={() => action.mutate(cancelBatch)}
          >
            <Ban aria-hidden size={14} />
            Cancel
          </Button>
        )}
        {delivered && (
          <Button
            small
            disabled={action.isPending}
            aria-label={`Redeliver the callback of ${name}`}
            onClick={() => action.mutate(redeliverBatch)}
          >
            <RotateCw aria-hidden size={14} />
            Redeliver
          </Button>
        )}
        {ended && (
          <Button
            small
            look="danger"
            disabled={action.isPending}
            aria-label={`Delete ${name} and its requests`}
            onClick={() => {
              if (confirm(`Delete ${name} with its requests, logs and files?`)) action.mutate(deleteBatch)
            }}
          >
            <Trash2 aria-hidden size={14} />
            Delete
          </Button>
        )}
      </div>
      {action.error && (
        <div className="w-full">
          <ErrorState error={action.error} />
        </div>
      )}
    </>
  )
}
