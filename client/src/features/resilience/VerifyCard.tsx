import { useMutation, useQuery } from '@tanstack/react-query'
import { BadgeCheck, Inbox, ShieldCheck, ShieldX } from 'lucide-react'
import { useEffect, useId, useState } from 'react'
import { api, unwrap } from '@/api/client'
import { settingsQuery } from '@/api/queries'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { CodeBlock } from '@/components/CodeBlock'
import { ErrorState } from '@/components/ErrorState'
import { TextField } from '@/components/Field'
import { Tabs } from '@/components/Tabs'
import { cx } from '@/lib/cx'
import type { SignedMessage } from './check'
import { snippets, verify, type Verification } from './verifying'

const empty: SignedMessage = { id: '', timestamp: '', signature: '', body: '', secret: '' }

/** Any callback, pasted: is it signed as it should be? Nothing typed here leaves the browser. */
export function VerifyCard() {
  const [message, setMessage] = useState(empty)
  const { data: settings } = useQuery(settingsQuery)
  const change = (changes: Partial<SignedMessage>) => setMessage({ ...message, ...changes })
  const last = useMutation({ mutationFn: lastReceived, onSuccess: setMessage })
  const field = (name: 'id' | 'timestamp' | 'signature' | 'secret') => ({
    value: message[name],
    spellCheck: false,
    autoComplete: 'off',
    onChange: (event: { target: { value: string } }) => change({ [name]: event.target.value }),
  })
  return (
    <Card
      title={
        <span className="inline-flex items-center gap-2">
          <BadgeCheck aria-hidden size={17} className="text-accent" />
          Verify a callback
        </span>
      }
      hint="Paste a callback that you received. Nothing leaves this browser."
      actions={
        settings?.demo_tools && (
          <Button small disabled={last.isPending} onClick={() => last.mutate()}>
            <Inbox aria-hidden size={14} />
            Use the last one received here
          </Button>
        )
      }
    >
      <div className="grid gap-3 p-4">
        <div className="grid gap-3 sm:grid-cols-2">
          <TextField label="webhook-id" placeholder="msg_…" {...field('id')} />
          <TextField label="webhook-timestamp" placeholder="1614265330" {...field('timestamp')} />
        </div>
        <TextField label="webhook-signature" placeholder="v1,…" {...field('signature')} />
        <Body value={message.body} onChange={(body) => change({ body })} />
        <TextField
          label="Secret"
          placeholder="whsec_…"
          hint="The receiver's signing secret."
          {...field('secret')}
        />
        <Result message={message} />
      </div>
      {last.error && <ErrorState error={last.error} onRetry={() => last.mutate()} />}
      <div className="border-t border-line">
        <Tabs
          label="Verify it in your own code"
          tabs={snippets.map(({ value, label, code }) => ({
            value,
            label,
            content: <CodeBlock label={`${label} sample`} code={code} />,
          }))}
        />
      </div>
    </Card>
  )
}

function Body({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-xs font-medium text-muted">
        Body, exactly as received
      </label>
      <textarea
        id={id}
        value={value}
        spellCheck={false}
        rows={3}
        onChange={(event) => onChange(event.target.value)}
        className="w-full rounded-md border border-line-strong bg-surface p-2 font-mono text-xs break-all"
      />
    </div>
  )
}

function Result({ message }: { message: SignedMessage }) {
  const result = useVerification(message)
  const Icon = result?.valid ? ShieldCheck : ShieldX
  return (
    <p
      role="status"
      data-testid="verification"
      className={cx(
        'flex items-start gap-1.5',
        result === null ? 'text-muted' : result.valid ? 'text-good' : 'text-bad',
      )}
    >
      {result && <Icon aria-hidden size={16} className="mt-0.5 shrink-0" />}
      {result?.sentence ?? 'Fill in every field to see whether the signature is valid.'}
    </p>
  )
}

function useVerification(message: SignedMessage): Verification | null {
  const [result, setResult] = useState<Verification | null>(null)
  useEffect(() => {
    let current = true
    void verify(message, Date.now()).then((found) => current && setResult(found))
    return () => {
      current = false
    }
  }, [message])
  return result
}

/** What the demo receiver got last, with the secret it was signed with. */
async function lastReceived(): Promise<SignedMessage> {
  const { callbacks } = await unwrap(api.GET('/api/callbacks/history'))
  const last = callbacks.toSorted(
    (one, other) => Date.parse(other.received_at) - Date.parse(one.received_at),
  )[0]
  if (!last) throw new Error('The demo receiver has not received anything yet. Run an async request first.')
  const { secret } = await unwrap(api.GET('/api/callbacks/signing-secret'))
  return {
    id: last.headers['webhook-id'] ?? '',
    timestamp: last.headers['webhook-timestamp'] ?? '',
    signature: last.headers['webhook-signature'] ?? '',
    body: last.raw_body,
    secret,
  }
}
