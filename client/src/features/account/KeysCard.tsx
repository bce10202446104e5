import { useInfiniteQuery } from '@tanstack/react-query'
import { KeyRound, Plus } from 'lucide-react'
import { useState } from 'react'
import type { ApiKey, Me, NewApiKey } from '@/api/types'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { QueryView } from '@/components/QueryView'
import { ShowMore } from '@/components/ShowMore'
import { useSlowNow } from '@/hooks/useSlowNow'
import { lackOf } from '@/lib/session'
import { CreateKey } from './CreateKey'
import { inOrder } from './describe'
import { KeyRow } from './KeyRow'
import { NewKey } from './NewKey'
import { apiKeysQuery } from './queries'
import { RevokeKey } from './RevokeKey'
import { RotateKey } from './RotateKey'

type Asked = { what: 'create' } | { what: 'rotate' | 'revoke'; apiKey: ApiKey }

/** The keys of the account; what is new is shown once. */
export function KeysCard({ me }: { me: Me }) {
  const lack = lackOf('manage', me.scopes)
  const [asked, setAsked] = useState<Asked | null>(null)
  const [made, setMade] = useState<NewApiKey | null>(null)
  const close = () => setAsked(null)
  const show = (apiKey: NewApiKey) => {
    close()
    setMade(apiKey)
  }
  return (
    <Card
      title="API keys"
      hint="Give each program a key of its own, so that one can be revoked without the others."
      actions={
        <Button small scope="manage" onClick={() => setAsked({ what: 'create' })}>
          <Plus aria-hidden size={14} />
          Create key…
        </Button>
      }
    >
      {lack === null ? (
        <KeyList account={me.account ?? ''} me={me} onAsk={setAsked} />
      ) : (
        <EmptyState icon={KeyRound} title="The keys of the account are not shown">
          {lack} Sign in with a key that has it to create, rotate and revoke keys here.
        </EmptyState>
      )}
      {asked?.what === 'create' && <CreateKey me={me} onClose={close} onMade={show} />}
      {asked?.what === 'rotate' && <RotateKey apiKey={asked.apiKey} onClose={close} onMade={show} />}
      {asked?.what === 'revoke' && (
        <RevokeKey apiKey={asked.apiKey} isInUse={asked.apiKey.id === me.key_id} onClose={close} />
      )}
      {made && <NewKey apiKey={made} onClose={() => setMade(null)} />}
    </Card>
  )
}

type KeyListProps = { account: string; me: Me; onAsk: (asked: Asked) => void }

function KeyList({ account, me, onAsk }: KeyListProps) {
  const now = useSlowNow()
  const query = useInfiniteQuery(apiKeysQuery(account))
  const apiKeys = inOrder(
    (query.data?.pages ?? []).flatMap((page) => page.keys),
    now,
  )
  return (
    <>
      <QueryView query={query} height={160}>
        {() =>
          apiKeys.length === 0 ? (
            <EmptyState icon={KeyRound} title="No keys yet">
              The key in use is not among them: it is of the server’s settings, or a token.
            </EmptyState>
          ) : (
            <ul className="divide-y divide-line">
              {apiKeys.map((apiKey) => (
                <KeyRow
                  key={apiKey.id}
                  apiKey={apiKey}
                  isInUse={apiKey.id === me.key_id}
                  now={now}
                  onRotate={() => onAsk({ what: 'rotate', apiKey })}
                  onRevoke={() => onAsk({ what: 'revoke', apiKey })}
                />
              ))}
            </ul>
          )
        }
      </QueryView>
      <ShowMore query={query} />
    </>
  )
}
