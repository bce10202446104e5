import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { keys } from '@/api/keys'
import type { Me, NewApiKey } from '@/api/types'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { SelectField, TextField } from '@/components/Field'
import { SCOPES, type Scope } from '@/lib/session'
import { endAfter, lifetimeName, lifetimesFor, scopeMeanings } from './describe'
import { createKey } from './queries'

type CreateKeyProps = { me: Me; onClose: () => void; onMade: (apiKey: NewApiKey) => void }

/** Name, scopes and end of a new key: none that the key in use does not have itself. */
export function CreateKey({ me, onClose, onMade }: CreateKeyProps) {
  const client = useQueryClient()
  const [openedAt] = useState(() => Date.now())
  const lifetimes = lifetimesFor(me, openedAt)
  const [name, setName] = useState('')
  const [scopes, setScopes] = useState<readonly Scope[]>([])
  const [days, setDays] = useState<number | null>(lifetimes.includes(90) ? 90 : null)
  const creating = useMutation({
    mutationFn: () =>
      createKey({ name: name.trim(), scopes: [...scopes], expires_at: endAfter(days, Date.now()) }),
    onSuccess: onMade,
    onSettled: () => client.invalidateQueries({ queryKey: keys.apiKeys }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    creating.mutate()
  }
  return (
    <Dialog title="Create a key" onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4 p-4">
        <TextField
          label="Name"
          placeholder="what it is for, such as ci"
          required
          maxLength={100}
          pattern=".*\S.*"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <ScopeChoice me={me} chosen={scopes} onChange={setScopes} />
        <SelectField
          label="Good for"
          value={days ?? ''}
          onChange={({ target }) => setDays(target.value === '' ? null : Number(target.value))}
        >
          {lifetimes.map((choice) => (
            <option key={choice ?? ''} value={choice ?? ''}>
              {lifetimeName(choice, me)}
            </option>
          ))}
        </SelectField>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" disabled={scopes.length === 0 || creating.isPending}>
            Create key
          </Button>
        </div>
      </form>
      {creating.error && <ErrorState error={creating.error} />}
    </Dialog>
  )
}

type ScopeChoiceProps = { me: Me; chosen: readonly Scope[]; onChange: (scopes: readonly Scope[]) => void }

function ScopeChoice({ me, chosen, onChange }: ScopeChoiceProps) {
  return (
    <fieldset className="grid gap-1.5">
      <legend className="mb-1 text-xs font-medium text-muted">Scopes</legend>
      {SCOPES.map((scope) => {
        const has = me.scopes.includes(scope)
        const toggled = chosen.includes(scope) ? chosen.filter((one) => one !== scope) : [...chosen, scope]
        return (
          <label key={scope} className={has ? 'flex items-start gap-2' : 'flex items-start gap-2 text-muted'}>
            <input
              type="checkbox"
              className="mt-1"
              disabled={!has}
              checked={chosen.includes(scope)}
              onChange={() => onChange(toggled)}
            />
            <span>
              <span className="font-mono text-xs">{scope}</span>{' '}
              {has ? scopeMeanings[scope] : 'not in the key in use, so it cannot be handed on'}
            </span>
          </label>
        )
      })}
    </fieldset>
  )
}
