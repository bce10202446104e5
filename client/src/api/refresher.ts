import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { keys } from './keys'

/** One key is read again at most so often, however many events ask for it. */
const PAUSE_MS = 400
/** The stream tells the length of the queue itself; the rest of it is for people to read. */
const QUEUE_PAUSE_MS = 1_500

function pauseOf(key: QueryKey): number {
  return key[0] === keys.queue[0] ? QUEUE_PAUSE_MS : PAUSE_MS
}

/** Reads queries again: at once when it was quiet, else once after the pause. */
export function createRefresher(client: QueryClient) {
  const waiting = new Map<string, { again: boolean; timer: ReturnType<typeof setTimeout> }>()

  const refresh = (key: QueryKey) => {
    const name = JSON.stringify(key)
    const entry = waiting.get(name)
    if (entry) {
      entry.again = true
      return
    }
    void client.invalidateQueries({ queryKey: key }, { cancelRefetch: false })
    const timer = setTimeout(() => {
      const { again } = waiting.get(name) ?? { again: false }
      waiting.delete(name)
      if (again) refresh(key)
    }, pauseOf(key))
    waiting.set(name, { again: false, timer })
  }
  refresh.stop = () => {
    for (const { timer } of waiting.values()) clearTimeout(timer)
    waiting.clear()
  }
  return refresh
}
