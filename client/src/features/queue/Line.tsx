import { Coffee, LoaderCircle } from 'lucide-react'
import type { Queue, RequestItem } from '@/api/types'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { Link } from '@/components/Link'
import { RequestLink } from '@/components/RequestLink'
import { Skeleton } from '@/components/Skeleton'
import { useLostContact, useServerNow } from '@/hooks/useServerNow'
import { cx } from '@/lib/cx'
import { formatCount, formatDuration, formatNumber } from '@/lib/format'
import { paths } from '@/lib/paths'

/** What is being generated, and what waits for it. */
export function Line({ queue }: { queue: Queue | undefined }) {
  return (
    <Card title="Waiting" hint="Reports are generated one at a time, in order of acceptance.">
      <div className="h-72 overflow-y-auto">
        {queue ? <Rows queue={queue} /> : <Skeleton height={288} rows={4} />}
      </div>
    </Card>
  )
}

function Rows({ queue }: { queue: Queue }) {
  if (!queue.processing && queue.next.length === 0) return <NobodyWaits />
  const beyond = queue.waiting - queue.next.length
  return (
    <>
      {queue.processing && <Processing item={queue.processing} />}
      {queue.next.length > 0 && (
        <ol className="divide-y divide-line">
          {queue.next.map((item, index) => (
            <Waiting key={item.id} item={item} place={index + 1} />
          ))}
        </ol>
      )}
      {beyond > 0 && (
        <p className="px-4 py-2 text-xs text-muted">and {formatCount(beyond, 'more request')}</p>
      )}
    </>
  )
}

function NobodyWaits() {
  return (
    <EmptyState
      icon={Coffee}
      title="The queue is empty"
      action={
        <Link href={paths.playground} className="font-medium text-accent hover:underline">
          Send some async requests
        </Link>
      }
    >
      Requests appear here as soon as they are accepted, and leave once their report is ready.
    </EmptyState>
  )
}

function Processing({ item }: { item: RequestItem }) {
  const now = useServerNow(200)
  const lost = useLostContact() !== null
  return (
    <div className="flex items-center gap-3 border-b border-line bg-running-soft px-4 py-2.5">
      <LoaderCircle aria-hidden size={18} className={cx('shrink-0 text-running', !lost && 'animate-spin')} />
      <span className="font-medium text-running">{lost ? 'Last seen generating' : 'Generating'}</span>
      <RequestLink id={item.id} />
      <span className="min-w-0 flex-1 truncate">{item.report_name}</span>
      <span className="text-xs whitespace-nowrap text-muted">
        {item.started_at && `for ${formatDuration(Math.max(0, now - Date.parse(item.started_at)))}`}
      </span>
    </div>
  )
}

function Waiting({ item, place }: { item: RequestItem; place: number }) {
  return (
    <li className="enter flex items-center gap-3 px-4 py-2">
      <span
        className="w-8 shrink-0 text-right font-semibold text-muted"
        title={`Number ${place} in the queue`}
      >
        {place}.
      </span>
      <RequestLink id={item.id} />
      <span className="min-w-0 flex-1 truncate">{item.report_name}</span>
      <span className="text-xs whitespace-nowrap text-muted max-sm:hidden">
        {formatCount(item.num_transactions, 'row')}
      </span>
      <span
        className="font-mono text-xs whitespace-nowrap text-faint"
        title="Position in the order of acceptance"
      >
        #{formatNumber(item.queue_position ?? 0)}
      </span>
    </li>
  )
}
