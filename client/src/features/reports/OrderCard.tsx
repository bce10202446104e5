import { useQuery } from '@tanstack/react-query'
import { Flag, Play, Send } from 'lucide-react'
import { useEffect, useRef, type FormEvent } from 'react'
import { settingsQuery } from '@/api/queries'
import type { Mode } from '@/api/types'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { CodeBlock } from '@/components/CodeBlock'
import { SelectField, TextField } from '@/components/Field'
import { Kbd } from '@/components/Kbd'
import { LackNote } from '@/components/LackNote'
import { useKey } from '@/hooks/useKey'
import { useStore } from '@/hooks/useStore'
import { formatDuration, formatNumber } from '@/lib/format'
import { startRace } from '@/lib/wishes'
import { checkOrder, orderForm, toOrder, type OrderForm } from './orderForm'
import { LimitNote, useBlocked } from './LimitNote'
import { refusalOf, type Refusal } from './refusal'
import { runStore, startRuns } from './runStore'
import { UrlCheck } from './UrlCheck'

/** A run that begins so soon after the last one ended joins its axis: clicks in a row are one picture. */
const SAME_AXIS_MS = 2_000

/** The one form of the page: which report, and where its callback goes. */
export function OrderCard({ raceEndedAt, onStart }: { raceEndedAt: number; onStart: () => void }) {
  const typed = useStore(orderForm)
  const { data: settings } = useQuery(settingsQuery)
  const hasDemo = settings?.demo_tools !== false
  const form = hasDemo ? typed : { ...typed, useOwnUrl: true }
  const receiver = settings?.demo_receiver_url ?? `${location.origin}/api/callbacks/receive`
  const errors = checkOrder(form)
  const invalid = Object.keys(errors).length > 0
  const syncInvalid = Object.keys(errors).some((field) => field !== 'ownUrl')
  const lastAsync = useStore(runStore).runs.findLast((run) => run.mode === 'async') ?? null
  const syncBlocked = useBlocked('/api/sync')
  const asyncBlocked = useBlocked('/api/async')
  const change = (changes: Partial<OrderForm>) => orderForm.set({ ...form, ...changes })
  const run = (modes: Mode[]) => {
    if (modes.includes('async') ? invalid : syncInvalid) return
    const newSession = modes.length > 1 || Date.now() - raceEndedAt > SAME_AXIS_MS
    startRuns(modes, toOrder(form, receiver), { newSession })
    onStart()
  }
  const race = () => run(['sync', 'async'])
  useKey('r', race)
  useWish(race, settings !== undefined)

  const submit = (event: FormEvent) => {
    event.preventDefault()
    race()
  }
  return (
    <Card title="Report" hint="Sends the same request both ways." className="self-start">
      <form onSubmit={submit} className="grid gap-3 p-4" noValidate>
        <div className="grid grid-cols-2 gap-3">
          <TextField
            label="Rows"
            inputMode="numeric"
            value={form.rows}
            error={errors.rows}
            onChange={(event) => change({ rows: event.target.value.trim() })}
          />
          <TextField
            label="Seed (optional)"
            inputMode="numeric"
            placeholder="from the name"
            value={form.seed}
            error={errors.seed}
            onChange={(event) => change({ seed: event.target.value.trim() })}
          />
        </div>
        <TextField
          label="Name"
          value={form.name}
          error={errors.name}
          maxLength={100}
          onChange={(event) => change({ name: event.target.value })}
        />
        <ReceiverFields
          form={form}
          receiver={hasDemo ? receiver : null}
          error={errors.ownUrl}
          refusal={refusalOf(lastAsync, form.ownUrl)}
          onChange={change}
        />
        <WorkNote rows={Number(form.rows)} />
        <Button
          type="submit"
          look="primary"
          scope="submit"
          disabled={invalid || syncBlocked || asyncBlocked}
          className="h-10"
        >
          <Flag aria-hidden size={16} />
          Race both
          <span className="ml-1 hidden opacity-80 lg:inline" aria-hidden>
            <Kbd>r</Kbd>
          </span>
        </Button>
        <div className="grid grid-cols-2 gap-2">
          <Button scope="submit" disabled={syncInvalid || syncBlocked} onClick={() => run(['sync'])}>
            <Play aria-hidden size={15} />
            Run sync
          </Button>
          <Button scope="submit" disabled={invalid || asyncBlocked} onClick={() => run(['async'])}>
            <Send aria-hidden size={15} />
            Run async
          </Button>
        </div>
        <Notes />
      </form>
    </Card>
  )
}

