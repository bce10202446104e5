import { describe, expect, it } from 'vitest'
import { addDepth, depthOf, seenAt, together, type Depth } from './depths'

const depth = (at: number, waiting = 0): Depth => ({ at, waiting, owed: 0 })

describe('the depths that are drawn', () => {
  it('begin with what the server kept, by the clock of this browser', () => {
    const samples = [{ at: '2026-01-01T12:00:00Z', waiting: 7, callbacks_owed: 2 }]
    const answer = { at: '2026-01-01T12:00:03Z', every_s: 5, samples }
    const receivedAt = Date.parse('2026-01-01T18:30:03Z')

    expect(seenAt(answer, receivedAt)).toEqual([
      { at: Date.parse('2026-01-01T18:30:00Z') / 1_000, waiting: 7, owed: 2 },
    ])
  })

  it('are one line in the order of time, whichever was read first', () => {
    const kept = [depth(1_000, 1), depth(1_005, 2), depth(1_010, 5)]
    const seen = [depth(1_004, 3), depth(1_006, 4)]

    expect(together(kept, seen).map(({ waiting }) => waiting)).toEqual([1, 3, 2, 4, 5])
  })

  it('are of the last fifteen minutes, however long the page is open', () => {
    let seen: Depth[] = []
    for (let second = 1; second <= 2_000; second += 1) seen = addDepth(seen, depth(second))

    expect([seen.length, seen[0]?.at, seen.at(-1)?.at]).toEqual([900, 1_101, 2_000])
    expect(together([depth(1_000), depth(1_200)], seen)).toHaveLength(901)
  })

  it('count the pending callbacks of all lanes', () => {
    const lane = { lane: 'a', receiver: 'http://a.test:80', state: 'waiting', reason: null } as const
    const rest = {
      priority: null,
      current_request_id: null,
      current_batch_id: null,
      next_attempt_at: null,
      trouble: null,
    }
    const lanes = [
      { ...lane, ...rest, owed: 3 },
      { ...lane, ...rest, owed: 4 },
    ]

    expect(depthOf({ waiting: 1, lanes }, 9)).toEqual({ at: 9, waiting: 1, owed: 7 })
  })
})
