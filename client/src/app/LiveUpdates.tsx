import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { liveState, startLive } from '@/api/live'
import { ProblemError } from '@/api/client'
import { pollOnce } from '@/api/poll'
import { useLack } from '@/hooks/useLack'
import { useStore } from '@/hooks/useStore'
import { loseContact, regainContact } from '@/lib/contact'
import { reachable } from '@/lib/reachable'

const POLL_MS = 2_000

/** Keeps the cache fresh: by the socket or the event stream while there is one, else by asking. */
export function LiveUpdates() {
  const client = useQueryClient()
  const state = useStore(liveState)
  const wasLive = useRef(false)
  const mayWatch = useLack('read') === null

  useEffect(() => {
    if (!mayWatch) return
    const protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    return startLive(client, `${protocol}//${location.host}/api/ws`, '/api/events')
  }, [client, mayWatch])

  useEffect(() => {
    if (state === 'live') {
      reachable.set(true)
      regainContact()
    }
    // Once it was live, a socket that is gone means that nobody knows what the server does now.
    if (state === 'connecting' && wasLive.current) loseContact(Date.now())
    wasLive.current ||= state === 'live'
    if (state !== 'polling' || !mayWatch) return
    const leaving = new AbortController()
    const poll = () =>
      pollOnce(client, leaving.signal).then(
        () => {
          reachable.set(true)
          regainContact()
        },
        (error: unknown) => {
          if (leaving.signal.aborted || isRefusal(error)) return
          reachable.set(false)
          loseContact(Date.now())
        },
      )
    void poll()
    const timer = setInterval(() => void poll(), POLL_MS)
    return () => {
      leaving.abort()
      clearInterval(timer)
    }
  }, [client, state, mayWatch])

  return null
}

/** Whoever is refused was answered. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProblemError && (error.status === 401 || error.status === 403)
}
