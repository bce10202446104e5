import type { ReactNode } from 'react'
import type { Me } from '@/api/types'
import { Card } from '@/components/Card'
import { formatExact } from '@/lib/format'
import { SCOPES } from '@/lib/session'
import { describeRate, describeWaiting, scopeMeanings } from './describe'

/** The account, the key in use, its scopes, and the limits. */
export function WhoCard({ me }: { me: Me }) {
  const { limits } = me
  return (
    <Card title="Signed in" hint="Limits are of the account: all of its keys share them.">
      <dl className="grid gap-x-8 gap-y-4 p-4 sm:grid-cols-2 lg:grid-cols-3">
        <Fact name="Account">
          <span className="font-mono break-all">{me.account}</span>
        </Fact>
        <Fact name="Key in use">
          <span className="font-mono">{me.key_id ?? 'a token'}</span>
        </Fact>
        <Fact name="Ends">{me.expires_at === null ? 'Never' : formatExact(me.expires_at)}</Fact>
        <Fact name="Sync requests">{describeRate(limits.sync)}</Fact>
        <Fact name="Async requests">{describeRate(limits.async)}</Fact>
        <Fact name="Waiting in the queue">{describeWaiting(limits.waiting)}</Fact>
      </dl>
      <div className="border-t border-line p-4">
        <h3 className="mb-2 text-xs text-muted">Scopes</h3>
        <ul className="grid gap-1.5 sm:grid-cols-2">
          {SCOPES.map((scope) => (
            <li key={scope} className={me.scopes.includes(scope) ? '' : 'text-muted'}>
              <span className="mr-2 rounded bg-raised px-1.5 py-0.5 font-mono text-xs">{scope}</span>
              {me.scopes.includes(scope) ? scopeMeanings[scope] : `Not in this key: ${scopeMeanings[scope]}`}
            </li>
          ))}
        </ul>
      </div>
    </Card>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="font-medium">{children}</dd>
    </div>
  )
}
