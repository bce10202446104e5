import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { keys } from './keys'

/** One key is read again at most so often, however many events ask for it. */
const PAUSE_MS = 400
/** The stream tells the length of the queue itself; the rest of it is for people to read. */
const QUEUE_PAUSE_MS = 1_500
/** Counting reads up to ten thousand rows. */
const COUNT_PAUSE_MS = 3_000

function pauseOf(key: QueryKey): number {
  if (key[1] === keys.counts[1]) return COUNT_PAUSE_MS
  return key[0] === keys.queue[0] ? QUEUE_PAUSE_MS : PAUSE_MS
}

/**
 * Reads queries again: at once when it was quiet, else once after the pause.
 *
 * Where many pages are open all of them hear the same at the same moment. What all of them would read at once, each
 * reads after a random part of `spreadMs`; what only this page looks at is read without that.
 */
export function createRefresher(client: QueryClient, spreadMs: () => number = () => 0) {
  const waiting = new Map<string, { again: boolean; timer?: ReturnType<typeof setTimeout> }>()

  const refresh = (key: QueryKey) => {
    const name = JSON.stringify(key)
    const entry = waiting.get(name)
    if (entry) {
      entry.again = true
      return
    }
    const wait = isOwn(key) || spreadMs() <= PAUSE_MS ? 0 : Math.random() * spreadMs()
    if (wait === 0) read(key, name)
    else waiting.set(name, { again: false, timer: setTimeout(() => read(key, name), wait) })
  }

  const read = (key: QueryKey, name: string) => {
    // Their answers may be older than what we were told, and would count as fresh.
    const underWay = client
      .getQueryCache()
      .findAll({ queryKey: key, fetchStatus: 'fetching', type: 'active' })
    const entry: { again: boolean; timer?: ReturnType<typeof setTimeout> } = { again: false }
    waiting.set(name, entry)
    entry.timer = setTimeout(() => {
      waiting.delete(name)
      if (entry.again) refresh(key)
      else for (const { queryKey } of underWay) refresh(queryKey)
    }, pauseOf(key))
    void client.invalidateQueries({ queryKey: key }, { cancelRefetch: false })
  }

  refresh.stop = () => {
    for (const { timer } of waiting.values()) clearTimeout(timer)
    waiting.clear()
  }
  return refresh
}

function isOwn([kind, part]: QueryKey): boolean {
  return kind === 'requests' && (part === 'detail' || part === 'logs')
}
