import { useSlowNow } from '@/hooks/useSlowNow'
import { formatExact, formatRelative } from '@/lib/format'

/** "3 minutes ago", with the exact time on hover. */
export function RelativeTime({ at }: { at: string }) {
  const now = useSlowNow()
  return (
    <time dateTime={at} title={formatExact(at)} className="whitespace-nowrap">
      {formatRelative(at, Math.max(now, new Date(at).getTime()))}
    </time>
  )
}
