import { Timer } from 'lucide-react'
import { rateLimits } from '@/api/rateLimits'
import { useNow } from '@/hooks/useNow'
import { useStore } from '@/hooks/useStore'
import { secondsLeft } from '@/lib/format'

/** Whether the server said to wait before the next request to this route. */
export function useBlocked(path: string): boolean {
  return useSecondsBlocked(path) > 0
}

function useSecondsBlocked(path: string): number {
  const until = useStore(rateLimits)[path]?.blockedUntil ?? null
  const now = useNow(250, until !== null)
  return until === null ? 0 : secondsLeft(until, now)
}

export function LimitNote({ path, name }: { path: string; name: string }) {
  const seconds = useSecondsBlocked(path)
  const limit = useStore(rateLimits)[path]
  if (seconds > 0) {
    return (
      <p
        role="status"
        className="flex items-center gap-2 rounded-md bg-warn-soft px-2.5 py-1.5 text-xs text-warn"
      >
        <Timer aria-hidden size={14} />
        {name === 'sync' ? 'Sync' : 'Async'} rate limit reached. Try again in {seconds} s.
      </p>
    )
  }
  if (!limit || limit.remaining > limit.limit / 3) return null
  return (
    <p className="text-xs text-faint">
      {name === 'sync' ? 'Sync' : 'Async'}: {limit.remaining} of {limit.limit} requests left this minute.
    </p>
  )
}
