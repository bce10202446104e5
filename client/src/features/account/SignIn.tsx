import { useMutation } from '@tanstack/react-query'
import { KeyRound } from 'lucide-react'
import { useState, type FormEvent } from 'react'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { CodeBlock } from '@/components/CodeBlock'
import { TextField } from '@/components/Field'
import { useStore } from '@/hooks/useStore'
import { session } from '@/lib/session'
import { readMe } from './queries'
import { faultOf, sentenceFor, whyNot } from './refusals'

const CREATE = `python -m src.manage keys create \\
  --account acme --name laptop \\
  --scope read --scope submit`

/** A place for a key. It is tried before it is kept. */
export function SignIn() {
  const { refusal } = useStore(session.state)
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card title="Enter a key" hint="It stays in this tab, until you sign out or close it.">
        {refusal !== null && refusal !== 'key-missing' && (
          <p role="alert" className="mx-4 mt-4 rounded-lg border border-line bg-bad-soft p-3 text-bad">
            {sentenceFor(refusal)} Enter another one, or go on without a key where the server allows it.
          </p>
        )}
        <KeyForm />
        {refusal !== null && refusal !== 'key-missing' && (
          <div className="border-t border-line p-4">
            <Button onClick={() => session.leave()}>Go on without a key</Button>
          </div>
        )}
      </Card>
      <Card title="Where keys come from">
        <div className="grid gap-3 p-4">
          <p>
            A key belongs to an account and names what its holder may do: read, submit, manage. Someone with{' '}
            <em>manage</em> creates keys of an account on this page. The first one is created by whoever runs
            the server, in its folder <code className="font-mono text-xs">server/</code>:
          </p>
          <CodeBlock label="command" code={CREATE} />
          <p className="text-muted">
            A key is shown once, when it is created. The server keeps only its hash.
          </p>
        </div>
      </Card>
    </div>
  )
}

function KeyForm() {
  const [typed, setTyped] = useState('')
  const [fault, setFault] = useState<string | null>(null)
  const trying = useMutation({
    mutationFn: async (key: string) => {
      await readMe(key)
      session.enter(key)
    },
    onError: (error) => setFault(whyNot(error)),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const key = typed.trim()
    const wrong = faultOf(key)
    setFault(wrong)
    if (wrong === null) trying.mutate(key)
  }
  return (
    <form onSubmit={submit} className="grid gap-3 p-4">
      <TextField
        label="API key"
        type="password"
        placeholder="frg_…"
        required
        spellCheck={false}
        autoComplete="off"
        inputClass="font-mono"
        value={typed}
        error={fault}
        onChange={(event) => setTyped(event.target.value)}
      />
      <Button type="submit" look="primary" disabled={trying.isPending} className="justify-self-start">
        <KeyRound aria-hidden size={16} />
        {trying.isPending ? 'Signing in…' : 'Sign in'}
      </Button>
    </form>
  )
}
