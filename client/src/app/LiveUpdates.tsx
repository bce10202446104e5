import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { liveState, startLive } from '@/api/live'
import { pollOnce } from '@/api/poll'
import { useStore } from '@/hooks/useStore'
import { reachable } from '@/lib/reachable'

const POLL_MS = 2_000

/** Keeps the cache fresh: by the socket while there is one, else by asking. */
export function LiveUpdates() {
  const client = useQueryClient()
  const state = useStore(liveState)

  useEffect(() => {
    const protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    return startLive(client, `${protocol}//${location.host}/api/ws`)
  }, [client])

  useEffect(() => {
    if (state === 'live') reachable.set(true)
    if (state !== 'polling') return
    const leaving = new AbortController()
    const poll = () =>
      pollOnce(client, leaving.signal).then(
        () => reachable.set(true),
        () => !leaving.signal.aborted && reachable.set(false),
      )
    void poll()
    const timer = setInterval(() => void poll(), POLL_MS)
    return () => {
      leaving.abort()
      clearInterval(timer)
    }
  }, [client, state])

  return null
}
