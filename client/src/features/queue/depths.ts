import type { Queue, QueueDepths } from '@/api/types'

/** How much waited at a moment, in seconds since 1970 by this browser's clock. */
export type Depth = { at: number; waiting: number; owed: number }

const SHOWN_S = 15 * 60

/** What the server counted, at the times at which this browser would have seen it. */
export function seenAt({ at, samples }: QueueDepths, receivedAt: number): Depth[] {
  const ahead = receivedAt - Date.parse(at)
  return samples.map((sample) => ({
    at: (Date.parse(sample.at) + ahead) / 1_000,
    waiting: sample.waiting,
    owed: sample.callbacks_owed,
  }))
}

export function depthOf(queue: Pick<Queue, 'waiting' | 'lanes'>, at: number): Depth {
  return { at, waiting: queue.waiting, owed: queue.lanes.reduce((sum, lane) => sum + lane.owed, 0) }
}

/** Keep the last fifteen minutes. */
export function addDepth(seen: Depth[], depth: Depth): Depth[] {
  return [...seen, depth].filter(({ at }) => at > depth.at - SHOWN_S)
}

/** What the server kept and what this page saw, as one line in the order of time, for no longer than is shown. */
export function together(kept: Depth[], seen: Depth[]): Depth[] {
  const all = [...kept, ...seen].toSorted((one, other) => one.at - other.at)
  const end = all.at(-1)?.at ?? 0
  return all.filter(({ at }) => at > end - SHOWN_S)
}
