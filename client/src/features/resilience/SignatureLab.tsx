import { ShieldCheck, ShieldX } from 'lucide-react'
import { useEffect, useId, useState } from 'react'
import { Button } from '@/components/Button'
import { cx } from '@/lib/cx'
import type { SignedMessage } from './check'
import { flipOneByte } from './checks/signature'
import { sign } from './signing'

/** Change the body and watch the signature stop matching. */
export function SignatureLab({ message }: { message: SignedMessage }) {
  const [body, setBody] = useState(message.body)
  const computed = useSignature({ ...message, body })
  const id = useId()
  const valid = computed !== null && message.signature.split(' ').includes(computed)
  const Icon = valid ? ShieldCheck : ShieldX
  return (
    <section aria-label="Signature lab" className="grid gap-2 rounded-lg border border-line p-3 text-xs">
      <label htmlFor={id} className="font-medium text-muted">
        Body as received. Change any byte:
      </label>
      <textarea
        id={id}
        value={body}
        spellCheck={false}
        rows={4}
        onChange={(event) => setBody(event.target.value)}
        className="w-full rounded-md border border-line-strong bg-surface p-2 font-mono break-all"
      />
      <dl className="grid gap-1 font-mono break-all">
        <dt className="text-faint">signed content</dt>
        <dd>
          {message.id}.{message.timestamp}.<span className="text-faint">body</span>
        </dd>
        <dt className="text-faint">webhook-signature</dt>
        <dd>{message.signature}</dd>
        <dt className="text-faint">recomputed here</dt>
        <dd className={valid ? 'text-good' : 'text-bad'}>{computed ?? '…'}</dd>
      </dl>
      <div className="flex flex-wrap items-center gap-2">
        <p
          role="status"
          className={cx('inline-flex items-center gap-1.5 font-semibold', valid ? 'text-good' : 'text-bad')}
        >
          <Icon aria-hidden size={15} />
          {valid ? 'Signature valid' : 'Signature does not match'}
        </p>
        <Button small className="ml-auto" onClick={() => setBody(flipOneByte(body))}>
          Change one byte
        </Button>
        <Button small look="ghost" onClick={() => setBody(message.body)}>
          Restore
        </Button>
      </div>
    </section>
  )
}

function useSignature({ id, timestamp, body, secret }: Omit<SignedMessage, 'signature'>): string | null {
  const [computed, setComputed] = useState<string | null>(null)
  useEffect(() => {
    let current = true
    void sign({ id, timestamp, body, secret }).then((signature) => current && setComputed(signature))
    return () => {
      current = false
    }
  }, [id, timestamp, body, secret])
  return computed
}
