import type { Mode } from '@/api/types'
import { cx } from '@/lib/cx'

export function ModeBadge({ mode }: { mode: Mode }) {
  return (
    <span
      className={cx(
        'inline-block w-12 rounded px-1.5 py-0.5 text-center font-mono text-xs font-medium',
        mode === 'sync' ? 'bg-sync-soft text-sync' : 'bg-async-soft text-async',
      )}
    >
      {mode}
    </span>
  )
}
