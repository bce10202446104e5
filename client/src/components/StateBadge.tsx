import { cx } from '@/lib/cx'
import { toneClasses, type StateLook } from './states'

export function StateBadge({ look }: { look: StateLook }) {
  const Icon = look.icon
  return (
    <span
      className={cx(
        'inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap',
        toneClasses[look.tone],
      )}
    >
      <Icon aria-hidden size={13} />
      {look.word}
    </span>
  )
}
