import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { keys } from '@/api/keys'
import type { Queue } from '@/api/types'
import { Card } from '@/components/Card'
import { LineChart, type ChartSeries } from '@/components/LineChart'
import { lostContactAt } from '@/lib/contact'
import { formatCount } from '@/lib/format'

const SAMPLE_MS = 1_000
const SAMPLES_MAX = 900

type Samples = { at: number[]; waiting: number[]; owed: number[] }

const series: ChartSeries[] = [
  { name: 'Waiting', colour: '--accent' },
  { name: 'Pending callbacks', colour: '--warn-fill', dashed: true },
]

/** Sampled by this page once a second: what is drawn was seen, nothing is made up. */
export default function DepthChart() {
  const samples = useSamples()
  const most = Math.max(0, ...samples.waiting)
  return (
    <Card title="Depth" hint="Sampled once a second while this page is open.">
      <figure className="p-4">
        <LineChart
          data={[samples.at, samples.waiting, samples.owed]}
          series={series}
          height={160}
          spanMin={60}
          label={`Requests waiting over the last ${formatCount(samples.at.length, 'second')}, ${most} at most`}
        />
        <figcaption className="mt-2 flex flex-wrap gap-x-4 text-xs text-muted">
          <span className="inline-flex items-center gap-1.5">
            <span aria-hidden className="mark h-0.5 w-4 bg-accent" /> Waiting (now{' '}
            {samples.waiting.at(-1) ?? 0}, at most {most})
          </span>
          <span className="inline-flex items-center gap-1.5">
            <span aria-hidden className="w-4 border-t-2 border-dashed border-warn-fill" /> Pending callbacks
            (now {samples.owed.at(-1) ?? 0})
          </span>
        </figcaption>
      </figure>
    </Card>
  )
}

function useSamples(): Samples {
  const client = useQueryClient()
  const [samples, setSamples] = useState<Samples>({ at: [], waiting: [], owed: [] })
  useEffect(() => {
    const sample = () => {
      const queue = client.getQueryData<Queue>(keys.queue)
      if (queue && lostContactAt.get() === null)
        setSamples((old) => addSample(old, queue, Date.now() / 1_000))
    }
    sample()
    const timer = setInterval(sample, SAMPLE_MS)
    return () => clearInterval(timer)
  }, [client])
  return samples
}

function add(values: number[], value: number): number[] {
  return [...values, value].slice(-SAMPLES_MAX)
}

function addSample(old: Samples, queue: Queue, at: number): Samples {
  const owed = queue.lanes.reduce((sum, lane) => sum + lane.owed, 0)
  return { at: add(old.at, at), waiting: add(old.waiting, queue.waiting), owed: add(old.owed, owed) }
}
