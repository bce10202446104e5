import { useQuery } from '@tanstack/react-query'
import { RotateCw, ShieldCheck } from 'lucide-react'
import { useState } from 'react'
import type { Me } from '@/api/types'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { CopyButton } from '@/components/CopyButton'
import { EmptyState } from '@/components/EmptyState'
import { QueryView } from '@/components/QueryView'
import { RelativeTime } from '@/components/Time'
import { useSlowNow } from '@/hooks/useSlowNow'
import { formatExact, formatRelative } from '@/lib/format'
import { lackOf } from '@/lib/session'
import { masked } from './describe'
import { secretsQuery, type WebhookSecret } from './queries'
import { RotateSecret } from './RotateSecret'

/** What signs the callbacks of the account, for whoever verifies them. */
export function SecretsCard({ me }: { me: Me }) {
  const lack = lackOf('manage', me.scopes)
  const [asking, setAsking] = useState(false)
  return (
    <Card
      title="Webhook secrets"
      hint="Callbacks of the account are signed with these; receivers verify them with the same."
      actions={
        <Button small scope="manage" onClick={() => setAsking(true)}>
          <RotateCw aria-hidden size={14} />
          Rotate secret…
        </Button>
      }
    >
      {lack === null ? (
        <Secrets />
      ) : (
        <EmptyState icon={ShieldCheck} title="The webhook secrets are not shown">
          {lack}
        </EmptyState>
      )}
      {asking && <RotateSecret onClose={() => setAsking(false)} />}
    </Card>
  )
}

function Secrets() {
  const query = useQuery(secretsQuery)
  return (
    <QueryView query={query} height={120}>
      {({ secrets, public_keys_url: keysUrl }) => (
        <>
          <ul className="divide-y divide-line">
            {secrets.map((secret) => (
              <Secret key={secret.secret} secret={secret} />
            ))}
          </ul>
          <div className="flex flex-wrap items-center gap-x-2 border-t border-line px-4 py-3 text-xs text-muted">
            <span>
              Public keys, to verify <span className="font-mono">v1a</span> signatures without a secret:
            </span>
            <span className="font-mono break-all">{keysUrl}</span>
            <CopyButton text={keysUrl} label="Copy the address of the public keys" />
          </div>
        </>
      )}
    </QueryView>
  )
}

function Secret({
  secret: { secret, created_at: createdAt, expires_at: endsAt },
}: {
  secret: WebhookSecret
}) {
  const now = useSlowNow()
  const [shown, setShown] = useState(false)
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3" data-testid="webhook-secret">
      <div className="min-w-0 flex-1 basis-72">
        <p className="font-mono break-all">{shown ? secret : masked(secret)}</p>
        <p className="mt-0.5 flex flex-wrap gap-x-3 text-xs text-muted">
          <span>
            created <RelativeTime at={createdAt} />
          </span>
          {endsAt === null ? (
            <span>signs until it is rotated</span>
          ) : (
            <span title={formatExact(endsAt)}>also signs until it ends {formatRelative(endsAt, now)}</span>
          )}
        </p>
      </div>
      <div className="flex items-center gap-1">
        <Button small aria-expanded={shown} onClick={() => setShown(!shown)}>
          {shown ? 'Hide' : 'Show'}
        </Button>
        <CopyButton text={secret} label="Copy the secret" withText="Copy" className="h-8" />
      </div>
    </li>
  )
}