/** Start the race that was asked for on another view, once it is known where callbacks go. */
function useWish(race: () => void, ready: boolean): void {
  const wished = useStore(startRace)
  useEffect(() => {
    if (!wished || !ready) return
    startRace.set(false)
    race()
  })
}

type ReceiverFieldsProps = {
  form: OrderForm
  /** The demo receiver's URL; null when the server has none. */
  receiver: string | null
  error?: string
  /** Why the server refused this URL; null when it did not. */
  refusal: Refusal | null
  onChange: (changes: Partial<OrderForm>) => void
}

function ReceiverFields({ form, receiver, error, refusal, onChange }: ReceiverFieldsProps) {
  const box = useRef<HTMLDivElement>(null)
  const refused = refusal?.key ?? null
  useEffect(() => {
    if (refused !== null) box.current?.querySelector('input')?.focus()
  }, [refused])
  return (
    <>
      {receiver !== null && (
        <SelectField
          label="Callback receiver"
          value={form.useOwnUrl ? 'own' : 'demo'}
          onChange={(event) => onChange({ useOwnUrl: event.target.value === 'own' })}
          hint={form.useOwnUrl ? undefined : <span className="break-all">{receiver}</span>}
        >
          <option value="demo">Demo receiver of this server</option>
          <option value="own">Another URL, or none…</option>
        </SelectField>
      )}
      {form.useOwnUrl && (
        <div ref={box} className="grid gap-2">
          <TextField
            label="Callback URL (optional)"
            type="url"
            placeholder="https://example.com/webhooks"
            value={form.ownUrl}
            error={form.ownUrl === '' ? null : (refusal?.reason ?? error)}
            hint="Public addresses only, unless the operator allows more. Leave it empty for no callback."
            onChange={(event) => onChange({ ownUrl: event.target.value.trim() })}
          />
          <UrlCheck
            key={form.ownUrl}
            url={form.ownUrl}
            disabled={form.ownUrl === '' || error !== undefined}
          />
          {refusal?.command && <CodeBlock label="command that allows it" code={refusal.command} />}
        </div>
      )}
    </>
  )
}

/** How long it is going to take, from the server's own settings. */
function WorkNote({ rows }: { rows: number }) {
  const { data } = useQuery(settingsQuery)
  // Its line is there from the beginning, so that nothing below it moves.
  if (!data || !Number.isFinite(rows)) return <p className="h-4 text-xs" />
  if (rows > data.sync_max_transactions) {
    return (
      <p className="text-xs text-warn">
        Sync allows at most {formatNumber(data.sync_max_transactions)} rows and will refuse this one; async
        allows {formatNumber(data.async_max_transactions)}.
      </p>
    )
  }
  const ms = Math.min(rows * data.simulated_ms_per_transaction, data.simulated_max_seconds * 1_000)
  return (
    <p className="text-xs text-faint">
      {ms > 0
        ? `The server simulates ${formatDuration(ms)} of work for this report.`
        : 'The server adds no simulated work.'}
    </p>
  )
}

/** Why one cannot start anything now. */
function Notes() {
  return (
    <>
      <LackNote scope="submit" />
      <LimitNote path="/api/sync" name="sync" />
      <LimitNote path="/api/async" name="async" />
    </>
  )
}
