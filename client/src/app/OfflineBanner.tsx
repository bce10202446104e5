import { WifiOff } from 'lucide-react'
import { useState } from 'react'
import { useNow } from '@/hooks/useNow'
import { useLostContact } from '@/hooks/useServerNow'
import { useOnline } from '@/hooks/useOnline'
import { useStore } from '@/hooks/useStore'
import { formatDuration } from '@/lib/format'
import { reachable } from '@/lib/reachable'

/** Whether what is in view may be old, because nobody answers. */
export function useAway(): boolean {
  const answers = useStore(reachable)
  const online = useOnline()
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)
  return !answers || (!online && !isLocal)
}

/** How old what is in view is: as old as the last word of the server. */
export function OfflineBanner() {
  const [mountedAt] = useState(() => Date.now())
  const since = useLostContact() ?? mountedAt
  const age = Math.max(0, useNow(1_000) - since)
  return (
    <div
      role="alert"
      className="flex items-center justify-center gap-2 bg-bad-soft px-4 py-2 text-center text-bad"
    >
      <WifiOff aria-hidden size={16} className="shrink-0" />
      <span>
        The server is not responding.{' '}
        {age < 1_000 ? 'You see the last known state' : `What you see is ${formatAge(age)} old`}; the page
        reconnects by itself.
      </span>
    </div>
  )
}

/** Whole seconds: it changes once a second. */
function formatAge(ms: number): string {
  return ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : formatDuration(ms)
}
