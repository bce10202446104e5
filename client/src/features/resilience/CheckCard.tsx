import { CircleCheck, CircleDashed, CircleMinus, CircleX, LoaderCircle, Play } from 'lucide-react'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { ErrorState } from '@/components/ErrorState'
import { StateBadge } from '@/components/StateBadge'
import type { StateLook } from '@/components/states'
import type { Check, CheckState } from './check'
import { EvidenceView } from './EvidenceView'
import { StepList } from './StepList'

const looks: Record<CheckState['status'], StateLook> = {
  idle: { word: 'Not run', tone: 'queued', icon: CircleDashed },
  running: { word: 'Running', tone: 'running', icon: LoaderCircle },
  held: { word: 'Passed', tone: 'good', icon: CircleCheck },
  broken: { word: 'Failed', tone: 'bad', icon: CircleX },
  unavailable: { word: 'Not available here', tone: 'warn', icon: CircleMinus },
}

type CheckCardProps = { check: Check; state: CheckState; busy: boolean; onRun: () => void }

/** A claim, a button, and what was expected beside what was seen. */
export function CheckCard({ check, state, busy, onRun }: CheckCardProps) {
  const Icon = check.icon
  const look = state.error ? { ...looks.broken, word: 'Error' } : looks[state.status]
  return (
    <Card
      title={
        <span className="inline-flex items-center gap-2">
          <Icon aria-hidden size={17} className="text-accent" />
          {check.title}
        </span>
      }
      actions={
        <>
          <StateBadge look={look} />
          <Button small scope="submit" disabled={busy} onClick={onRun} aria-label={`Run ${check.title}`}>
            <Play aria-hidden size={13} />
            Run
          </Button>
        </>
      }
    >
      <div className="grid gap-3 p-4" data-testid={`check-${check.id}`}>
        <p className="text-muted">{check.claim}</p>
        {state.note && <p className="rounded-md bg-warn-soft px-3 py-2 text-warn">{state.note}</p>}
        {state.steps.length > 0 && <StepList steps={state.steps} />}
        {state.evidence && <EvidenceView evidence={state.evidence} />}
      </div>
      {state.error !== null && <ErrorState error={state.error} onRetry={onRun} />}
    </Card>
  )
}
