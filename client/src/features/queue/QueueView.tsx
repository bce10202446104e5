import { useQuery } from '@tanstack/react-query'
import { lazyView } from '@/components/lazyView'
import { QueryView } from '@/components/QueryView'
import { Lanes } from './Lanes'
import { Line } from './Line'
import { queueQuery } from './queries'
import { QueueStats } from './QueueStats'

const DepthChart = lazyView(() => import('./DepthChart'), { height: 281 })

export function QueueView() {
  const query = useQuery(queueQuery)
  return (
    <QueryView query={query} height={560}>
      {(queue) => (
        <div className="grid gap-4">
          <QueueStats queue={queue} readAt={query.dataUpdatedAt} />
          <div className="grid items-start gap-4 lg:grid-cols-2 xl:grid-cols-3">
            <Line queue={queue} />
            <Lanes queue={queue} />
            <div className="min-w-0 lg:max-xl:col-span-2">
              <DepthChart />
            </div>
          </div>
        </div>
      )}
    </QueryView>
  )
}
