import { useQuery } from '@tanstack/react-query'
import { lazyView } from '@/components/lazyView'
import { ErrorState } from '@/components/ErrorState'
import { Lanes } from './Lanes'
import { Line } from './Line'
import { queueQuery } from './queries'
import { QueueStats } from './QueueStats'

const DepthChart = lazyView(() => import('./DepthChart'), { height: 351 })

/** The cards stand there, as tall as they will be, before the queue has been read: nothing below them moves. */
export function QueueView() {
  const { data: queue, error, dataUpdatedAt, refetch } = useQuery(queueQuery)
  if (!queue && error) return <ErrorState error={error} onRetry={() => void refetch()} />
  return (
    <div className="grid gap-4">
      <QueueStats queue={queue} readAt={dataUpdatedAt} />
      <div className="grid items-start gap-4 lg:grid-cols-2 xl:grid-cols-3">
        <Line queue={queue} />
        <Lanes queue={queue} />
        <div className="min-w-0 lg:max-xl:col-span-2">
          <DepthChart />
        </div>
      </div>
    </div>
  )
}
