import { Equal, Trophy } from 'lucide-react'
import type { BenchmarkSummary, Mode, SyncSide } from '@/api/types'
import { Card } from '@/components/Card'
import { ModeBadge } from '@/components/ModeBadge'
import { StateBadge } from '@/components/StateBadge'
import type { StateLook } from '@/components/states'
import { formatDuration } from '@/lib/format'
import { explain, verdictsOf, type Verdicts, type Winner } from './verdicts'

const looks = {
  shorter: { word: 'Shorter', tone: 'good', icon: Trophy },
  tie: { word: 'About the same', tone: 'queued', icon: Equal },
} satisfies Record<string, StateLook>

const meanings = {
  sync: {
    total: 'From the first request to the last response.',
    blocked: 'How long callers waited for their reports, added up.',
  },
  async: {
    total: 'From the first request to the last callback.',
    blocked: 'How long callers waited for their receipts, added up. After that they were free.',
  },
}

/** What each of the two is first at. They are two different times: neither is divided by the other. */
export function SideCards({ summary }: { summary: BenchmarkSummary }) {
  const verdicts = verdictsOf(summary)
  const sides = [summary.sync, summary.async].filter((side) => side !== null)
  return (
    <div className="grid gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        {sides.map((side) => (
          <SideCard key={side.mode} side={side} verdicts={verdicts} />
        ))}
      </div>
      {verdicts.reservation && <p className="px-1 text-muted">{verdicts.reservation}</p>}
    </div>
  )
}

function SideCard({ side, verdicts }: { side: SyncSide; verdicts: Verdicts }) {
  const { mode } = side
  return (
    <Card
      className="flex flex-col"
      title={
        <span className="inline-flex items-center gap-2">
          <ModeBadge mode={mode} />
          <span>{headline(mode, verdicts)}</span>
        </span>
      }
    >
      <dl className="grid flex-1 content-start gap-3 p-4" data-testid={`side-${mode}`}>
        <BigFigure
          name="Total time"
          ms={side.duration_ms}
          winner={verdicts.total}
          mode={mode}
          meaning={meanings[mode].total}
        />
        <BigFigure
          name="Client-blocked time"
          ms={side.client_blocked_ms}
          winner={verdicts.blocked}
          mode={mode}
          meaning={meanings[mode].blocked}
        />
      </dl>
      <p className="border-t border-line px-4 py-3 text-muted">{explain(mode, verdicts)}</p>
    </Card>
  )
}

function headline(mode: Mode, { total, blocked }: Verdicts): string {
  if (total === mode && blocked === mode) return 'First at both'
  if (total === mode) return 'Finished first'
  if (blocked === mode) return 'Freed its callers first'
  return mode === 'sync' ? 'Callers wait for the report' : 'Callers get a receipt, then a callback'
}

type BigFigureProps = { name: string; ms: number; mode: Mode; winner: Winner; meaning: string }

function BigFigure({ name, ms, mode, winner, meaning }: BigFigureProps) {
  return (
    <div>
      <dt className="text-xs font-medium text-muted">{name}</dt>
      <dd className="flex flex-wrap items-center gap-x-3">
        <span className="text-2xl leading-8 font-semibold tracking-tight">{formatDuration(ms)}</span>
        {winner === mode && <StateBadge look={looks.shorter} />}
        {winner === 'tie' && <StateBadge look={looks.tie} />}
      </dd>
      <dd className="text-xs text-faint">{meaning}</dd>
    </div>
  )
}
