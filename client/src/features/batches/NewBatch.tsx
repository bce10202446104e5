import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Layers } from 'lucide-react'
import { useState } from 'react'
import { keys } from '@/api/keys'
import { settingsQuery } from '@/api/queries'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { ErrorState } from '@/components/ErrorState'
import { SelectField, TextField } from '@/components/Field'
import { LackNote } from '@/components/LackNote'
import { formatCount, formatNumber } from '@/lib/format'
import { bodyOf, COUNT_MAX, type BatchForm, type Callbacks } from './batchForm'
import { submitBatch } from './queries'

const initial: Omit<BatchForm, 'callbackUrl'> = {
  name: '',
  count: 10,
  rows: 20,
  priority: 'normal',
  callbacks: 'none',
}

/** Submits a batch of equal reports: enough to see one go through. */
export function NewBatch() {
  const client = useQueryClient()
  const { data: settings } = useQuery(settingsQuery)
  const [form, setForm] = useState(initial)
  const [typedUrl, setTypedUrl] = useState<string | null>(null)
  const set = (changes: Partial<BatchForm>) => setForm((old) => ({ ...old, ...changes }))
  const callbackUrl = typedUrl ?? settings?.demo_receiver_url ?? ''
  const submit = useMutation({
    mutationFn: () => submitBatch(bodyOf({ ...form, callbackUrl })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.batches }),
  })
  const scope = form.priority === 'high' ? 'submit:high' : 'submit'
  return (
    <Card title="New batch" hint="All of its reports are accepted together, or none.">
      <form
        className="grid grid-cols-2 items-end gap-3 p-4 md:grid-cols-3 xl:grid-cols-6"
        onSubmit={(event) => {
          event.preventDefault()
          submit.mutate()
        }}
      >
        <TextField
          label="Batch name"
          placeholder="optional"
          maxLength={100}
          value={form.name}
          onChange={(event) => set({ name: event.target.value })}
        />
        <TextField
          label="Reports"
          type="number"
          required
          min={1}
          max={COUNT_MAX}
          value={valueOf(form.count)}
          onChange={(event) => set({ count: event.target.valueAsNumber })}
        />
        <TextField
          label="Rows each"
          type="number"
          required
          min={1}
          max={settings?.async_max_transactions}
          value={valueOf(form.rows)}
          onChange={(event) => set({ rows: event.target.valueAsNumber })}
        />
        <SelectField
          label="Priority"
          value={form.priority}
          onChange={(event) => set({ priority: event.target.value as BatchForm['priority'] })}
        >
          <option value="high">High</option>
          <option value="normal">Normal</option>
          <option value="low">Low</option>
        </SelectField>
        <SelectField
          label="Callbacks"
          value={form.callbacks}
          onChange={(event) => set({ callbacks: event.target.value as Callbacks })}
        >
          <option value="none">None</option>
          <option value="each">One for each report</option>
          <option value="batch">One for the batch</option>
          <option value="both">Both</option>
        </SelectField>
        <Button type="submit" look="primary" scope={scope} disabled={submit.isPending}>
          <Layers aria-hidden size={16} />
          Submit batch
        </Button>
        {form.callbacks !== 'none' && (
          <TextField
            className="col-span-full"
            label="Callback URL"
            type="url"
            required
            value={callbackUrl}
            onChange={(event) => setTypedUrl(event.target.value)}
          />
        )}
        <div className="col-span-full empty:hidden">
          <LackNote scope={scope} />
        </div>
      </form>
      {submit.error && <ErrorState error={submit.error} />}
      <p role="status" className="px-4 pb-3 text-xs text-muted empty:hidden">
        {submit.data && describeAccepted(submit.data)}
      </p>
    </Card>
  )
}

type Accepted = Awaited<ReturnType<typeof submitBatch>>

function describeAccepted({ count, first_position, last_position }: Accepted): string {
  const places =
    count === 1
      ? formatNumber(first_position)
      : `${formatNumber(first_position)} to ${formatNumber(last_position)}`
  return `${formatCount(count, 'report')} accepted, ${count === 1 ? 'position' : 'positions'} ${places}.`
}

/** An emptied field is empty, not 0. */
function valueOf(number: number): number | '' {
  return Number.isNaN(number) ? '' : number
}
