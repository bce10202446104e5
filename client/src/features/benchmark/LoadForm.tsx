import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Play } from 'lucide-react'
import type { FormEvent } from 'react'
import { ProblemError } from '@/api/client'
import { settingsQuery } from '@/api/queries'
import type { BenchmarkRun } from '@/api/types'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { ErrorState } from '@/components/ErrorState'
import { TextField } from '@/components/Field'
import { LackNote } from '@/components/LackNote'
import { Link } from '@/components/Link'
import { ToggleGroup } from '@/components/ToggleGroup'
import { useStore } from '@/hooks/useStore'
import { paths } from '@/lib/paths'
import { navigate } from '@/lib/router'
import { showToast } from '@/lib/toasts'
import {
  checkLoad,
  isSameForm,
  loadForm,
  presets,
  toLoadOrder,
  workNote,
  type LoadForm as Form,
} from './loadForm'
import { runsQuery, startRun } from './queries'

const modes = [
  { value: 'both', label: 'Both, one after the other', content: 'Both' },
  { value: 'sync', label: 'Sync only', content: 'Sync' },
  { value: 'async', label: 'Async only', content: 'Async' },
] as const

type LoadFormProps = { underWay: BenchmarkRun | null; shown: string | null }

export function LoadForm({ underWay, shown }: LoadFormProps) {
  const form = useStore(loadForm)
  const settings = useQuery(settingsQuery).data
  const errors = checkLoad(form, settings)
  const invalid = Object.keys(errors).length > 0
  const start = useStart()
  const change = (changes: Partial<Form>) => loadForm.set({ ...form, ...changes })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!invalid) start.mutate(form)
  }
  return (
    <Card title="Load" hint="Sent to this server over HTTP." className="min-w-0">
      <form onSubmit={submit} className="grid gap-3 p-4" noValidate>
        <Presets form={form} onChoose={change} />
        <div>
          <ToggleGroup
            label="What to measure"
            value={form.mode}
            options={[...modes]}
            onChange={(mode) => change({ mode })}
          />
        </div>
        <Fields form={form} errors={errors} onChange={change} />
        {settings && !invalid && (
          <p className="text-xs text-pretty text-muted">{workNote(form.mode, toLoadOrder(form), settings)}</p>
        )}
        <Button
          type="submit"
          look="primary"
          scope="admin"
          className="h-10"
          disabled={invalid || underWay !== null || start.isPending}
        >
          <Play aria-hidden size={16} />
          {start.isPending ? 'Starting…' : 'Start run'}
        </Button>
        <LackNote scope="admin" />
        {underWay && <UnderWay run={underWay} shown={underWay.run_id === shown} />}
      </form>
      {start.error && <ErrorState error={start.error} onRetry={() => start.mutate(form)} />}
    </Card>
  )
}

/** Why no run can be started now. */
function UnderWay({ run, shown }: { run: BenchmarkRun; shown: boolean }) {
  if (shown)
    return <p className="text-xs text-muted">Only one run at a time: wait for this one or stop it.</p>
  return (
    <p className="text-xs text-muted">
      Only one run at a time:{' '}
      <Link
        href={paths.benchmark(run.run_id)}
        className="font-medium text-accent underline underline-offset-2"
      >
        show the current run
      </Link>
      .
    </p>
  )
}

/** Begin a run and show it; when another one is under way, show that one. */
function useStart() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (form: Form) => {
      try {
        return await startRun(form.mode, toLoadOrder(form))
      } catch (error) {
        if (!(error instanceof ProblemError) || error.status !== 409) throw error
        const { runs } = await client.fetchQuery({ ...runsQuery, staleTime: 0 })
        const other = runs.find((run) => run.status === 'RUNNING')
        if (!other) throw error
        showToast({ tone: 'plain', text: 'Another run is already in progress. Showing that one.' })
        return other.run_id
      }
    },
    onSuccess: async (id) => {
      navigate(paths.benchmark(id))
      await client.invalidateQueries({ queryKey: runsQuery.queryKey })
    },
  })
}

function Presets({ form: current, onChoose }: { form: Form; onChoose: (form: Form) => void }) {
  const chosen = presets.find(({ form }) => isSameForm(form, current))
  return (
    <div role="group" aria-label="Presets" className="flex flex-wrap gap-1.5">
      {presets.map(({ name, form, meaning }) => (
        <Button
          key={name}
          small
          title={meaning}
          aria-pressed={isSameForm(form, current)}
          look={isSameForm(form, current) ? 'chosen' : 'secondary'}
          onClick={() => onChoose(form)}
        >
          {name}
        </Button>
      ))}
      <p className="basis-full text-xs text-faint">{chosen?.meaning ?? 'Your own settings.'}</p>
    </div>
  )
}

type FieldsProps = {
  form: Form
  errors: ReturnType<typeof checkLoad>
  onChange: (changes: Partial<Form>) => void
}

function Fields({ form, errors, onChange }: FieldsProps) {
  const field = (name: 'requests' | 'concurrency' | 'rows' | 'rate') => ({
    value: form[name],
    error: errors[name],
    onChange: (event: { target: { value: string } }) => onChange({ [name]: event.target.value.trim() }),
  })
  return (
    <>
      <div className="grid grid-cols-2 gap-3">
        <TextField
          label="Requests"
          inputMode="numeric"
          hint={form.mode === 'both' ? 'each way' : undefined}
          {...field('requests')}
        />
        <TextField
          label="Concurrent callers"
          inputMode="numeric"
          disabled={form.rate !== ''}
          hint={form.rate === '' ? undefined : 'as many as needed'}
          {...field('concurrency')}
        />
        <TextField label="Rows per report" inputMode="numeric" {...field('rows')} />
        <TextField
          label="Requests per second"
          inputMode="decimal"
          placeholder="no fixed rate"
          {...field('rate')}
        />
      </div>
      <p className="text-xs text-faint">
        Without a rate, each caller waits for its response before sending the next request. With one, requests
        start on schedule whatever happens to earlier ones, and a late start counts as waiting.
      </p>
    </>
  )
}
