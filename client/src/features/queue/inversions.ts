import type { FifoEntry } from '@/api/types'

type Rank = (entry: FifoEntry) => number | null

/** Who took part in an overtaking. The count is the server's; this only decides which lines are drawn red. */
export function overtaken(entries: FifoEntry[], before: Rank, after: Rank, sameLane: boolean): Set<string> {
  const involved = new Set<string>()
  for (const [index, one] of entries.entries()) {
    for (const other of entries.slice(index + 1)) {
      if (one.priority !== other.priority || (sameLane && one.lane !== other.lane)) continue
      if (!crossed(one, other, before, after)) continue
      involved.add(one.request_id)
      involved.add(other.request_id)
    }
  }
  return involved
}

function crossed(one: FifoEntry, other: FifoEntry, before: Rank, after: Rank): boolean {
  const [oneBefore, otherBefore, oneAfter, otherAfter] = [
    before(one),
    before(other),
    after(one),
    after(other),
  ]
  if (oneBefore === null || otherBefore === null || oneAfter === null || otherAfter === null) return false
  return (oneBefore - otherBefore) * (oneAfter - otherAfter) < 0
}

/** Ranks with gaps closed: the row a request takes in its column. */
export function rowsOf(entries: FifoEntry[], rank: Rank): Map<string, number> {
  const ranked = entries
    .map((entry) => ({ id: entry.request_id, rank: rank(entry) }))
    .filter((entry): entry is { id: string; rank: number } => entry.rank !== null)
    .toSorted((one, other) => one.rank - other.rank)
  return new Map(ranked.map(({ id }, row) => [id, row]))
}

const LANE_COLOURS = ['--lane-1', '--lane-2', '--lane-3', '--lane-4', '--lane-5', '--lane-6']

/** Every receiver once, in the order of the alphabet, so that a new request changes no colour. */
export function receiversOf(entries: readonly FifoEntry[]): string[] {
  return [...new Set(entries.flatMap((entry) => entry.receiver ?? []))].toSorted()
}

/** A colour for each receiver; they come round again when there are more receivers than colours. */
export function colourOfReceivers(receivers: readonly string[]): Map<string, string> {
  return new Map(receivers.map((one, index) => [one, LANE_COLOURS[index % LANE_COLOURS.length] ?? '']))
}
