import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { keys } from '@/api/keys'
import type { Queue } from '@/api/types'
import { Card } from '@/components/Card'
import { LineChart, type ChartSeries } from '@/components/LineChart'
import { lostContactAt } from '@/lib/contact'
import { formatCount, formatNumber } from '@/lib/format'
import { addDepth, depthOf, together, type Depth } from './depths'
import { depthsQuery } from './queries'

const SAMPLE_MS = 1_000
const NONE: Depth[] = []

const series: ChartSeries[] = [
  { name: 'Waiting', colour: '--accent' },
  { name: 'Pending callbacks', colour: '--warn-fill', dashed: true },
]

/** Counted by the server every five seconds and by this page once a second: nothing is made up. */
export default function DepthChart() {
  const depths = useDepths()
  const waiting = depths.map((depth) => depth.waiting)
  const owed = depths.map((depth) => depth.owed)
  const most = Math.max(0, ...waiting)
  const minutes = Math.max(1, Math.round(((depths.at(-1)?.at ?? 0) - (depths[0]?.at ?? 0)) / 60))
  return (
    <Card title="Depth" hint="The last 15 minutes, as far as the server has been up.">
      <figure className="h-72 p-4">
        <LineChart
          data={[depths.map(({ at }) => at), waiting, owed]}
          series={series}
          height={208}
          spanMin={60}
          label={`Requests waiting over the last ${formatCount(minutes, 'minute')}, ${most} at most`}
        />
        <figcaption className="mt-2 flex flex-wrap gap-x-4 text-xs text-muted">
          <span className="inline-flex items-center gap-1.5">
            <span aria-hidden className="mark h-0.5 w-4 bg-accent" /> Waiting (now{' '}
            {formatNumber(waiting.at(-1) ?? 0)}, at most {formatNumber(most)})
          </span>
          <span className="inline-flex items-center gap-1.5">
            <span aria-hidden className="w-4 border-t-2 border-dashed border-warn-fill" /> Pending callbacks
            (now {formatNumber(owed.at(-1) ?? 0)})
          </span>
        </figcaption>
      </figure>
    </Card>
  )
}

/** What the server kept of the time before this page was opened, and what the page saw since. */
function useDepths(): Depth[] {
  const client = useQueryClient()
  const { data: kept = NONE } = useQuery(depthsQuery)
  const [seen, setSeen] = useState<Depth[]>([])
  useEffect(() => {
    const look = () => {
      const queue = client.getQueryData<Queue>(keys.queue)
      if (queue && lostContactAt.get() === null)
        setSeen((old) => addDepth(old, depthOf(queue, Date.now() / 1_000)))
    }
    look()
    const timer = setInterval(look, SAMPLE_MS)
    return () => clearInterval(timer)
  }, [client])
  return useMemo(() => together(kept, seen), [kept, seen])
}
