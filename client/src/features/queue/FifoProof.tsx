import { useQuery } from '@tanstack/react-query'
import { ListOrdered, ShieldCheck, ShieldX } from 'lucide-react'
import { useMemo, useRef, useState } from 'react'
import type { FifoEntry, FifoProof as Proof } from '@/api/types'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { QueryView } from '@/components/QueryView'
import { useInView } from '@/hooks/useInView'
import { cx } from '@/lib/cx'
import { formatCount, formatNumber } from '@/lib/format'
import { FifoColumns } from './FifoColumns'
import { colourOfReceivers, receiversOf } from './inversions'
import { fifoProofQuery, givenUpQuery } from './queries'

/** The server checks more than these: the newest are drawn. */
const ROWS_DRAWN = 24
const NOBODY: ReadonlySet<string> = new Set()

/** Accepted, generated, delivered: three orders side by side. Lines of one receiver never cross. */
export function FifoProof() {
  const box = useRef<HTMLDivElement>(null)
  const query = useQuery(fifoProofQuery(useInView(box)))
  return (
    <div ref={box}>
      <Card
        title="First in, first out: the proof"
        hint="Checked by the server against its own records, every few seconds while this is in view."
        actions={query.data && query.data.checked > 0 && <Verdict proof={query.data} />}
      >
        <QueryView query={query} height={320}>
          {(proof) =>
            proof.entries.length === 0 ? (
              <EmptyState icon={ListOrdered} title="Nothing to compare yet">
                Run a few async requests in the playground. Their order of acceptance, generation and delivery
                is compared here.
              </EmptyState>
            ) : (
              <Drawing proof={proof} />
            )
          }
        </QueryView>
      </Card>
    </div>
  )
}

function Verdict({ proof }: { proof: Proof }) {
  const inversions = proof.generation_inversions + proof.delivery_inversions
  const Icon = inversions === 0 ? ShieldCheck : ShieldX
  return (
    <p
      className={cx(
        'inline-flex items-center gap-1.5 rounded-full px-2.5 py-1 text-xs font-semibold',
        inversions === 0 ? 'bg-good-soft text-good' : 'bg-bad-soft text-bad',
      )}
      title={`Generation: ${proof.generation_inversions}, delivery: ${proof.delivery_inversions}`}
    >
      <Icon aria-hidden size={14} />
      {formatCount(inversions, 'inversion')} in {formatCount(proof.checked, 'request')}
    </p>
  )
}

function Drawing({ proof }: { proof: Proof }) {
  const [chosen, setChosen] = useState<string | null>(null)
  const receivers = useMemo(() => receiversOf(proof.entries), [proof.entries])
  const colours = useMemo(() => colourOfReceivers(receivers), [receivers])
  const receiver = chosen !== null && receivers.includes(chosen) ? chosen : null
  const matching = proof.entries.filter((entry) => receiver === null || entry.receiver === receiver)
  const entries = newest(matching)
  const { data: givenUp = NOBODY } = useQuery(givenUpQuery)
  return (
    <div className="grid gap-3 p-4">
      <p className="max-w-3xl text-pretty text-muted">
        An inversion is a request that was generated, or delivered to its receiver, before one that was
        accepted earlier. Lines of one receiver never cross; receivers do not wait for each other, so lines of
        different receivers may.
      </p>
      <div className="flex flex-wrap items-center gap-1.5" role="group" aria-label="Receivers drawn">
        {receivers.length > 1 && (
          <>
            <Choice name="All receivers" pressed={receiver === null} onPress={() => setChosen(null)} />
            {receivers.map((one) => (
              <Choice
                key={one}
                name={one}
                colour={colours.get(one)}
                pressed={receiver === one}
                onPress={() => setChosen(one)}
              />
            ))}
          </>
        )}
        <span className="text-xs text-muted">{describeDrawn(entries.length, matching.length)}</span>
      </div>
      <FifoColumns entries={entries} colours={colours} givenUp={givenUp} />
    </div>
  )
}

function describeDrawn(drawn: number, all: number): string {
  if (drawn === all) return drawn === 1 ? 'One request' : `All ${formatNumber(all)} requests`
  return `Newest ${formatNumber(drawn)} of ${formatNumber(all)}`
}

function newest(entries: FifoEntry[]): FifoEntry[] {
  return entries.toSorted((one, other) => one.accepted_rank - other.accepted_rank).slice(-ROWS_DRAWN)
}

type ChoiceProps = { name: string; colour?: string; pressed: boolean; onPress: () => void }

function Choice({ name, colour, pressed, onPress }: ChoiceProps) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      onClick={onPress}
      className={cx(
        'inline-flex min-h-7 max-w-full items-center gap-1.5 rounded-full border px-2.5 text-xs font-medium',
        pressed
          ? 'border-accent bg-accent-soft text-accent'
          : 'border-line-strong text-muted hover:bg-raised',
      )}
    >
      {colour && (
        <span aria-hidden className="mark h-0.5 w-4 shrink-0" style={{ background: `var(${colour})` }} />
      )}
      <span className="truncate">{name}</span>
    </button>
  )
}
