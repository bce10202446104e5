import { Ban, CircleCheck, Clock3, RotateCw } from 'lucide-react'
import type { ReactNode } from 'react'
import type { ApiKey } from '@/api/types'
import { Button } from '@/components/Button'
import { StateBadge } from '@/components/StateBadge'
import type { StateLook } from '@/components/states'
import { RelativeTime } from '@/components/Time'
import { formatExact, formatRelative } from '@/lib/format'
import { stateOf, type KeyState } from './describe'

const looks: Record<KeyState, StateLook> = {
  good: { word: 'Good', tone: 'good', icon: CircleCheck },
  replaced: { word: 'Replaced', tone: 'warn', icon: RotateCw },
  expired: { word: 'Expired', tone: 'queued', icon: Clock3 },
  revoked: { word: 'Revoked', tone: 'bad', icon: Ban },
}

type KeyRowProps = {
  apiKey: ApiKey
  isInUse: boolean
  now: number
  onRotate: () => void
  onRevoke: () => void
}

/** One key, and what can be done with it while it is good. */
export function KeyRow({ apiKey, isInUse, now, onRotate, onRevoke }: KeyRowProps) {
  const state = stateOf(apiKey, now)
  const isOver = state === 'expired' || state === 'revoked'
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3" data-testid="api-key">
      <div className="min-w-0 flex-1 basis-72">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="font-medium break-words">{apiKey.name}</span>
          <StateBadge look={looks[state]} />
          {isInUse && <span className="rounded bg-raised px-1.5 py-0.5 text-xs">in use here</span>}
        </p>
        <p className="mt-0.5 text-xs text-muted">
          <span className="font-mono">{apiKey.id}</span> · {apiKey.scopes.join(', ')}
        </p>
        <p className="mt-0.5 flex flex-wrap gap-x-3 text-xs text-muted">
          <Times apiKey={apiKey} state={state} now={now} />
        </p>
      </div>
      {!isOver && (
        <div className="flex gap-1">
          {state === 'good' && (
            <Button small onClick={onRotate} aria-label={`Rotate… ${apiKey.name} ${apiKey.id}`}>
              <RotateCw aria-hidden size={14} />
              Rotate…
            </Button>
          )}
          <Button small look="danger" onClick={onRevoke} aria-label={`Revoke… ${apiKey.name} ${apiKey.id}`}>
            <Ban aria-hidden size={14} />
            Revoke…
          </Button>
        </div>
      )}
    </li>
  )
}

type TimesProps = { apiKey: ApiKey; state: KeyState; now: number }

function Times({ apiKey, state, now }: TimesProps) {
  const { created_at: createdAt, last_used_at: usedAt, expires_at: endsAt, revoked_at: revokedAt } = apiKey
  return (
    <>
      <Fact word="created">
        <RelativeTime at={createdAt} />
      </Fact>
      {usedAt === null ? (
        <Fact word="never used" />
      ) : (
        <Fact word="last used">
          <RelativeTime at={usedAt} />
        </Fact>
      )}
      {revokedAt !== null && (
        <Fact word="revoked">
          <RelativeTime at={revokedAt} />
        </Fact>
      )}
      {revokedAt === null && endsAt === null && <Fact word="no end" />}
      {revokedAt === null && endsAt !== null && (
        <Fact word={state === 'expired' ? 'ended' : 'ends'}>
          <time dateTime={endsAt} title={formatExact(endsAt)}>
            {formatRelative(endsAt, now)}
          </time>
        </Fact>
      )}
      {apiKey.replaced_by !== null && (
        <Fact word="its successor is">
          <span className="font-mono">{apiKey.replaced_by}</span>
        </Fact>
      )}
    </>
  )
}

function Fact({ word, children }: { word: string; children?: ReactNode }) {
  return (
    <span className="whitespace-nowrap">
      {word} {children}
    </span>
  )
}
