import { useInfiniteQuery } from '@tanstack/react-query'
import { Ban, CircleCheck, Clock3, Layers, LoaderCircle } from 'lucide-react'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { Link } from '@/components/Link'
import { QueryView } from '@/components/QueryView'
import { ShowMore } from '@/components/ShowMore'
import { StateBadge } from '@/components/StateBadge'
import { callbackLook, type StateLook } from '@/components/states'
import { RelativeTime } from '@/components/Time'
import { paths } from '@/lib/paths'
import { BatchActions } from './BatchActions'
import { describeCallbacks, describeCounts, endedOf, nameOf } from './describeCounts'
import { batchesQuery, type Batch } from './queries'

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
      <ShowMore query={query} />
    </Card>
  )
}

function Row({ batch }: { batch: Batch }) {
  const name = nameOf(batch)
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
          title="Show its requests"
          className="min-w-0 rounded font-medium break-words text-accent underline-offset-2 hover:underline"
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
        <BatchActions batch={batch} />
      </div>
      <progress
        aria-label={`Progress of ${name}`}
        value={endedOf(batch)}
        max={batch.count}
        className="h-2 w-full"
      />
      <p className="flex flex-wrap gap-x-4 text-xs text-muted">
        <span>{describeCounts(batch)}</span>
        <span className="empty:hidden">{describeCallbacks(batch)}</span>
      </p>
    </li>
  )
}
