import { deliveries, generation, type Phase, type PhaseKind } from '@/api/phases'
import type { CallbackLog, RequestDetail } from '@/api/types'
import { phaseLooks } from '@/components/phaseLooks'
import { useServerNow } from '@/hooks/useServerNow'
import { isFinal } from '@/api/queries'
import { cx } from '@/lib/cx'
import { formatDuration } from '@/lib/format'

/** Where the time went, at a glance. */
export function PhaseStrip({ detail, logs }: { detail: RequestDetail; logs: CallbackLog[] }) {
  const now = useServerNow(250, !isFinal(detail))
  const phases = [...generation(detail, 0), ...deliveries(detail, logs, 0)]
  const lengths = phases.map((phase) => Math.max(0, (phase.to ?? now) - phase.from))
  const total = lengths.reduce((sum, length) => sum + length, 0)
  return (
    <figure>
      <div className="flex h-3 gap-px overflow-hidden rounded" aria-hidden>
        {phases.map((phase, index) => (
          <span
            key={`${phase.kind}-${phase.from}`}
            className={cx('mark min-w-0.5', phaseLooks[phase.kind].className)}
            style={{ flexGrow: total === 0 ? 1 : (lengths[index] ?? 0) / total, flexBasis: 0 }}
          />
        ))}
      </div>
      <figcaption className="mt-1.5 flex flex-wrap gap-x-4 gap-y-0.5 text-xs text-muted">
        {sums(phases, lengths).map(([kind, ms]) => (
          <span key={kind} className="inline-flex items-center gap-1.5">
            <span aria-hidden className={cx('mark h-2 w-3 rounded-sm', phaseLooks[kind].className)} />
            {phaseLooks[kind].word} <span className="text-ink">{formatDuration(ms)}</span>
          </span>
        ))}
      </figcaption>
    </figure>
  )
}

function sums(phases: Phase[], lengths: number[]): [PhaseKind, number][] {
  const byKind = new Map<PhaseKind, number>()
  phases.forEach(({ kind }, index) => byKind.set(kind, (byKind.get(kind) ?? 0) + (lengths[index] ?? 0)))
  return [...byKind]
}
