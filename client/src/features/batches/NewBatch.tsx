import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Layers } from 'lucide-react'
import { useState } from 'react'
import { keys } from '@/api/keys'
import { settingsQuery } from '@/api/queries'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { ErrorState } from '@/components/ErrorState'
import { SelectField, TextField } from '@/components/Field'
import { formatCount } from '@/lib/format'
import { bodyOf, COUNT_MAX, type BatchForm, type Callbacks } from './batchForm'
import { submitBatch } from './queries'

const first: BatchForm = {
  name: '',
  count: 10,
  rows: 20,
  priority: 'normal',
  callbacks: 'none',
  callbackUrl: '',
}

/** Submits a batch of equal reports: enough to see one go through. */
export function NewBatch() {
  const client = useQueryClient()
  const { data: settings } = useQuery(settingsQuery)
  const [form, setForm] = useState(first)
  const set = (changes: Partial<BatchForm>) => setForm((old) => ({ ...old, ...changes }))
  const callbackUrl = form.callbackUrl || (settings?.demo_receiver_url ?? '')
  const submit = useMutation({
    mutationFn: () => submitBatch(bodyOf({ ...form, callbackUrl })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.batches }),
  })
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
          value={form.count}
          onChange={(event) => set({ count: event.target.valueAsNumber || 0 })}
        />
        <TextField
          label="Rows each"
          type="number"
          required
          min={1}
          max={settings?.async_max_transactions}
          value={form.rows}
          onChange={(event) => set({ rows: event.target.valueAsNumber || 0 })}
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
        <Button type="submit" look="primary" disabled={submit.isPending}>
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
            onChange={(event) => set({ callbackUrl: event.target.value })}
          />
        )}
      </form>
      {submit.error && <ErrorState error={submit.error} />}
      <p role="status" className="px-4 pb-3 text-xs text-muted empty:hidden">
        {submit.data &&
          `${formatCount(submit.data.count, 'report')} accepted, positions ${submit.data.first_position} to ${submit.data.last_position}.`}
      </p>
    </Card>
  )
}
