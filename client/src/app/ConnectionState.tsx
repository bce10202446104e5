import { Radio, RefreshCw, Unplug, WifiOff, type LucideIcon } from 'lucide-react'
import { liveState, type LiveState } from '@/api/live'
import { useLack } from '@/hooks/useLack'
import { useStore } from '@/hooks/useStore'
import { cx } from '@/lib/cx'
import { useAway } from './OfflineBanner'

type Look = { word: string; hint: string; icon: LucideIcon; className: string }

const looks: Record<LiveState, Look> = {
  connecting: {
    word: 'Connecting',
    hint: 'Opening the live connection',
    icon: RefreshCw,
    className: 'bg-raised text-muted',
  },
  live: {
    word: 'Live',
    hint: 'Changes arrive as they happen',
    icon: Radio,
    className: 'bg-good-soft text-good',
  },
  polling: {
    word: 'Polling',
    hint: 'No live connection: the page polls every 2 seconds',
    icon: RefreshCw,
    className: 'bg-warn-soft text-warn',
  },
}
const offline: Look = {
  word: 'Offline',
  hint: 'The server is not responding',
  icon: WifiOff,
  className: 'bg-bad-soft text-bad',
}

const notLive = { word: 'Not live', icon: Unplug, className: 'bg-raised text-muted' }

export function ConnectionState() {
  const state = useStore(liveState)
  const away = useAway()
  const lack = useLack('read')
  const look = away ? offline : lack === null ? looks[state] : { ...notLive, hint: lack }
  const { word, hint, icon: Icon, className } = look
  return (
    <span
      role="status"
      title={hint}
      data-testid="connection"
      className={cx(
        // As wide as its longest word, so that nothing beside it moves.
        'inline-flex min-w-27 items-center justify-center gap-1.5 rounded-full px-2.5 py-1 text-xs font-medium',
        className,
      )}
    >
      <Icon aria-hidden size={13} />
      {word}
    </span>
  )
}
